"""Everything that an ingest run decides before it opens the first document."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlparse

from tasks.assemble import ASSETS_FOLDER
from tasks.cache import StepCache
from tasks.discover import LOCK_FILE
from tasks.errors import (
    ManifestInvalid,
    OutputNotWritable,
    SourceMissing,
    UsageError,
)
from tasks.manifest import MANIFEST_FILE, Manifest, parse_manifest
from tasks.options import IngestOptions
from tasks.settings import settings
from tasks.staging import PREVIOUS_MANIFEST, STAGING_FOLDER, Staging
from tasks.storage import Location, remove_stale_temporaries
from tasks.worker_pool import default_workers

CACHE_FOLDER = ".cache"


@dataclass(frozen=True)
class Places:
    """Where a run reads and writes."""

    source: Location
    output: Location
    cache_uri: str

    @property
    def cache(self) -> StepCache:
        return StepCache(Location(self.cache_uri))


def check_places(source: str, output: str, cache: str | None, offline: bool) -> Places:
    """The three folders of a run, checked before anything is started.

    Raises SourceMissing, OutputNotWritable or UsageError.
    """
    places = Places(Location(source), Location(output), cache or "")
    if offline:
        _check_offline(source, output, cache)
    if not places.source.exists():
        raise SourceMissing(f"SOURCE {source!r} does not exist: name a folder of documents")
    if not places.source.is_folder():
        raise SourceMissing(f"SOURCE {source!r} is a file: name the folder that holds it")
    if places.output.is_local:
        _check_output(places)
    elif places.output.uri() == places.source.uri():
        raise UsageError(f"OUT {output} is SOURCE itself: the data set needs a place of its own")
    places.output.make()
    if places.output.is_local and not os.access(places.output.local_path, os.W_OK | os.X_OK):
        raise OutputNotWritable(
            f"OUT {output!r} cannot be written to: choose a folder that you may write to"
        )
    cache_place = Location(cache) if cache else places.output / CACHE_FOLDER
    cache_place.make()
    return Places(places.source, places.output, cache_place.uri())


def _check_output(places: Places) -> None:
    out = places.output.local_path
    if out.exists() and not out.is_dir():
        raise OutputNotWritable(f"OUT {out} is a file: name a folder")
    if places.source.is_local:
        source = os.path.realpath(places.source.local_path)
        if os.path.realpath(out) == source:
            raise UsageError(f"OUT {out} is SOURCE itself: the data set needs a folder of its own")


def _check_offline(source: str, output: str, cache: str | None) -> None:
    for name, value in (("SOURCE", source), ("OUT", output), ("--cache", cache or "")):
        if "://" in value and not value.startswith(("file://", "memory://")):
            raise UsageError(f"--offline forbids the network, but {name} is {value}")
    server = settings().prefect_api_url
    if server and urlparse(server).hostname not in ("localhost", "127.0.0.1", "::1"):
        raise UsageError(
            f"--offline forbids the network, but PREFECT_API_URL is {server}: unset it, and the "
            "local server serves"
        )


@contextmanager
def output_lock(places: Places) -> Iterator[None]:
    """One run at a time writes to a local OUT. Raises UsageError where another one does."""
    if not places.output.is_local:
        yield
        return
    from filelock import FileLock, Timeout

    folder = places.output.local_path
    try:
        with FileLock(folder / LOCK_FILE, timeout=0):
            for place in (folder, folder / STAGING_FOLDER, folder / ASSETS_FOLDER):
                remove_stale_temporaries(place)
            yield
    except Timeout as error:
        raise UsageError(
            f"another run is writing to {folder}: wait for it, or choose another OUT"
        ) from error


def previous_manifest(places: Places) -> Manifest | None:
    """The manifest of the run before; None where there is none that can be read.

    A run that was killed while it published has put it aside: what it says of the sources and of
    the engines still holds, what it says of the files is checked by whoever relies on it.
    """
    staging = Staging(places.output, settings().home).location
    for place, name in ((places.output, MANIFEST_FILE), (staging, PREVIOUS_MANIFEST)):
        try:
            return parse_manifest(place.read_bytes(name))
        except (FileNotFoundError, ManifestInvalid):
            continue
    return None


def pool_size(options: IngestOptions) -> int:
    return options.workers or default_workers()


def excluded_places(places: Places) -> tuple[Location, ...]:
    """Folders that are this run's own, wherever they stand."""
    return (places.output, Location(places.cache_uri))

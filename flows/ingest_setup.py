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
    EngineUnavailable,
    ManifestInvalid,
    OutputNotWritable,
    SourceMissing,
    UsageError,
)
from tasks.extraction.engines import ProfileChoice, choose_profile
from tasks.extraction.options import ExtractionOptions
from tasks.jobs import LimitOptions
from tasks.manifest import MANIFEST_FILE, Manifest, parse_manifest
from tasks.options import IngestOptions
from tasks.records import Describer, Synthesizer
from tasks.reporting.statistics import EngineFacts
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


@dataclass(frozen=True)
class Engines:
    """Which engine serves each need, and what identifies it in cache keys."""

    profile: ProfileChoice
    describer: Describer
    describer_identity: str
    describer_reads: frozenset[str]
    synthesizer: Synthesizer
    synthesizer_identity: str
    limit: LimitOptions
    limit_identity: str
    limit_unit: str
    limit_reason: str

    def facts(self) -> tuple[EngineFacts, ...]:
        """One sentence for each need."""
        embedded = "MODEL is not set" if settings().model is None else "no LLM engine serves yet"
        seeing = (
            "VISION_MODEL is not set"
            if settings().vision_model is None
            else "no vision engine serves yet"
        )
        return (
            EngineFacts(need="extraction", engine=self.profile.name, reason=self.profile.reason),
            EngineFacts(
                need="description",
                engine=self.describer.engine,
                reason=f"{seeing}: pictures are read by OCR.",
            ),
            EngineFacts(
                need="synthesis",
                engine=self.synthesizer.engine,
                reason=f"{embedded}: pairs are spans of the text, asked by rules.",
            ),
            EngineFacts(need="chunk length", engine=self.limit_unit, reason=self.limit_reason),
        )


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


def choose_engines(options: IngestOptions, previous: Manifest | None) -> Engines:
    """Raises EngineUnavailable for a named engine that cannot serve, UsageError for a tokenizer."""
    from tasks.description.job import engine_named as description_engine
    from tasks.synthesis.job import engine_named as synthesis_engine
    from tasks.tokenizer import make_limit

    describer = description_engine("ocr")
    synthesizer = synthesis_engine("extractive")
    limit = make_limit(options.tokenizer, options.chunk_tokens, options.chunk_size, settings().home)
    return Engines(
        profile=_profile(options, previous),
        describer=describer.describer,
        describer_identity=describer.cache_identity,
        describer_reads=describer.reads,
        synthesizer=synthesizer.synthesizer,
        synthesizer_identity=synthesizer.cache_identity,
        limit=LimitOptions(
            tokenizer=options.tokenizer,
            chunk_tokens=options.chunk_tokens,
            chunk_size=options.chunk_size,
            home=str(settings().home),
        ),
        limit_identity=limit.identity,
        limit_unit=limit.unit,
        limit_reason=f"a chunk has at most {limit.maximum} {limit.unit} of "
        f"{_tokenizer_name(options, limit.unit)}.",
    )


def _tokenizer_name(options: IngestOptions, unit: str) -> str:
    if unit != "tokens":
        return "text, a Han character counted as three"
    return options.tokenizer or "SmolLM2-135M"


def _profile(options: IngestOptions, previous: Manifest | None) -> ProfileChoice:
    """A data set keeps its profile: a model that appears must not change a corpus in silence."""
    if options.extraction == "auto" and previous is not None and not options.fresh:
        kept = previous.models.get("extraction", {}).get("engine")
        if previous.options.get("extraction") == "auto" and kept in ("embedded", "heron", "native"):
            reason = f"the data set in OUT was made with {kept}, and no option changes that"
            try:
                choice = choose_profile(kept)
            except EngineUnavailable as error:
                raise EngineUnavailable(
                    f"{error} ({reason}: name another by --extraction, or start anew by --fresh)"
                ) from error
            reason += "; --extraction or --fresh does."
            return ProfileChoice(name=choice.name, reason=reason)
    return choose_profile(options.extraction)


def extraction_options(options: IngestOptions, engines: Engines) -> ExtractionOptions:
    """One thread a process: two processes of one thread beat one process of two by 1.7 times."""
    return ExtractionOptions(
        profile=engines.profile.name, images_scale=options.images_scale, ocr=options.ocr, threads=1
    )


def pool_size(options: IngestOptions) -> int:
    return options.workers or default_workers()


def excluded_places(places: Places) -> tuple[Location, ...]:
    """Folders that are this run's own, wherever they stand."""
    return (places.output, Location(places.cache_uri))

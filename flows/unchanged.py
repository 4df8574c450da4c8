"""Whether OUT already holds what a run would make."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from flows.engines import Engines
from flows.ingest_setup import Places
from tasks.assemble import ASSETS_FOLDER
from tasks.discover import Discovery
from tasks.jobs import VERSIONS
from tasks.known_hashes import KnownHashes, Measured
from tasks.manifest import MANIFEST_FILE, FileEntry, Manifest, fingerprint
from tasks.options import IngestOptions
from tasks.report import REPORT_FILE
from tasks.storage import Location

# What changes how a run works, and not what it makes.
RUNTIME_OPTIONS = {
    "workers",
    "task_runner",
    "ray_address",
    "document_timeout_s",
    "offline",
    "fresh",
    "base_url",
    "vision_base_url",
    "concurrency",
    "call_timeout_s",
    "call_attempts",
    "price_input",
    "price_output",
    "vision_price_input",
    "vision_price_output",
    "currency",
    "max_cost",
    "prompts",  # the engines' identities hold their text
    "batch_api",
    "batch_wait_s",
}


def inputs_fingerprint(
    found: Discovery, options: IngestOptions, engines: Engines, reviews: str
) -> str:
    """Hash of everything that decides the bytes of the data files."""
    return fingerprint(
        {
            "files": [[file.file_path, file.doc_id] for file in found.files],
            "rejects": [[r.file_path, r.reason, r.detail] for r in found.rejects],
            "options": options.model_dump(mode="json", exclude=RUNTIME_OPTIONS),
            "engines": [
                engines.profile.name,
                engines.describer_identity,
                engines.synthesizer_identity,
                engines.limit_identity,
            ],
            "prompts": engines.prompt_hashes(),
            "reviews": hashlib.sha256(reviews.encode("utf-8", "surrogatepass")).hexdigest(),
            "steps": VERSIONS,
        }
    )


def is_unchanged(places: Places, previous: Manifest | None, inputs: str) -> bool:
    """Whether OUT already holds what these inputs make, byte for byte."""
    if previous is None or previous.versions.inputs != inputs:
        return False
    if not places.output.exists(MANIFEST_FILE):
        return False
    return all_stand(places.output, previous.files, places.cache.location)


def all_stand(output: Location, files: Mapping[str, FileEntry], cache: Location) -> bool:
    """Whether the files of a data set are what its manifest says.

    Pictures are named by their content and written whole: their size is enough.
    """
    pictures = {n: e for n, e in files.items() if e.rows is None and n != REPORT_FILE}
    sizes = (output / ASSETS_FOLDER).sizes()
    for name, entry in pictures.items():
        if sizes.get(name.rpartition("/")[2]) != entry.bytes:
            return False
    data = {name: entry for name, entry in files.items() if name not in pictures}
    measured = _measured(output, data, cache)
    return all(measured.get(name) == (entry.bytes, entry.sha256) for name, entry in data.items())


def _measured(
    output: Location, names: Iterable[str], cache: Location
) -> dict[str, Measured | Exception]:
    if output.is_local:
        present = (name for name in names if output.exists(name))
        return {name: output.size_and_sha256(name) for name in present}
    known = KnownHashes(output, cache)
    infos = {name: info for name in names if (info := output.info(name))}
    measured = dict(known.measure(infos))
    known.keep()
    return measured

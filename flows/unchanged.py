"""Whether OUT already holds what a run would make."""

from __future__ import annotations

import hashlib

from flows.engines import Engines
from flows.ingest_setup import Places
from tasks.discover import Discovery
from tasks.jobs import VERSIONS
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
    return all(stands(places.output, name, entry) for name, entry in previous.files.items())


def stands(output: Location, name: str, entry: FileEntry) -> bool:
    """Whether a file of a data set is what its manifest says."""
    if not output.exists(name):
        return False
    if entry.rows is None and name != REPORT_FILE:
        # Pictures are named by their content and written whole: their size is enough.
        return bool(output.fs.size(output.path(name)) == entry.bytes)
    return output.size_and_sha256(name) == (entry.bytes, entry.sha256)

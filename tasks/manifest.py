"""manifest.json: what a data set is made of. Written last: without it a data set is not complete.

The field names at the top are DATA.md's. Times are UTC, ISO 8601; sizes are bytes; hashes are
sha256 in hex.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import IO, Any, Literal

from pydantic import Field, ValidationError

from tasks.errors import ManifestInvalid
from tasks.records import Record, SourceFile
from tasks.spent import SpentCost, SpentUsage

MANIFEST_FILE = "manifest.json"
SCHEMA_VERSION = 1

SourceStatus = Literal["new", "changed", "unchanged", "duplicate", "rejected", "removed"]
_READ_BYTES = 1 << 20


class SourceCounts(Record):
    """What one file gave."""

    pages: int = 0
    images: int = 0
    chunks: int = 0
    pairs: int = 0
    rejects: int = 0


class SourceEntry(Record):
    """A file of SOURCE, or one that was there in the run before (`removed`)."""

    doc_id: str = Field(description="sha256 of the bytes; of a removed file: what it last was")
    size_bytes: int
    status: SourceStatus
    counts: SourceCounts = SourceCounts()


class FileEntry(Record):
    """A file of the output folder."""

    sha256: str
    bytes: int
    rows: int | None = Field(default=None, description="lines of a JSONL file, else null")


class StepVersions(Record):
    """What made the data: programs, the meaning of each step, and a hash over all inputs."""

    clara_pipeline: str
    python: str
    packages: dict[str, str] = Field(default_factory=dict)
    steps: dict[str, int] = Field(default_factory=dict)
    inputs: str | None = Field(
        default=None, description="`fingerprint` of everything that decides the data's bytes"
    )


class Manifest(Record):
    """What a data set is made of. Paths in `sources` are relative to SOURCE, in `files` to OUT."""

    schema_version: int = SCHEMA_VERSION
    versions: StepVersions
    models: dict[str, Any] = Field(description="engine and model of each need")
    sources: dict[str, SourceEntry]
    files: dict[str, FileEntry]
    prompts: dict[str, str] = Field(default_factory=dict, description="sha256 by name")
    options: dict[str, Any]
    seed: int
    usage: SpentUsage = SpentUsage()
    cost: SpentCost = SpentCost()
    started_at: str
    ended_at: str

    def to_json(self) -> bytes:
        """UTF-8, indented, keys of the mappings sorted, a newline at the end."""
        data = self.model_dump(mode="json")
        for name in ("models", "sources", "files", "prompts", "options"):
            data[name] = dict(sorted(data[name].items()))
        return (json.dumps(data, ensure_ascii=False, indent=2) + "\n").encode("utf-8")


def parse_manifest(data: bytes, where: str = MANIFEST_FILE) -> Manifest:
    """The manifest in a file's bytes; `where` names the file in errors.

    Raises ManifestInvalid where it is no JSON, has another schema version, or lacks a field.
    """
    remedy = "delete it and run `clara ingest` again to write it anew"
    try:
        content = json.loads(data)
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ManifestInvalid(f"{where} is not readable as JSON ({error}): {remedy}") from error
    if not isinstance(content, dict):
        raise ManifestInvalid(f"{where} holds no JSON object: {remedy}")
    version = content.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ManifestInvalid(
            f"{where} has schema version {version!r} and this program reads {SCHEMA_VERSION}: "
            "use the version of clara-pipeline that wrote it, or " + remedy
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ManifestInvalid(f"{where}: {field}: {first['msg']}: {remedy}") from error


def source_entries(
    sources: Iterable[SourceFile],
    counts: Mapping[str, SourceCounts],
    previous: Manifest | None = None,
    duplicates: Iterable[str] = (),
    rejected: Iterable[str] = (),
) -> dict[str, SourceEntry]:
    """Entries by path: every file of this run, and those of the run before that are gone.

    `counts` is by path; `duplicates` and `rejected` are paths. A file removed earlier than in
    the run before is not named again. One that was rejected or a duplicate keeps that status
    however often it is seen.
    """
    before = previous.sources if previous else {}
    duplicates, rejected = frozenset(duplicates), frozenset(rejected)
    entries: dict[str, SourceEntry] = {}
    for source in sources:
        path = source.file_path
        entries[path] = SourceEntry(
            doc_id=source.doc_id,
            size_bytes=source.size_bytes,
            status=_status(source, before.get(path), duplicates, rejected),
            counts=counts.get(path, SourceCounts()),
        )
    for path, entry in before.items():
        if path not in entries and entry.status != "removed":
            # One that cannot be read any more is still there.
            gone: SourceStatus = "rejected" if path in rejected else "removed"
            entries[path] = SourceEntry(
                doc_id=entry.doc_id, size_bytes=entry.size_bytes, status=gone
            )
    return dict(sorted(entries.items()))


def _status(
    source: SourceFile,
    before: SourceEntry | None,
    duplicates: frozenset[str],
    rejected: frozenset[str],
) -> SourceStatus:
    if source.file_path in rejected:
        return "rejected"
    if source.file_path in duplicates:
        return "duplicate"
    if before is None or before.status == "removed":
        return "new"
    return "unchanged" if before.doc_id == source.doc_id else "changed"


def measure_file(stream: IO[bytes], *, counts_rows: bool) -> FileEntry:
    """Hash, size and, for JSONL, the number of lines, in one pass over an open binary stream."""
    digest, size, rows = hashlib.sha256(), 0, 0
    while piece := stream.read(_READ_BYTES):
        digest.update(piece)
        size += len(piece)
        rows += piece.count(b"\n")
    return FileEntry(sha256=digest.hexdigest(), bytes=size, rows=rows if counts_rows else None)


def fingerprint(inputs: Mapping[str, Any]) -> str:
    """sha256 over a mapping of JSON values, whatever the order of its keys."""
    text = json.dumps(inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()

from __future__ import annotations

import hashlib
import io
import json

import pytest

from tasks.errors import ManifestInvalid
from tasks.manifest import (
    FileEntry,
    Manifest,
    SourceCounts,
    SourceEntry,
    StepVersions,
    fingerprint,
    measure_file,
    parse_manifest,
    source_entries,
)
from tests.tasks.dataset_rows import source

FIELDS = (
    "schema_version, versions, models, sources, files, prompts, options, seed, usage, cost, "
    "started_at, ended_at"
)


def manifest(sources: dict[str, SourceEntry] | None = None) -> Manifest:
    return Manifest(
        versions=StepVersions(clara_pipeline="0.1.0", python="3.11.9", steps={"chunk": 2}),
        models={"synthesizer": {"engine": "extractive"}},
        sources=sources or {},
        files={"rejects.jsonl": FileEntry(sha256="0" * 64, bytes=0, rows=0)},
        options={"seed": 3, "top_k": 5},
        seed=3,
        started_at="2026-11-22T10:00:00+00:00",
        ended_at="2026-11-22T10:00:09+00:00",
    )


def test_a_manifest_has_exactly_the_documented_fields_and_reads_back() -> None:
    before = manifest({"文档.pdf": SourceEntry(doc_id="a" * 64, size_bytes=9, status="new")})
    data = before.to_json()
    assert list(json.loads(data)) == FIELDS.split(", ")
    assert "文档.pdf" in data.decode("utf-8")
    assert parse_manifest(data) == before
    assert parse_manifest(data).to_json() == data


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b'{"schema_version": 1, "versions"', "JSON"),
        (b"[1]", "no JSON object"),
        (b"{}", "schema version None"),
        (b'{"schema_version": 99}', "schema version 99"),
        (b'{"schema_version": 1}', "versions"),
    ],
)
def test_an_invalid_manifest_is_named_with_a_remedy(data: bytes, complaint: str) -> None:
    with pytest.raises(ManifestInvalid, match=r"out/manifest\.json") as caught:
        parse_manifest(data, "out/manifest.json")
    assert complaint in str(caught.value)
    assert "clara ingest" in str(caught.value)


def test_an_unknown_field_is_named() -> None:
    content = json.loads(manifest().to_json()) | {"extra": 1}
    with pytest.raises(ManifestInvalid, match="extra"):
        parse_manifest(json.dumps(content).encode())


def test_source_entries_say_what_happened_to_each_file() -> None:
    first = source_entries(
        [
            source(name, doc_id=name[0] * 64)
            for name in ("gone.txt", "same.txt", "edit.txt", "bad.txt")
        ],
        {"same.txt": SourceCounts(pages=2, chunks=3)},
        rejected=["bad.txt"],
    )
    assert {path: entry.status for path, entry in first.items()} == {
        "bad.txt": "rejected",
        "edit.txt": "new",
        "gone.txt": "new",
        "same.txt": "new",
    }
    assert first["same.txt"].counts.chunks == 3
    second = source_entries(
        [
            source("same.txt", doc_id="s" * 64),
            source("edit.txt", doc_id="0" * 64),
            source("bad.txt", doc_id="b" * 64),
            source("copy.txt", doc_id="s" * 64),
        ],
        {},
        manifest(first),
        duplicates=["same.txt"],
    )
    assert {path: entry.status for path, entry in second.items()} == {
        "bad.txt": "unchanged",
        "copy.txt": "new",
        "edit.txt": "changed",
        "gone.txt": "removed",
        "same.txt": "duplicate",
    }
    assert second["gone.txt"].doc_id == "g" * 64
    third = source_entries([source("gone.txt", doc_id="g" * 64)], {}, manifest(second))
    assert third["gone.txt"].status == "new"
    assert third["same.txt"].status == "removed"
    assert "gone.txt" not in source_entries([], {}, manifest(second))


def test_files_are_measured_in_one_pass() -> None:
    data = b'{"a": 1}\n' * 300_000
    entry = measure_file(io.BytesIO(data), counts_rows=True)
    assert entry == FileEntry(
        sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), rows=300_000
    )
    assert measure_file(io.BytesIO(b"\xff\n"), counts_rows=False).rows is None


def test_a_fingerprint_does_not_depend_on_the_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint(
        {"b": {"d": 3, "c": 2}, "a": 1}
    )
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})

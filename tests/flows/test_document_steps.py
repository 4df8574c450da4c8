"""Which documents share a task run, and that each of them still succeeds or fails for itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from flows.document_steps import document_batches
from tasks.cache import StepCache
from tasks.errors import FileRejected
from tasks.extraction.job import extract
from tasks.extraction.options import ExtractionOptions
from tasks.jobs import ExtractJob, ExtractOutcome, FileToRead
from tasks.records import FileKind, SourceFile
from tasks.storage import Location


def a_file(name: str, size_bytes: int, kind: FileKind = "markdown") -> SourceFile:
    return SourceFile(
        file_path=name, uri=f"/{name}", kind=kind, size_bytes=size_bytes, doc_id=name * 4
    )


def test_small_texts_share_a_task_run_and_nothing_else_does() -> None:
    small = [a_file(f"{number:02d}.md", 1000 - number) for number in range(25)]
    large = a_file("large.md", 100_000)
    scan = a_file("scan.pdf", 900, "pdf")
    made = document_batches([*small, scan, large], workers=2)
    assert [[file.file_path for file in batch] for batch in made[:2]] == [
        ["large.md"],
        ["scan.pdf"],
    ]
    assert [len(batch) for batch in made[2:]] == [9, 9, 7]
    assert [file for batch in made[2:] for file in batch] == small


def test_a_few_small_texts_keep_every_worker_busy() -> None:
    small = [a_file(f"{number}.txt", 10, "text") for number in range(4)]
    assert [len(batch) for batch in document_batches(small, workers=4)] == [1, 1, 1, 1]
    assert document_batches([], workers=4) == []


@pytest.fixture
def job(tmp_path: Path) -> ExtractJob:
    """Three texts, the second of which is empty."""
    items = []
    for number, text in enumerate(("# Pump\n\nSix bar.\n", "", "# Valve\n\nNine bar.\n")):
        path = tmp_path / f"{number}.md"
        path.write_text(text)
        file = SourceFile(
            file_path=path.name,
            uri=str(path),
            kind="markdown",
            size_bytes=len(text),
            doc_id=hashlib.sha256(text.encode()).hexdigest(),
        )
        items.append(FileToRead(key=f"{number}" * 64, file=file))
    return ExtractJob(
        cache_uri=str(tmp_path / "cache"), files=tuple(items), options=ExtractionOptions()
    )


def outcomes(job: ExtractJob) -> list[ExtractOutcome | None]:
    cache = StepCache(Location(job.cache_uri))
    return [cache.get("extract", key, ExtractOutcome) for key in job.item_keys]


def test_a_batch_names_whom_it_rejected(job: ExtractJob) -> None:
    done = extract(job)
    first, second, third = outcomes(job)
    assert first and first.document and third and third.document
    assert second and second.rejection and second.rejection.reason
    assert (done.made, done.rejected) == (3, 1)
    assert (done.note or "").startswith(f"1.md: {second.rejection.reason}: ")
    assert job.title == "0.md and 2 more"


def test_what_a_batch_had_finished_is_not_done_again(job: ExtractJob) -> None:
    changed = Path(job.files[2].file.uri)
    before = changed.read_text()
    changed.write_text("other bytes\n")
    with pytest.raises(FileRejected, match="changed while it was read"):
        extract(job)
    assert [outcome is not None for outcome in outcomes(job)] == [True, True, False]

    changed.write_text(before)
    for item in job.files[:2]:
        Path(item.file.uri).unlink()
    assert extract(job).made == 3
    assert all(outcomes(job))

"""The steps that read files: standalone images are opened, documents are extracted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.engines import extraction_options
from flows.ingest_runner import IMAGE_BATCH, StepRunner, batches, refused
from tasks.cache import content_key
from tasks.corpus import CorpusEntry
from tasks.jobs import (
    VERSIONS,
    ExtractJob,
    ExtractOutcome,
    FileToRead,
    PictureOutcome,
    PicturesJob,
)
from tasks.records import SourceFile

_TEXT_KINDS = frozenset({"csv", "html", "markdown", "text"})
_SMALL_BYTES = 64 << 10
_SMALL_BATCH = 10


@dataclass
class DocumentSteps(StepRunner):
    """From files to extractions and pictures in the cache."""

    def open_pictures(self, files: Sequence[SourceFile]) -> dict[str, PictureOutcome]:
        """Outcomes by file_path. A TIFF of several pages has `pages` and no picture."""
        from tasks.open_pictures import open_pictures

        keys = self.picture_keys = {
            file.file_path: content_key("pictures", VERSIONS["pictures"], doc_id=file.doc_id)
            for file in files
        }
        items = {keys[f.file_path]: FileToRead(key=keys[f.file_path], file=f) for f in files}
        with self.watch.step("images", len(items)) as step:
            missing = self.missing("pictures", items, step)
            jobs = [
                PicturesJob(files=tuple(batch), **self.common(len(batch)))
                for batch in batches(missing, IMAGE_BATCH, self.runner.width)
            ]
            failed = self.failures(self.fan_out(open_pictures, step, jobs))
        outcomes = {}
        stored = self.cache.stream("pictures", (keys[f.file_path] for f in files), PictureOutcome)
        for file, outcome in zip(files, stored, strict=True):
            rejection = failed.get(keys[file.file_path]) or refused(outcome)
            if rejection is not None or outcome is None:
                self.reject(file.file_path, "describe", rejection)
            else:
                outcomes[file.file_path] = outcome
        return outcomes

    def extract(self, files: Sequence[SourceFile]) -> list[CorpusEntry]:
        """Entries of the files that could be extracted, in order."""
        from tasks.extract import extract_document

        options = extraction_options(self.options, self.engines)
        decisive = options.model_dump(mode="json", exclude={"threads"})
        keys = {
            file.file_path: content_key(
                "extract",
                VERSIONS["extract"],
                doc_id=file.doc_id,
                kind=file.kind,
                options=decisive,
            )
            for file in files
        }
        first: dict[str, SourceFile] = {}
        for file in files:
            first.setdefault(keys[file.file_path], file)
        with self.watch.step("extract", len(first)) as step:
            missing = self.missing("extract", first, step)
            jobs = [
                ExtractJob(
                    files=tuple(FileToRead(key=keys[f.file_path], file=f) for f in batch),
                    options=options,
                    **self.common(len(batch)),
                )
                for batch in document_batches(missing, self.runner.width)
            ]
            failed = self.failures(self.fan_out(extract_document, step, jobs))
        entries = []
        stored = self.cache.stream("extract", (keys[f.file_path] for f in files), ExtractOutcome)
        for file, outcome in zip(files, stored, strict=True):
            key = keys[file.file_path]
            rejection = failed.get(key) or refused(outcome)
            if rejection is not None or outcome is None or outcome.document is None:
                self.reject(file.file_path, "extract", rejection)
                continue
            for dropped in outcome.document.dropped_pictures:
                self.rejects.append(dropped.model_copy(update={"file_path": file.file_path}))
            entries.append(CorpusEntry(file=file, outcome_step="extract", outcome_key=key))
        return entries


def document_batches(files: Sequence[SourceFile], workers: int) -> list[Sequence[SourceFile]]:
    """Which documents a task run extracts: one, or several small texts.

    A task run costs the server and this process about as much as a small text itself.
    """
    # The longest first: a long document that starts last would run alone at the end.
    ordered = sorted(files, key=lambda file: -file.size_bytes)
    small = [file for file in ordered if _is_small(file)]
    alone = [[file] for file in ordered if not _is_small(file)]
    return [*alone, *batches(small, _SMALL_BATCH, workers)]


def _is_small(file: SourceFile) -> bool:
    return file.kind in _TEXT_KINDS and file.size_bytes <= _SMALL_BYTES

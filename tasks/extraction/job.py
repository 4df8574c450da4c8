"""Extraction of documents, as a worker process does it: look, convert, store, one by one."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tasks.errors import FileRejected
from tasks.extraction.options import ExtractionOptions
from tasks.file_fetch import local_copy
from tasks.jobs import Done, ExtractJob, ExtractOutcome, Rejection
from tasks.records import ExtractedDocument, SourceFile
from tasks.storage import Location

_REASONS_TOLD = 3


def extract(job: ExtractJob) -> Done:
    """Stores an ExtractOutcome under each file's key.

    A file that will never work is an outcome too, so that it is not tried at every run. Raises
    FileRejected for what may work at another time, StorageError where storage failed.
    """
    cache = job.cache()
    refused: list[str] = []
    for item in job.files:
        # Of a job of one, the caller knows that it is missing.
        if job.size > 1 and job.is_done(cache, item.key):
            continue
        outcome = _outcome(item.file, job.options, cache.images)
        cache.put(job.step, item.key, outcome)
        if outcome.rejection is not None:
            why = f"{outcome.rejection.reason}: {outcome.rejection.detail}"
            refused.append(why if job.size == 1 else f"{item.file.file_path}: {why}")
    note = "; ".join(refused[:_REASONS_TOLD])
    if len(refused) > _REASONS_TOLD:
        note += f"; and {len(refused) - _REASONS_TOLD} more"
    return Done(made=job.size, rejected=len(refused), note=note or None)


def _outcome(file: SourceFile, options: ExtractionOptions, images: Location) -> ExtractOutcome:
    try:
        return ExtractOutcome(document=_extract(file, options, images))
    except FileRejected as rejected:
        if rejected.retryable:
            raise
        return ExtractOutcome(rejection=Rejection(reason=rejected.reason, detail=rejected.detail))
    except MemoryError as error:
        raise FileRejected(
            "out_of_memory", "the document needs more memory than there is", retryable=True
        ) from error


def _extract(file: SourceFile, options: ExtractionOptions, images: Location) -> ExtractedDocument:
    from tasks.extraction.worker import extract_file
    from tasks.probe import probe_file

    with local_copy(file) as path:
        probe_file(path, file.kind)
        if images.is_local:
            return _unchanged(extract_file(path, file.kind, options, images.local_path), file)
        with tempfile.TemporaryDirectory(prefix="clara-images-") as folder:
            document = extract_file(path, file.kind, options, Path(folder))
            for picture in sorted(Path(folder).glob("*.jpg")):
                images.write_bytes(picture.name, picture.read_bytes())
            return _unchanged(document, file)


def _unchanged(document: ExtractedDocument, file: SourceFile) -> ExtractedDocument:
    """The document, if it was made of the bytes that its key names."""
    if document.doc_id != file.doc_id:
        raise FileRejected(
            "file_changed", "the file changed while it was read: run again", retryable=True
        )
    return document

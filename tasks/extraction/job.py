"""Extraction of one document, as a worker process does it: look, convert, store."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tasks.errors import FileRejected
from tasks.file_fetch import local_copy
from tasks.jobs import Done, ExtractJob, ExtractOutcome, Rejection
from tasks.records import ExtractedDocument


def extract(job: ExtractJob) -> Done:
    """Stores an ExtractOutcome under the job's key.

    A file that will never work is an outcome too, so that it is not tried at every run. Raises
    FileRejected for what may work at another time, StorageError where storage failed.
    """
    cache = job.cache()
    try:
        outcome = ExtractOutcome(document=_extract(job))
    except FileRejected as rejected:
        if rejected.retryable:
            raise
        outcome = ExtractOutcome(
            rejection=Rejection(reason=rejected.reason, detail=rejected.detail)
        )
    except MemoryError as error:
        raise FileRejected(
            "out_of_memory", "the document needs more memory than there is", retryable=True
        ) from error
    cache.put(job.step, job.key, outcome)
    refused = outcome.rejection
    if refused is None:
        return Done(made=1)
    return Done(made=1, rejected=1, note=f"{refused.reason}: {refused.detail}")


def _extract(job: ExtractJob) -> ExtractedDocument:
    from tasks.extraction.worker import extract_file
    from tasks.probe import probe_file

    images = job.cache().images
    with local_copy(job.file) as path:
        probe_file(path, job.file.kind)
        if images.is_local:
            return _unchanged(
                extract_file(path, job.file.kind, job.options, images.local_path), job
            )
        with tempfile.TemporaryDirectory(prefix="clara-images-") as folder:
            document = extract_file(path, job.file.kind, job.options, Path(folder))
            for picture in sorted(Path(folder).glob("*.jpg")):
                images.write_bytes(picture.name, picture.read_bytes())
            return _unchanged(document, job)


def _unchanged(document: ExtractedDocument, job: ExtractJob) -> ExtractedDocument:
    """The document, if it was made of the bytes that its key names."""
    if document.doc_id != job.file.doc_id:
        raise FileRejected(
            "file_changed", "the file changed while it was read: run again", retryable=True
        )
    return document

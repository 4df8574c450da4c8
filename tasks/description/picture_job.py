"""Standalone images, as a worker process opens them: checked, made uniform, stored by id."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from tasks.errors import FileRejected
from tasks.file_fetch import local_copy
from tasks.jobs import Done, PictureOutcome, PicturesJob, Rejection
from tasks.records import SourceFile
from tasks.storage import Location


def load(job: PicturesJob) -> Done:
    """Stores a PictureOutcome under the key of each file.

    Raises FileRejected for a file that may be readable at another time, StorageError.
    """
    cache = job.cache()
    rejected = 0
    for item in job.files:
        if job.is_done(cache, item.key):
            continue
        outcome = _load(item.file, cache.images)
        rejected += int(outcome.rejection is not None)
        cache.put(job.step, item.key, outcome)
    return Done(made=len(job.files), rejected=rejected)


def _is_tiff(path: Path) -> bool:
    """By content: the same bytes are the same document, whatever the file is called."""
    with path.open("rb") as stream:
        return stream.read(4) in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _load(file: SourceFile, images: Location) -> PictureOutcome:
    from tasks.pictures import canonical_picture, check_frames, open_picture, save_picture
    from tasks.probe import probe_file

    try:
        with local_copy(file) as path:
            probe_file(path, "image")
            pages = check_frames(path) if _is_tiff(path) else 1
            picture = canonical_picture(open_picture(path)) if pages == 1 else None
            if _sha256(path) != file.doc_id:
                raise FileRejected(
                    "file_changed", "the file changed while it was read: run again", retryable=True
                )
            if picture is None:
                return PictureOutcome(pages=pages)
    except FileRejected as error:
        if error.retryable:
            raise
        return PictureOutcome(rejection=Rejection(reason=error.reason, detail=error.detail))
    if images.is_local:
        save_picture(picture, images.local_path)
    else:
        with tempfile.TemporaryDirectory(prefix="clara-images-") as folder:
            saved = save_picture(picture, Path(folder))
            images.write_bytes(saved.name, saved.read_bytes())
    return PictureOutcome(
        image_id=picture.image_id,
        width_px=picture.image.width,
        height_px=picture.image.height,
    )

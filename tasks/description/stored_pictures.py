"""The cache's copies of pictures, as describers open them, and what becomes of a bad one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import FileRejected
from tasks.jobs import DescribeOutcome, Rejection
from tasks.storage import Location

if TYPE_CHECKING:
    from PIL import Image

# Reasons that speak of our own copy, when they come from opening it.
_OF_THE_COPY = ("image_", "file_", "empty_")


@contextmanager
def stored_picture(images: Location, image_id: str) -> Iterator[Path]:
    """The copy as a file of this machine. Raises FileRejected where the cache has lost it."""
    name = f"{image_id}.jpg"
    if images.is_local:
        yield images.local_path / name
        return
    try:
        data = images.read_bytes(name)
    except FileNotFoundError as error:
        raise FileRejected(
            "file_vanished", "the cache has lost its copy of the picture", retryable=True
        ) from error
    with tempfile.TemporaryDirectory(prefix="clara-image-") as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        yield path


def open_stored(images: Location, image_id: str) -> Image.Image:
    """Its pixels in mode RGB. Raises FileRejected."""
    from tasks.pictures import open_picture, to_rgb

    with stored_picture(images, image_id) as path:
        return to_rgb(open_picture(path))


def outcome_of_opening(error: FileRejected, image_id: str, images: Location) -> DescribeOutcome:
    """What becomes of a picture whose copy was opened in vain.

    Raises FileRejected, retryable, where the copy is damaged and not the document: it is removed,
    and without it, it is made again.
    """
    if error.reason.startswith(_OF_THE_COPY):
        images.remove(f"{image_id}.jpg")
        raise FileRejected(error.reason, error.detail, retryable=True) from error
    return rejected_outcome(error, image_id)


def rejected_outcome(error: FileRejected, image_id: str) -> DescribeOutcome:
    """The rejection as a result. Raises `error` itself where it may pass."""
    if error.retryable:
        raise error
    return DescribeOutcome(
        rejection=Rejection(reason=error.reason, detail=error.detail, id=image_id)
    )

"""Description of a batch of pictures, as a worker process does it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from tasks.description.engine import DescriptionEngine
from tasks.errors import EngineUnavailable, FileRejected
from tasks.jobs import DescribeJob, DescribeOutcome, Done, PictureToDescribe, Rejection
from tasks.records import Description
from tasks.storage import Location


@lru_cache(maxsize=2)
def engine_named(name: str) -> DescriptionEngine:
    """The engine of that name; it stays alive with the process. Raises EngineUnavailable."""
    if name == "ocr":
        from tasks.description.ocr import OcrDescriber

        return OcrDescriber()
    raise EngineUnavailable(f"there is no description engine named {name!r}: use 'ocr'")


def describe(job: DescribeJob) -> Done:
    """Stores a DescribeOutcome under the key of each picture."""
    cache = job.cache()
    engine = engine_named(job.engine)
    rejected = 0
    for picture in job.pictures:
        # Stored one by one: what a killed batch had finished is not done again.
        if job.is_done(cache, picture.key):
            continue
        outcome = _describe(engine, picture, cache.images)
        rejected += int(outcome.description is None)
        cache.put(job.step, picture.key, outcome)
    return Done(made=len(job.pictures), rejected=rejected)


def _describe(
    engine: DescriptionEngine, picture: PictureToDescribe, images: Location
) -> DescribeOutcome:
    try:
        with _local_image(images, picture.image_id) as path:
            text = engine.describe(path, picture.context)
    except FileRejected as error:
        if error.reason.startswith(("image_", "file_", "empty_")):
            # Our own copy is damaged, and not the document: without it, it is made again.
            images.remove(f"{picture.image_id}.jpg")
            raise FileRejected(error.reason, error.detail, retryable=True) from error
        if error.retryable:
            raise
        return DescribeOutcome(
            rejection=Rejection(reason=error.reason, detail=error.detail, id=picture.image_id)
        )
    return DescribeOutcome(
        description=Description(image_id=picture.image_id, text=text, describer=engine.describer)
    )


@contextmanager
def _local_image(images: Location, image_id: str) -> Iterator[Path]:
    name = f"{image_id}.jpg"
    if images.is_local:
        yield images.local_path / name
        return
    with tempfile.TemporaryDirectory(prefix="clara-image-") as folder:
        path = Path(folder) / name
        path.write_bytes(images.read_bytes(name))
        yield path

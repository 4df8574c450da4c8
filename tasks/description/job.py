"""Description of a batch of pictures, as a worker process does it."""

from __future__ import annotations

from functools import lru_cache

from tasks.description.engine import DescriptionEngine
from tasks.description.stored_pictures import outcome_of_opening, stored_picture
from tasks.errors import EngineUnavailable, FileRejected
from tasks.jobs import DescribeJob, DescribeOutcome, Done, PictureToDescribe
from tasks.records import Description
from tasks.storage import Location


@lru_cache(maxsize=2)
def engine_named(name: str) -> DescriptionEngine:
    """The engine of that name; it stays alive with the process. Raises EngineUnavailable."""
    if name == "ocr":
        from tasks.description.ocr import OcrDescriber

        return OcrDescriber()
    if name == "vision":
        raise EngineUnavailable(
            "the describer 'vision' needs a model behind an endpoint: set VISION_MODEL (and "
            "BASE_URL, or VISION_BASE_URL), or use 'ocr'"
        )
    raise EngineUnavailable(f"there is no description engine named {name!r}: use 'vision' or 'ocr'")


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
        with stored_picture(images, picture.image_id) as path:
            text = engine.describe(path, picture.context)
    except FileRejected as error:
        return outcome_of_opening(error, picture.image_id, images)
    return DescribeOutcome(
        description=Description(image_id=picture.image_id, text=text, describer=engine.describer)
    )

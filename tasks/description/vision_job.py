"""Description of a batch of pictures by a vision model, on the loop that all calls share.

Each outcome is stored as soon as it is there. What stops the run lets the calls under way come
to their end, because they are paid, and starts no new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tasks.cache import StepCache
from tasks.description.stored_pictures import (
    outcome_of_opening,
    rejected_outcome,
    stored_picture,
)
from tasks.description.vision import VisionDescriber
from tasks.endpoint.chat import AnswerPending, Asker, ChatAnswer, ChatRequest
from tasks.errors import ClaraError, FileRejected
from tasks.jobs import DescribeJob, DescribeOutcome, Done, PictureToDescribe, Rejection
from tasks.prompting import load_prompts
from tasks.records import Description

# A decoded picture is 12 MB: no more than these are decoded at a time, whatever the concurrency
# and the number of batches.
_DECODING = ThreadPoolExecutor(max_workers=4, thread_name_prefix="clara-picture")
# Pictures that are ready before a call is free: none waits for a picture to be decoded, and a
# batch of hundreds does not lie in memory at once.
_AHEAD = 4


async def describe(job: DescribeJob, asker: Asker, advance: Callable[[int], None]) -> Done:
    """Stores a DescribeOutcome under the key of each picture.

    Raises ClaraError for what stops the run, after the calls under way are stored. Raises what
    nobody foresaw of a single picture, after all others are stored.
    """
    if job.calls is None:
        raise ValueError("a job of the vision describer names no endpoint")
    batch = _Batch(
        job=job,
        cache=job.cache(),
        describer=VisionDescriber(job.calls.model, load_prompts(job.prompts), job.calls.extra_body),
        asker=asker,
        advance=advance,
    )
    waiting = iter(job.pictures)
    lanes = min(len(job.pictures), job.calls.concurrency + _AHEAD)
    async with asyncio.TaskGroup() as group:
        for _ in range(lanes):
            group.create_task(batch.work(waiting))
    if error := batch.stopped_by or batch.failed_on:
        raise error
    return Done(
        made=len(job.pictures),
        rejected=batch.rejected,
        pending=batch.pending,
        failures=batch.failures,
    )


@dataclass
class _Batch:
    """A batch under way. As an Asker it passes calls on until something stops the run."""

    job: DescribeJob
    cache: StepCache
    describer: VisionDescriber
    asker: Asker
    advance: Callable[[int], None]
    rejected: int = 0
    pending: int = 0
    stopped_by: ClaraError | None = None
    failed_on: Exception | None = None
    failures: dict[str, Rejection] = field(default_factory=dict)

    async def work(self, waiting: Iterator[PictureToDescribe]) -> None:
        """Describes one picture after another until there is none, or the run is stopped."""
        for picture in waiting:
            if self.stopped_by is not None:
                return
            try:
                await self._settle(picture)
            except AnswerPending:
                self.pending += 1
            except ClaraError as error:
                self.stopped_by = self.stopped_by or error
            except FileRejected as error:
                why = Rejection(reason=error.reason, detail=error.detail, id=picture.image_id)
                self.failures[picture.key] = why
            except Exception as error:  # raised at the end: it must not cost the other pictures
                self.failed_on = self.failed_on or error

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        if self.stopped_by is not None:
            raise self.stopped_by
        return await self.asker.ask(request)

    async def _settle(self, picture: PictureToDescribe) -> None:
        if await asyncio.to_thread(self.job.is_done, self.cache, picture.key):
            return  # counted when it was made
        outcome = await self._outcome(picture)
        await asyncio.to_thread(self.cache.put, self.job.step, picture.key, outcome)
        self.rejected += int(outcome.description is None)
        self.advance(1)

    async def _outcome(self, picture: PictureToDescribe) -> DescribeOutcome:
        loop = asyncio.get_running_loop()
        prepared = await loop.run_in_executor(_DECODING, self._prepare, picture)
        if isinstance(prepared, DescribeOutcome):
            return prepared
        try:
            described = await self.describer.answer(prepared, picture.context, self)
        except FileRejected as error:
            return rejected_outcome(error, picture.image_id)
        return DescribeOutcome(
            description=Description(
                image_id=picture.image_id,
                text=described.text,
                describer=self.describer.describer,
                usage=described.usage,
            )
        )

    def _prepare(self, picture: PictureToDescribe) -> ChatRequest | DescribeOutcome:
        try:
            with stored_picture(self.cache.images, picture.image_id) as path:
                return self.describer.prepare(path, picture.context)
        except FileRejected as error:
            return outcome_of_opening(error, picture.image_id, self.cache.images)

"""A batch of pictures on one loop: each outcome stored at once, whatever happens to the others."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from examples.corpus_fonts import raster_font
from tasks.cache import StepCache
from tasks.description import vision_job
from tasks.description.engine import PictureContext
from tasks.endpoint.chat import AnswerPending, ChatAnswer, ChatRequest
from tasks.endpoint.failures import EndpointRefused, ItemRefused
from tasks.endpoint.options import EndpointOptions
from tasks.errors import CostLimitReached
from tasks.jobs import DescribeJob, DescribeOutcome, Done, PictureToDescribe
from tasks.pictures import canonical_picture, save_picture
from tasks.records import Usage
from tasks.storage import Location


class Endpoint:
    """Answers each picture by what is scripted for it, and counts the calls under way.

    Calls are held until `expected` of them are there, so that a test knows what is under way.
    """

    def __init__(self, replies: dict[str, str | Exception], expected: int = 1) -> None:
        self._replies, self._expected = replies, expected
        self._there = asyncio.Event()
        self.fifth = asyncio.Event()
        self.asked: list[str] = []
        self.under_way = self.most_under_way = 0

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        images = [image for message in request.messages for image in message.images]
        name = images[0].sha256
        self.asked.append(name)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        if len(self.asked) >= self._expected:
            self._there.set()
        if len(self.asked) == 5:
            self.fifth.set()
        try:
            await self._there.wait()
            reply = self._replies.get(name, f"Summary: Pump {name} stands beside the tank.")
            if isinstance(reply, Exception):
                raise reply
            await asyncio.sleep(0)
            usage = Usage(prompt_tokens=10, completion_tokens=5)
            return ChatAnswer(text=reply, usage=usage, model=request.step)
        finally:
            self.under_way -= 1


class Batch:
    """A job over drawn pictures in a cache of its own."""

    def __init__(self, folder: Path, count: int, concurrency: int = 16) -> None:
        self.cache = StepCache(Location(folder))
        self.images = folder / "images"
        self.ids = []
        for number in range(count):
            image = Image.new("RGB", (200, 100), "white")
            ImageDraw.Draw(image).text(
                (10, 30), f"水泵 {number}", font=raster_font(30), fill="black"
            )
            picture = canonical_picture(image)
            save_picture(picture, self.images)
            self.ids.append(picture.image_id)
        self.job = DescribeJob(
            cache_uri=str(folder),
            engine="vision",
            calls=EndpointOptions(
                need="vision",
                base_url="http://localhost/v1",
                model="see-1",
                concurrency=concurrency,
                cache_uri=str(folder),
            ),
            pictures=tuple(
                PictureToDescribe(image_id=i, key=f"{n:02}{i}", context=PictureContext())
                for n, i in enumerate(self.ids)
            ),
        )
        self.advanced: list[int] = []

    def name_of(self, number: int) -> str:
        """What the endpoint knows a picture by."""
        path = self.images / f"{self.ids[number]}.jpg"
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def run(self, endpoint: Endpoint) -> Done:
        return asyncio.run(vision_job.describe(self.job, endpoint, self.advanced.append))

    def outcome(self, number: int) -> DescribeOutcome | None:
        return self.cache.get("describe", self.job.pictures[number].key, DescribeOutcome)

    def described(self) -> list[int]:
        outcomes = {n: self.outcome(n) for n in range(len(self.ids))}
        return [n for n, outcome in outcomes.items() if outcome and outcome.description]


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return Batch(tmp_path, 8)


def test_all_pictures_are_asked_for_at_once(batch: Batch) -> None:
    endpoint = Endpoint({}, expected=8)
    assert batch.run(endpoint) == Done(made=8)
    assert endpoint.most_under_way == 8
    assert batch.described() == list(range(8)) and sum(batch.advanced) == 8
    outcome = batch.outcome(3)
    assert outcome is not None and outcome.description is not None
    assert outcome.description.image_id == batch.ids[3]
    assert batch.name_of(3) in outcome.description.text
    assert outcome.description.describer.engine == "vision"
    assert outcome.description.describer.model == "see-1"
    assert outcome.description.usage == Usage(prompt_tokens=10, completion_tokens=5)


def test_a_large_batch_does_not_lie_in_memory(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 30, concurrency=2)
    endpoint = Endpoint({}, expected=6)
    assert batch.run(endpoint).made == 30
    assert endpoint.most_under_way == 6  # two calls, and four pictures ready for the next
    assert len(batch.described()) == 30


def test_what_is_there_is_not_asked_for_again(batch: Batch) -> None:
    batch.run(Endpoint({}))
    endpoint = Endpoint({})
    batch.advanced.clear()
    assert batch.run(endpoint) == Done(made=8)
    assert endpoint.asked == [] and batch.advanced == []
    batch.job = batch.job.model_copy(update={"overwrite": True})
    batch.run(endpoint)
    assert len(endpoint.asked) == 8


def test_a_refused_picture_is_an_outcome(batch: Batch) -> None:
    refused = {
        batch.name_of(1): ItemRefused("image_refused", "the provider calls it illegal"),
        batch.name_of(2): "I'm sorry, but I can't describe this.",
    }
    assert batch.run(Endpoint(refused)) == Done(made=8, rejected=2)
    assert batch.described() == [0, 3, 4, 5, 6, 7] and sum(batch.advanced) == 8
    for number, reason in ((1, "image_refused"), (2, "description_refused")):
        outcome = batch.outcome(number)
        assert outcome is not None and outcome.rejection is not None
        assert outcome.rejection.reason == reason and outcome.rejection.id == batch.ids[number]
    # The endpoint refused the picture: our copy of it is as good as ever.
    assert (batch.images / f"{batch.ids[1]}.jpg").exists()


def test_decoration_is_an_outcome_without_a_call(batch: Batch) -> None:
    repeated = batch.job.pictures[0].model_copy(update={"context": PictureContext(repeated=True)})
    batch.job = batch.job.model_copy(update={"pictures": (repeated, *batch.job.pictures[1:])})
    endpoint = Endpoint({})
    assert batch.run(endpoint) == Done(made=8, rejected=1)
    outcome = batch.outcome(0)
    assert outcome is not None and outcome.rejection is not None
    assert outcome.rejection.reason == "decoration" and outcome.rejection.id == batch.ids[0]
    assert len(endpoint.asked) == 7


@pytest.mark.parametrize(
    "error", [EndpointRefused("key", "the key was refused"), CostLimitReached("nothing is left")]
)
def test_what_stops_the_run_cancels_nothing(tmp_path: Path, error: Exception) -> None:
    batch = Batch(tmp_path, 12, concurrency=1)
    endpoint = Endpoint({batch.name_of(0): error}, expected=5)
    with pytest.raises(type(error)) as caught:
        batch.run(endpoint)
    assert caught.value is error
    # Five were under way: one failed, four came to their end, and no sixth was sent.
    assert len(endpoint.asked) == 5
    assert len(batch.described()) == 4 and sum(batch.advanced) == 4
    again = Endpoint({})
    assert batch.run(again).made == 12
    assert len(again.asked) == 8 and sum(batch.advanced) == 12


def test_no_second_call_is_made_after_the_end(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 2)
    batch.job = batch.job.model_copy(
        update={
            "pictures": tuple(
                p.model_copy(update={"context": PictureContext(language="zh")})
                for p in batch.job.pictures
            )
        }
    )
    refused = EndpointRefused("payment", "no money is left")
    english = "Summary: A pump stands beside the tank of clear water."
    endpoint = Endpoint({batch.name_of(0): refused, batch.name_of(1): english}, expected=2)
    with pytest.raises(EndpointRefused):
        batch.run(endpoint)
    assert len(endpoint.asked) == 2  # the complaint about the English answer was not sent
    assert batch.described() == []


def test_what_may_pass_costs_the_others_nothing(batch: Batch) -> None:
    failed = ItemRefused("call_failed", "ten attempts failed", retryable=True)
    done = batch.run(Endpoint({batch.name_of(2): failed}))
    assert [why.reason for why in done.failures.values()] == ["call_failed"]
    assert batch.described() == [0, 1, 3, 4, 5, 6, 7] and batch.outcome(2) is None
    assert sum(batch.advanced) == 7


def test_a_damaged_copy_is_removed_and_made_again(batch: Batch) -> None:
    copy = batch.images / f"{batch.ids[5]}.jpg"
    copy.write_bytes(copy.read_bytes()[:700])
    done = batch.run(Endpoint({}))
    assert [why.reason for why in done.failures.values()] == ["image_truncated"]
    assert not copy.exists() and batch.outcome(5) is None
    assert len(batch.described()) == 7


def test_a_lost_copy_may_pass(batch: Batch) -> None:
    (batch.images / f"{batch.ids[5]}.jpg").unlink()
    done = batch.run(Endpoint({}))
    assert [why.reason for why in done.failures.values()] == ["file_vanished"]
    assert len(batch.described()) == 7


def test_a_fault_of_ours_costs_the_others_nothing(batch: Batch) -> None:
    with pytest.raises(ZeroDivisionError):
        batch.run(Endpoint({batch.name_of(4): ZeroDivisionError()}))
    assert batch.described() == [0, 1, 2, 3, 5, 6, 7]


def test_put_aside_is_pending(batch: Batch) -> None:
    done = batch.run(Endpoint({batch.name_of(0): AnswerPending()}))
    assert done == Done(made=8, pending=1)
    assert batch.outcome(0) is None and sum(batch.advanced) == 7


def test_interrupted_in_the_middle_keeps_what_was_answered(tmp_path: Path) -> None:
    batch = Batch(tmp_path, 6, concurrency=1)
    endpoint = Endpoint({}, expected=6)  # five calls are held; the sixth is never sent

    async def interrupted() -> None:
        whole = asyncio.create_task(vision_job.describe(batch.job, endpoint, batch.advanced.append))
        await endpoint.fifth.wait()
        whole.cancel()
        await whole

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted())
    assert batch.described() == [] and endpoint.under_way == 0
    assert batch.run(Endpoint({})).made == 6


def test_pictures_come_from_any_storage(batch: Batch, tmp_path: Path) -> None:
    """A cache that is not on this machine: here one in memory."""
    import fsspec

    memory = fsspec.filesystem("memory")
    uri = f"memory://{tmp_path.name}"
    for path in batch.images.iterdir():
        memory.pipe_file(f"/{tmp_path.name}/images/{path.name}", path.read_bytes())
    batch.job = batch.job.model_copy(update={"cache_uri": uri})
    batch.cache = StepCache(Location(uri))
    memory.rm_file(f"/{tmp_path.name}/images/{batch.ids[0]}.jpg")
    done = batch.run(Endpoint({}))
    assert [why.reason for why in done.failures.values()] == ["file_vanished"]
    assert batch.described() == list(range(1, 8))


def test_a_job_without_an_endpoint_is_a_fault(batch: Batch) -> None:
    batch.job = batch.job.model_copy(update={"calls": None})
    with pytest.raises(ValueError, match="no endpoint"):
        batch.run(Endpoint({}))

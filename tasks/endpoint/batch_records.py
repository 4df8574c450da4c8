"""Batches as they are remembered between runs, and what is told about them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field

from tasks.endpoint.chat import ChatMessage, ChatRequest, ImagePart
from tasks.endpoint.options import Capabilities
from tasks.records import Record

# A status that never changes again. Any other one, also one that we do not know, is waited for.
FINAL_STATUSES = frozenset({"completed", "failed", "expired", "cancelled"})

Outcome = Literal[
    "collected",  # its answers are stored, all or some
    "refused",  # the endpoint refused the file as a whole
    "too_many",  # the endpoint had no room for so many calls at once
    "lost",  # the endpoint does not know it any more
]


class BatchEntry(Record):
    """One batch, from the moment before its file is uploaded to the moment it is collected.

    Each field is stored before the next call that it is about, so a run that died at any point
    left enough to find out what the endpoint got.
    """

    key: str = Field(description="name of this entry; the endpoint sees it as file and metadata")
    requests: int
    writer: str = Field(description="the run that works on it: another one may take it over")
    intended_at: float = Field(description="Unix seconds, here and below")
    file_id: str | None = None
    create_sent_at: float | None = Field(
        default=None, description="from here on the endpoint may have the batch"
    )
    batch_id: str | None = None
    submitted_at: float | None = None
    status: str | None = Field(default=None, description="the endpoint's word, when last asked")
    done: int = Field(default=0, description="requests that the endpoint is done with")
    outcome: Outcome | None = None
    detail: str | None = None

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES


class BatchContents(Record):
    """Which requests a batch holds: as much of each as it takes to read its answer."""

    capabilities: Capabilities = Field(description="by which the requests were written")
    kinds: tuple[ChatRequest, ...] = Field(description="requests without texts and pictures")
    calls: dict[str, int] = Field(description="request key -> place in kinds")

    @classmethod
    def of(cls, requests: Mapping[str, ChatRequest], capabilities: Capabilities) -> Self:
        places: dict[str, int] = {}
        kinds: list[ChatRequest] = []
        calls: dict[str, int] = {}
        for key, request in requests.items():
            kind = _without_content(request)
            name = kind.model_dump_json()
            if name not in places:
                places[name] = len(kinds)
                kinds.append(kind)
            calls[key] = places[name]
        return cls(capabilities=capabilities, kinds=tuple(kinds), calls=calls)

    def request(self, key: str) -> ChatRequest | None:
        """The request of that key, without its content; None where the batch has no such."""
        place = self.calls.get(key)
        return None if place is None else self.kinds[place]


class OpenBatch(Record):
    """A batch whose answers are not collected yet."""

    id: str
    requests: int
    done: int
    status: str | None
    submitted_at: float


class BatchState(Record):
    """What waits at an endpoint, as it was when the endpoint was last asked."""

    host: str
    open: tuple[OpenBatch, ...] = Field(default=(), description="the endpoint works on them")
    ended: tuple[OpenBatch, ...] = Field(default=(), description="they can be collected")

    @property
    def requests(self) -> int:
        return sum(batch.requests for batch in self._all)

    @property
    def done(self) -> int:
        """Requests that the endpoint is done with, answered or not."""
        ended = sum(batch.requests for batch in self.ended)
        return ended + sum(min(batch.done, batch.requests) for batch in self.open)

    @property
    def _all(self) -> tuple[OpenBatch, ...]:
        return self.open + self.ended

    def sentence(self, now: float | None = None) -> str:
        """For the terminal. `now` is Unix seconds."""
        if not self._all:
            return f"no calls wait at {self.host}"
        calls = f"{self.requests:,} {'call waits' if self.requests == 1 else 'calls wait'}"
        where = self._all[0].id if len(self._all) == 1 else f"{len(self._all)} batches"
        first = min(batch.submitted_at for batch in self._all)
        ago = _ago((time.time() if now is None else now) - first)
        return (
            f"{calls} in {where} at {self.host} ({self.done:,} of {self.requests:,} done, "
            f"submitted {ago}): run the same command again to collect them"
        )


class Collected(Record):
    """What collecting brought in."""

    keys: tuple[str, ...] = Field(default=(), description="requests with an answer, or refused")
    unanswered: int = Field(default=0, description="calls of ended batches that are to be repeated")
    notes: tuple[str, ...] = Field(default=(), description="sentences for the terminal")


class Submitted(Record):
    """What was submitted now."""

    requests: int = 0
    batches: int = 0
    waiting: int = Field(default=0, description="calls that an open batch already held")
    unaffordable: int = Field(default=0, description="calls left out because of --max-cost")


def _without_content(request: ChatRequest) -> ChatRequest:
    """Whether there was a picture is kept: a refusal means something else then."""
    has_images = any(message.images for message in request.messages)
    message = ChatMessage(role="user", text="", images=(ImagePart(jpeg=b""),))
    return request.model_copy(update={"messages": (message,) if has_images else ()})


def _ago(seconds: float) -> str:
    minutes = int(max(seconds, 0) // 60)
    for size, unit in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"

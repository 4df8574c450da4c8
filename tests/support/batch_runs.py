"""Runs that use a batch interface: each one new, as a process of its own would be.

`python -m tests.support.batch_runs BASE_URL CACHE COUNT` submits COUNT requests, to be killed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tasks.endpoint.answers import AnswerStore
from tasks.endpoint.batch import Batches
from tasks.endpoint.batch_records import Collected, Submitted
from tasks.endpoint.batch_submission import BatchLimits
from tasks.endpoint.budget import Budget
from tasks.endpoint.chat import AnswerShape, ChatAnswer, ChatMessage, ChatRequest
from tasks.endpoint.clock import Clock
from tasks.endpoint.options import Capabilities, EndpointOptions
from tasks.endpoint.wire import Wire
from tests.support.batch_peer import KEY

MODEL = "peer-model"
Result = TypeVar("Result")

SHAPE = AnswerShape(
    name="words",
    json_schema={
        "type": "object",
        "properties": {"word": {"type": "string"}},
        "required": ["word"],
        "additionalProperties": False,
    },
)


class QuickClock(Clock):
    """Waits for nothing: time goes on by as much as was waited for."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


def request(number: int, *, step: str = "synthesize", shape: AnswerShape | None = None) -> Any:
    text = f"第{number}号水厂" if number % 2 else f"pump K{number:03d}"
    message = ChatMessage(role="user", text=text)
    return ChatRequest(step=step, messages=(message,), shape=shape, max_tokens=50)


@dataclass
class Run:
    """What one run of the command does with batches."""

    base_url: str
    cache: Path
    options: dict[str, Any] = field(default_factory=dict)
    limits: BatchLimits = field(default_factory=BatchLimits)
    budget: Budget | None = None
    capabilities: Capabilities = field(default_factory=Capabilities)
    fresh: bool = False
    key: str = KEY
    clock: Clock = field(default_factory=QuickClock)

    @property
    def endpoint(self) -> EndpointOptions:
        values = {
            "model": MODEL,
            "key_variable": "OPENAI_API_KEY",
            "attempts": 3,
            "timeout_s": 20,
            "batch": True,
            "base_url": self.base_url,
            "cache_uri": str(self.cache),
        }
        return EndpointOptions(need="text", **{**values, **self.options})

    def do(self, work: Callable[[Batches], Awaitable[Result]]) -> Result:
        return self.do_with_wire(lambda batches, _wire: work(batches))

    def do_with_wire(self, work: Callable[[Batches, Wire], Awaitable[Result]]) -> Result:
        async def main() -> Result:
            wire = Wire(self.endpoint, self.key, self.capabilities)
            try:
                return await work(self.batches(wire), wire)
            finally:
                await wire.close()

        return asyncio.run(main())

    def batches(self, wire: Wire) -> Batches:
        return Batches(
            self.endpoint,
            wire,
            AnswerStore(str(self.cache)),
            self.budget,
            fresh=self.fresh,
            limits=self.limits,
            clock=self.clock,
        )

    def collect(self) -> Collected:
        return self.do(lambda batches: batches.collect())

    def submit(self, pending: dict[str, ChatRequest]) -> Submitted:
        return self.do(lambda batches: batches.submit(pending))

    def pending(self, *requests: ChatRequest) -> dict[str, ChatRequest]:
        return {one.key(MODEL, self.endpoint.extra_body): one for one in requests}

    def numbered(self, count: int, **more: Any) -> dict[str, ChatRequest]:
        return self.pending(*(request(number, **more) for number in range(count)))

    def ledger_files(self, folder: str) -> list[Path]:
        return sorted((self.cache / "batches").glob(f"*/{folder}/*.json"))

    def answer(self, key: str) -> ChatAnswer | None:
        return AnswerStore(str(self.cache)).get(key)

    def unanswered(self, pending: dict[str, ChatRequest]) -> dict[str, ChatRequest]:
        return {key: one for key, one in pending.items() if self.answer(key) is None}


if __name__ == "__main__":
    run = Run(sys.argv[1], Path(sys.argv[2]))
    run.collect()
    run.submit(run.numbered(int(sys.argv[3])))

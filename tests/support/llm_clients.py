"""Clients for tests: over real sockets, but with a clock that does not wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from tasks.endpoint.answers import AnswerStore
from tasks.endpoint.budget import Budget
from tasks.endpoint.chat import AnswerShape, ChatAnswer, ChatMessage, ChatRequest, ImagePart
from tasks.endpoint.clock import Clock
from tasks.endpoint.limiter import Limiter
from tasks.endpoint.options import Capabilities, EndpointOptions
from tasks.endpoint.spending import StepSpending
from tasks.endpoint.wire import Wire
from tasks.llm import LLMClient

Result = TypeVar("Result")

KEY = "sk-test-0123456789abcdef"
SHAPE = AnswerShape(
    name="verdict",
    json_schema={
        "type": "object",
        "properties": {"title": {"type": "string"}, "score": {"type": "integer"}},
        "required": ["title", "score"],
        "additionalProperties": False,
    },
)


class FakeClock(Clock):
    """Time that passes only by sleeping, and then at once."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


def options(base_url: str, cache: Path | str = "/nonexistent", **more: Any) -> EndpointOptions:
    values = {"need": "text", "model": "qwen-turbo", "key_variable": "OPENAI_API_KEY", **more}
    return EndpointOptions(base_url=base_url, cache_uri=str(cache), **values)


def request(text: str = "你好", *, shape: AnswerShape | None = None, **more: Any) -> ChatRequest:
    values = {"step": "synthesize", "max_tokens": 100, **more}
    message = ChatMessage(role="user", text=text)
    return ChatRequest(messages=(message,), shape=shape, **values)


def picture_request(text: str = "What is this?", width: int = 40, height: int = 30) -> ChatRequest:
    message = ChatMessage(role="user", text=text, images=(ImagePart(jpeg=jpeg(width, height)),))
    return ChatRequest(step="describe", messages=(message,), max_tokens=100)


def jpeg(width: int, height: int) -> bytes:
    from PIL import Image

    out = BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "JPEG")
    return out.getvalue()


def make_client(
    options: EndpointOptions,
    *,
    clock: Clock | None = None,
    budget: Budget | None = None,
    capabilities: Capabilities | None = None,
    fresh: bool = False,
    key: str | None = KEY,
) -> LLMClient:
    """A client as `shared_client` makes it, on a clock of the test's."""
    clock = clock or FakeClock()
    return LLMClient(
        options,
        Wire(options, key, capabilities or Capabilities()),
        AnswerStore(options.cache_uri),
        Limiter(options.concurrency, clock),
        budget or Budget(options.max_cost),
        fresh=fresh,
        clock=clock,
        random=Random(7),
    )


# --- asking ----------------------------------------------------------------------------------


def run(client: LLMClient, work: Callable[[LLMClient], Coroutine[Any, Any, Result]]) -> Result:
    """What `work` gives on a loop of its own; the client is closed afterwards."""

    async def whole() -> Result:
        try:
            return await asyncio.wait_for(work(client), 60)
        finally:
            await client.close()

    return asyncio.run(whole())


def ask(client: LLMClient, asked: ChatRequest) -> ChatAnswer:
    return run(client, lambda c: c.ask(asked))


async def ask_all(client: LLMClient, asked: list[ChatRequest]) -> list[Any]:
    """Answers, and errors in their place."""
    return await asyncio.gather(*(client.ask(r) for r in asked), return_exceptions=True)


def send(
    base_url: str,
    asked: ChatRequest | None = None,
    *,
    key: str | None = KEY,
    capabilities: Capabilities | None = None,
    **more: Any,
) -> ChatAnswer:
    async def work() -> ChatAnswer:
        wire = Wire(options(base_url, **more), key, capabilities or Capabilities())
        try:
            return await wire.send(asked or request())
        finally:
            await wire.close()

    return asyncio.run(work())


def questions(count: int) -> list[ChatRequest]:
    return [request(f"问题 {number}: what is it?") for number in range(count)]


def spent(client: LLMClient) -> StepSpending:
    """What the client counted for the only step that it was asked for."""
    (only,) = client.spending()
    return only

"""Clients for tests: over real sockets, but with a clock that does not wait."""

from __future__ import annotations

import asyncio
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

from tasks.endpoint.answers import AnswerStore
from tasks.endpoint.budget import Budget
from tasks.endpoint.chat import AnswerShape, ChatMessage, ChatRequest, ImagePart
from tasks.endpoint.clock import Clock
from tasks.endpoint.limiter import Limiter
from tasks.endpoint.options import Capabilities, EndpointOptions
from tasks.endpoint.wire import Wire
from tasks.llm import LLMClient

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

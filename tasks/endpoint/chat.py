"""What is asked of a model, and what it answered: records that know no provider and no key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from pydantic import Field

from tasks.cache import content_key
from tasks.records import Record, Usage

Role = Literal["system", "user", "assistant"]

# Raised when the same request would be sent with another meaning.
REQUEST_VERSION = 1


class ImagePart(Record):
    """A picture as it is sent: JPEG bytes. The key of a request holds their hash only."""

    jpeg: bytes = Field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.jpeg).hexdigest()


class ChatMessage(Record):
    role: Role
    text: str
    images: tuple[ImagePart, ...] = ()


class AnswerShape(Record):
    """The JSON that an answer must be. Its name reaches the provider and must be an identifier.

    The shape is part of the prompt's text as well, so that a request means the same where the
    endpoint takes no schema.
    """

    name: str = Field(pattern=r"^[a-z_]{1,64}$")
    json_schema: dict[str, Any] = Field(
        description="JSON schema of an object: every property required, no additional ones"
    )


class ChatRequest(Record):
    """One call, without the endpoint that serves it."""

    step: str = Field(description="describe, synthesize, repair, judge or two_hops: for counting")
    messages: tuple[ChatMessage, ...]
    shape: AnswerShape | None = Field(default=None, description="None: the answer is plain text")
    max_tokens: int = Field(gt=0, description="tokens of the answer at most")
    temperature: float = Field(default=0.2, ge=0, le=2)

    def key(self, model: str, extra_body: Mapping[str, Any]) -> str:
        """Hash of everything that decides the answer, 64 hex digits.

        The host is not part of it: the same model behind another address gives the same answer.
        Nor is the way in which the endpoint is told the shape or the limit.
        """
        messages = [
            {"role": m.role, "text": m.text, "images": [image.sha256 for image in m.images]}
            for m in self.messages
        ]
        return content_key(
            "answer",
            REQUEST_VERSION,
            model=model,
            messages=messages,
            shape=self.shape,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            extra_body=dict(extra_body),
        )


class Refusal(Record):
    """Why the endpoint gives no answer to this one request, now or later."""

    reason: str = Field(description="a slug for rejects.jsonl")
    detail: str = Field(description="a sentence for a person")


class ChatAnswer(Record):
    """An answer as it is stored: whole, checked, without `<think>` spans; or a refusal."""

    text: str
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = Field(description="as it was asked for")
    refusal: Refusal | None = None


class AnswerPending(Exception):
    """The request was put aside for the batch interface: its answer comes with a later run."""


class Asker(Protocol):
    """Who answers requests: a client over the network, or a double in a test."""

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """The answer, from the store where it was paid for before; `refusal` is always None.

        With a shape, `text` is one JSON object that satisfies it. Raises FileRejected where the
        endpoint refuses this item, AnswerPending in a batch, and ClaraError for what stops the
        run.
        """
        ...

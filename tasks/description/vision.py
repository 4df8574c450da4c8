"""The describer behind an endpoint: a vision model is shown the picture and told where it stands.

Answers that break a rule are asked for once more with the complaint. What a document says, and
what stands in its pictures, is data: it is fenced off, and transcribed and never obeyed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.description.decoration import decoration_reason, repeated_reason
from tasks.description.engine import PictureContext
from tasks.description.sent_picture import jpeg_to_send
from tasks.description.vision_checks import NAMES, Written, fault_of, once_only
from tasks.description.vision_text import description_of
from tasks.endpoint.chat import Asker, ChatMessage, ChatRequest, ImagePart
from tasks.endpoint.failures import ItemRefused
from tasks.errors import FileRejected
from tasks.pictures import open_picture, to_rgb
from tasks.prompting import Prompts
from tasks.records import Describer, Record, Usage
from tasks.text import language_of
from tasks.text.untrusted import fenced

VERSION = 1
"""Raised when the same picture would be described, or passed over, in another way."""

MAX_TOKENS = 4096
"""A dense page of text has some 1,500 tokens; what is longer has mostly lost its way."""

_FIELD_CHARACTERS_MAX = 1000
_NO_CONTEXT = "Nothing is known about the place where it stands."
_KNOWN = "What is known about the place where it stands:"
# Field of the context, the name of its fence, and what stands above it.
_FIELDS = (
    ("filename", "file-name", "Name of the picture's file"),
    ("heading", "heading", "Heading above the picture"),
    ("caption", "caption", "Caption of the picture"),
    ("neighbouring_text", "text", "Text before and after the picture"),
)
_ANY_LANGUAGE = (
    "that of most of the text in the picture, if that is Chinese or English; English where it is "
    "neither, and where the picture holds no text"
)
_SCRIPT = "Chinese (simplified or traditional characters as in its document)"


class DescribedPicture(Record):
    text: str
    usage: Usage | None


class VisionDescriber:
    """Describes pictures by a model that takes images. Holds no connection and no key."""

    def __init__(self, model: str, prompts: Prompts, extra_body: Mapping[str, Any]) -> None:
        self._model = model
        self._prompt = prompts["describe"]
        self._identity = "/".join(
            (
                "vision",
                str(VERSION),
                model,
                prompts.hash_of("describe"),
                json.dumps(dict(extra_body), sort_keys=True, ensure_ascii=False),
            )
        )

    @property
    def describer(self) -> Describer:
        return Describer(engine="vision", model=self._model)

    @property
    def cache_identity(self) -> str:
        return self._identity

    @property
    def reads(self) -> frozenset[str]:
        return frozenset(PictureContext.model_fields)

    def request(self, jpeg: bytes, context: PictureContext) -> ChatRequest:
        """What the model is asked about a picture."""
        language = _language(context)
        name = _ANY_LANGUAGE if language is None else NAMES[language]
        values = {
            "language": _SCRIPT if language == "zh" else name,
            "context": _context_text(context),
            **{
                field: _field_text(context, field, fence) or "(none)" for field, fence, _ in _FIELDS
            },
        }
        *before, last = self._prompt.messages(values)
        shown = last.model_copy(update={"images": (ImagePart(jpeg=jpeg),)})
        return ChatRequest(step="describe", messages=(*before, shown), max_tokens=MAX_TOKENS)

    def prepare(self, path: Path, context: PictureContext) -> ChatRequest:
        """The request for a stored picture. Blocks: it decodes the picture.

        Raises FileRejected: `decoration` for a picture that needs no description, and what
        `open_picture` raises for one that cannot be opened.
        """
        if context.repeated:
            raise repeated_reason()
        rgb = to_rgb(open_picture(path))
        if reason := decoration_reason(rgb, context):
            raise reason
        return self.request(jpeg_to_send(path.read_bytes(), rgb), context)

    async def describe(self, path: Path, context: PictureContext, asker: Asker) -> DescribedPicture:
        """What the picture at `path` shows. Raises FileRejected, and what `asker` raises."""
        request = await asyncio.to_thread(self.prepare, path, context)
        return await self.answer(request, context, asker)

    async def answer(
        self, request: ChatRequest, context: PictureContext, asker: Asker
    ) -> DescribedPicture:
        """A description that keeps the rules, asked for twice at most.

        Raises FileRejected where the second one breaks a rule as well (`description_language`,
        `description_repetitive`), and where asking again is of no use (`description_refused`,
        `description_empty`).
        """
        language = _language(context)
        try:
            first = await asker.ask(request)
        except ItemRefused as refused:
            if refused.reason != "answer_too_long":
                raise
            usage, said = refused.usage, ""
            complaint = "it was far too long and was cut off. Say everything once, and briefly"
        else:
            usage, said = first.usage, first.text
            text = description_of(said)
            fault = fault_of(text, language)
            if fault is None:
                return DescribedPicture(text=text, usage=usage)
            if fault.complaint is None:
                raise FileRejected(fault.reason, fault.detail)
            complaint = fault.complaint
        second = await asker.ask(_asked_again(request, said, complaint))
        text = description_of(second.text)
        fault = fault_of(text, language)
        if fault is not None:
            raise FileRejected(fault.reason, fault.detail)
        return DescribedPicture(text=text, usage=_sum(usage, second.usage))


def _asked_again(request: ChatRequest, said: str, complaint: str) -> ChatRequest:
    order = (
        f"Your description cannot be used: {complaint}. Write the whole description again, by all "
        "the rules above, and nothing else."
    )
    turns = (
        ChatMessage(role="assistant", text=once_only(said) or "(left out)"),
        ChatMessage(role="user", text=order),
    )
    return request.model_copy(update={"messages": (*request.messages, *turns)})


def _language(context: PictureContext) -> Written | None:
    """The document's, else the caption's; None where the picture itself decides."""
    for found in (context.language, language_of(context.caption or "")):
        if found == "en" or found == "zh":
            return found
    return None


def _context_text(context: PictureContext) -> str:
    parts = [
        f"{title}:\n{text}"
        for field, fence, title in _FIELDS
        if (text := _field_text(context, field, fence))
    ]
    return "\n\n".join([_KNOWN, *parts]) if parts else _NO_CONTEXT


def _field_text(context: PictureContext, field: str, fence: str) -> str:
    text = (getattr(context, field) or "").strip()
    return fenced(text[:_FIELD_CHARACTERS_MAX], fence) if text else ""


def _sum(one: Usage | None, other: Usage | None) -> Usage | None:
    """None where one of the two is not known: half a sum would be taken for the whole."""
    if one is None or other is None:
        return None
    return Usage(
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
    )

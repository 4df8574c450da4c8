"""The tiny requests that an endpoint is asked before a run."""

from __future__ import annotations

import re
from functools import lru_cache
from io import BytesIO

from tasks.endpoint.chat import AnswerShape, ChatMessage, ChatRequest, ImagePart
from tasks.endpoint.options import Capabilities, Need

STEP = "preflight"
# A reasoning model spends hundreds of tokens on thinking before it says a word.
_MAX_TOKENS = 1024
# Providers refuse pictures of a few pixels: the processors of Qwen's models from 28 downwards.
_PICTURE_PX = 64

_SHAPE = AnswerShape(
    name="colour_of_the_sky",
    json_schema={
        "type": "object",
        "properties": {
            "colour_name": {"type": "string"},
            "seen_by_day": {"type": "boolean"},
        },
        "required": ["colour_name", "seen_by_day"],
        "additionalProperties": False,
    },
)
_ANY_OBJECT = AnswerShape(name="one_object", json_schema={"type": "object"})
_QUESTION = "Which colour is a clear sky at noon? Answer with one JSON object."
_NAMED = (
    ' It has two properties: "colour_name", a string, and "seen_by_day", true or false. '
    "Write nothing else."
)

_PICTURE = r"(?:images?|pictures?|photos?|attachments?)"
_SEES_NOTHING = re.compile(
    r"(?:can(?:not|['’]t| not)|unable to|not able to|do(?:n['’]t| not)) "
    rf"(?:see|view|process|access|analy[sz]e|have) [^.]{{0,30}}{_PICTURE}"
    rf"|\bno {_PICTURE} (?:is|are|was|were|has|have|attached|provided|visible)"
    rf"|{_PICTURE} (?:is|are|was|were) (?:not|n['’]t) (?:provided|attached|visible|included)"
    r"|(?:看不[到见]|无法(?:直接)?(?:查看|看到|识别|处理)|没有(?:看到|收到|提供)|未(?:提供|收到)).{0,8}[图照]",
    re.IGNORECASE,
)
_SEES_IT = re.compile(r"green|绿|綠", re.IGNORECASE)


def probe(need: Need, structured: str) -> ChatRequest:
    """What is asked to learn whether an endpoint serves a need in this way.

    In `json_schema` mode the prompt does not name the properties: an endpoint that takes the
    schema and ignores it gives itself away. In the other modes they stand in the prompt, and one
    JSON object of any kind will do: whether a model follows each word is not for now.
    """
    if need == "vision":
        picture = ImagePart(jpeg=tiny_picture())
        question = ChatMessage(
            role="user", text="Which colour is this picture? One word.", images=(picture,)
        )
        return ChatRequest(step=STEP, messages=(question,), max_tokens=_MAX_TOKENS)
    by_schema = structured == "json_schema"
    text = _QUESTION if by_schema else _QUESTION + _NAMED
    return ChatRequest(
        step=STEP,
        messages=(ChatMessage(role="user", text=text),),
        shape=_SHAPE if by_schema else _ANY_OBJECT,
        max_tokens=_MAX_TOKENS,
    )


@lru_cache(maxsize=1)
def tiny_picture() -> bytes:
    """A green square with a white frame, as JPEG."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (_PICTURE_PX, _PICTURE_PX), "white")
    inner = (8, 8, _PICTURE_PX - 9, _PICTURE_PX - 9)
    ImageDraw.Draw(image).rectangle(inner, fill=(0, 128, 0))
    out = BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def weaker(capabilities: Capabilities) -> Capabilities | None:
    """With the next way to ask for JSON; None where there is none left."""
    following = {"json_schema": "json_object", "json_object": "text"}.get(capabilities.structured)
    if following is None:
        return None
    return capabilities.model_copy(update={"structured": following})


def says_it_sees_nothing(answer: str) -> bool:
    """Whether a model was shown no picture, by its own words. A wrong colour is not for now."""
    return _SEES_NOTHING.search(answer) is not None and _SEES_IT.search(answer) is None

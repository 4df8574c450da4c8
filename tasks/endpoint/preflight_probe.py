"""The tiny requests that an endpoint is asked before a run."""

from __future__ import annotations

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
_QUESTION = "Which colour is a clear sky at noon? Answer with one JSON object."
_NAMED = (
    ' It has two properties: "colour_name", a string, and "seen_by_day", true or false. '
    "Write nothing else."
)


def probe(need: Need, structured: str) -> ChatRequest:
    """What is asked to learn whether an endpoint serves a need in this way.

    In `json_schema` mode the prompt does not name the properties: an endpoint that takes the
    schema and ignores it gives itself away. In the other modes the model can only know them from
    the prompt.
    """
    if need == "vision":
        picture = ImagePart(jpeg=tiny_picture())
        question = ChatMessage(
            role="user", text="Which colour is this picture? One word.", images=(picture,)
        )
        return ChatRequest(step=STEP, messages=(question,), max_tokens=_MAX_TOKENS)
    text = _QUESTION if structured == "json_schema" else _QUESTION + _NAMED
    return ChatRequest(
        step=STEP,
        messages=(ChatMessage(role="user", text=text),),
        shape=_SHAPE,
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

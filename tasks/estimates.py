"""How many tokens, how much money and how much time calls will take, before one is sent.

Estimates, and called that: no provider's tokenizer is at hand, and nobody knows how long an
answer gets. The constants are round figures of current models, on the high side.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence

from pydantic import Field

from tasks.endpoint.chat import ChatRequest
from tasks.endpoint.options import EndpointOptions, Need
from tasks.records import Record
from tasks.text import count_han

# A Han character is 0.6 to 1 token of current vocabularies, four other characters about one.
_TOKENS_PER_HAN = 0.8
_TOKENS_PER_OTHER = 0.25
_TOKENS_PER_MESSAGE = 4
# A picture is cut into patches of some 28 x 28 pixels, and scaled down beyond a limit.
_PIXELS_PER_IMAGE_TOKEN = 784
_IMAGE_TOKENS_MOST = 1500

DESCRIPTION_TOKENS = 300
PAIR_TOKENS = 120
PAIRS_PER_CHUNK = 4
SUMMARY_SHARE = 0.65
GRADES_TOKENS = 60
QUESTION_TOKENS = 50

# A call waits for its first token, and then for one after another.
FIRST_TOKEN_S = 1.0
TOKENS_PER_S = 50.0


class StepEstimate(Record):
    """The calls of one step that are not in the cache yet."""

    step: str
    need: Need
    model: str
    calls: int
    at_most: bool = Field(default=False, description="a bound: most runs make far fewer")
    prompt_tokens: int
    completion_tokens: int
    cost: float | None = None


def tokens_of(text: str) -> int:
    """About how many tokens a text is."""
    han = count_han(text)
    return math.ceil(han * _TOKENS_PER_HAN + (len(text) - han) * _TOKENS_PER_OTHER)


def image_tokens(width_px: int, height_px: int) -> int:
    """About how many tokens a picture is."""
    return min(math.ceil(width_px * height_px / _PIXELS_PER_IMAGE_TOKEN), _IMAGE_TOKENS_MOST)


def request_tokens(request: ChatRequest) -> int:
    """About how many prompt tokens a request is, its pictures included."""
    text = sum(tokens_of(m.text) + _TOKENS_PER_MESSAGE for m in request.messages)
    sizes = (_size_px(image.jpeg) for m in request.messages for image in m.images)
    return text + sum(image_tokens(width, height) for width, height in sizes)


def _size_px(jpeg: bytes) -> tuple[int, int]:
    from PIL import Image

    with Image.open(io.BytesIO(jpeg)) as image:
        return image.size


def synthesis_tokens(chunk: str) -> int:
    """Answered tokens for one chunk: a summary, pairs, and the JSON around them."""
    return math.ceil(SUMMARY_SHARE * tokens_of(chunk)) + PAIRS_PER_CHUNK * PAIR_TOKENS


def step_estimate(
    step: str,
    endpoint: EndpointOptions,
    calls: Sequence[tuple[int, int]],
    *,
    at_most: bool = False,
) -> StepEstimate:
    """`calls` holds prompt and completion tokens of each call."""
    prompt = sum(tokens for tokens, _ in calls)
    completion = sum(tokens for _, tokens in calls)
    return StepEstimate(
        step=step,
        need=endpoint.need,
        model=endpoint.model,
        calls=len(calls),
        at_most=at_most,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost=round(endpoint.prices.cost(prompt, completion), 9) if endpoint.prices else None,
    )


def wall_seconds(steps: Iterable[StepEstimate], concurrency: int) -> float:
    """Time of the calls, as many as `concurrency` under way at once."""
    return sum(
        (step.calls * FIRST_TOKEN_S + step.completion_tokens / TOKENS_PER_S)
        / max(1, min(concurrency, step.calls))
        for step in steps
        if step.calls
    )

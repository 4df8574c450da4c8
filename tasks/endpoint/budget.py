"""Money: the worst case of a call is set aside before it is sent, and what it cost is kept.

So the limit holds whatever the calls that are under way turn out to cost.
"""

from __future__ import annotations

import asyncio
import json
import math
from io import BytesIO
from typing import Any

from tasks.endpoint.chat import ChatRequest
from tasks.endpoint.options import EndpointOptions
from tasks.errors import CostLimitReached
from tasks.records import Usage

# What a chat template puts around a message, and what an endpoint puts before all of them.
_TOKENS_A_MESSAGE = 16
_TOKENS_A_CALL = 64
# OpenAI's: a picture is scaled into 2048 x 2048, then to a short side of 768, and cut into tiles.
_LONG_SIDE_PX = 2048
_SHORT_SIDE_PX = 768
_TILE_PX = 512
_PATCH_PX = 16


class Reservation:
    """Money set aside for one attempt."""

    def __init__(self, amount: float) -> None:
        self.amount = amount


class Budget:
    """What a run spent, and may spend. Of one event loop; all endpoints of a run share it."""

    def __init__(self, max_cost: float | None) -> None:
        self.max_cost = max_cost
        self.spent = 0.0
        self._open: set[Reservation] = set()
        self._waiting: list[asyncio.Future[None]] = []

    async def reserve(self, worst_case: float) -> Reservation:
        """Sets money aside; waits for others' calls where theirs may turn out cheaper.

        Raises CostLimitReached where it does not fit though no call is under way.
        """
        while not self._fits(worst_case):
            if not self._open:
                raise CostLimitReached(self._sentence(worst_case))
            change = asyncio.get_running_loop().create_future()
            self._waiting.append(change)
            await change
        reservation = Reservation(worst_case)
        self._open.add(reservation)
        return reservation

    def settle(self, reservation: Reservation, actual: float) -> None:
        """What an attempt cost in truth; its reservation ends."""
        self._open.remove(reservation)
        self.spent += actual
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            if not change.done():
                change.set_result(None)

    async def charge(self, amount: float) -> None:
        """Money that was spent without a reservation: a preflight's."""
        self.spent += amount

    @property
    def reserved(self) -> float:
        return math.fsum(reservation.amount for reservation in self._open)

    def _fits(self, worst_case: float) -> bool:
        if self.max_cost is None:
            return True
        return self.spent + self.reserved + worst_case <= self.max_cost

    def _sentence(self, worst_case: float) -> str:
        return (
            f"{self.spent:.4g} of --max-cost {self.max_cost:g} are spent, and the next call could "
            f"cost {worst_case:.4g}: nothing more was sent. Everything answered so far is "
            "kept; the same command continues from there (with a fresh limit), or raise --max-cost"
        )


def worst_cost(request: ChatRequest, options: EndpointOptions) -> float:
    """What an attempt can cost at most; 0 where the prices are unknown."""
    if options.prices is None:
        return 0.0
    worst = worst_usage(request, options)
    return options.prices.cost(worst.prompt_tokens, worst.completion_tokens)


def worst_usage(request: ChatRequest, options: EndpointOptions) -> Usage:
    """Tokens of an attempt at most.

    No byte-level tokenizer makes more tokens than there are bytes. A picture takes the highest of
    the formulas that are published: that of gpt-4o-mini (2,833 tokens and 5,667 for each tile of
    512 x 512), and one token for each patch of 16 x 16 (Pixtral; the patches of Qwen-VL, of
    Claude and of Gemini are larger). The answer takes its limit, and what --extra-body allows
    for thinking beside it: thinking without a limit (DashScope without `thinking_budget`) cannot
    be foreseen.
    """
    prompt = _TOKENS_A_CALL
    for message in request.messages:
        prompt += _TOKENS_A_MESSAGE + len(message.text.encode("utf-8", "surrogatepass"))
        prompt += sum(_image_tokens(image.jpeg) for image in message.images)
    if request.shape is not None:
        prompt += len(json.dumps(request.shape.json_schema, ensure_ascii=False).encode("utf-8"))
    extra = options.extra_body
    limits = [
        request.max_tokens,
        _count(extra, "max_tokens"),
        _count(extra, "max_completion_tokens"),
    ]
    completion = max(limits) + _count(extra, "thinking_budget")
    return Usage(prompt_tokens=prompt, completion_tokens=completion * max(1, _count(extra, "n")))


def _image_tokens(jpeg: bytes) -> int:
    width, height = _size(jpeg)
    patches = math.ceil(width / _PATCH_PX) * (math.ceil(height / _PATCH_PX) + 1)
    scale = min(1.0, _LONG_SIDE_PX / max(width, height))
    scale = min(scale, _SHORT_SIDE_PX / min(width, height))
    tiles = math.ceil(width * scale / _TILE_PX) * math.ceil(height * scale / _TILE_PX)
    return max(patches, 2833 + 5667 * tiles)


def _size(jpeg: bytes) -> tuple[int, int]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(BytesIO(jpeg)) as image:
            return image.size
    except (UnidentifiedImageError, OSError):
        return _LONG_SIDE_PX, _LONG_SIDE_PX  # the endpoint will refuse it; nothing is too little


def _count(extra: dict[str, Any], name: str) -> int:
    value = extra.get(name)
    return value if isinstance(value, int) and value > 0 else 0

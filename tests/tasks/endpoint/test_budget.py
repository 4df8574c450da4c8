"""The limit holds whatever calls under way turn out to cost, and worst cases are upper bounds."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

import pytest

from tasks.endpoint.budget import Budget, worst_cost, worst_usage
from tasks.endpoint.chat import ChatMessage, ChatRequest, ImagePart
from tasks.endpoint.options import Prices
from tasks.errors import EXIT_COST_LIMIT, CostLimitReached
from tests.support.llm_clients import SHAPE, options, picture_request, request


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 10))


def test_what_does_not_fit_though_nothing_is_open_is_refused_with_the_figures() -> None:
    async def work() -> None:
        budget = Budget(1.0)
        budget.settle(await budget.reserve(0.8), 0.75)
        with pytest.raises(CostLimitReached) as caught:
            await budget.reserve(0.3)
        for part in ("0.3", "0.75", "--max-cost 1", "the same command continues"):
            assert part in str(caught.value)
        assert caught.value.exit_code == EXIT_COST_LIMIT
        budget.settle(await budget.reserve(0.25), 0.0)

    run(work())


def test_what_could_fit_waits_for_others_to_cost_less() -> None:
    async def work() -> None:
        budget = Budget(1.0)
        first, second = await budget.reserve(0.6), await budget.reserve(0.3)
        waiting = asyncio.create_task(budget.reserve(0.5))
        await asyncio.sleep(0)
        budget.settle(second, 0.3)
        await asyncio.sleep(0)
        assert not waiting.done()
        budget.settle(first, 0.1)
        budget.settle(await waiting, 0.5)
        assert budget.spent == pytest.approx(0.9)

    run(work())


def test_a_waiter_is_refused_when_the_last_open_call_leaves_no_room() -> None:
    async def work() -> None:
        budget = Budget(1.0)
        first = await budget.reserve(0.6)
        waiting = [asyncio.create_task(budget.reserve(0.5)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        budget.settle(first, 0.6)
        for task in waiting[1:]:
            with pytest.raises(CostLimitReached):
                await task

    run(work())


def test_the_limit_is_never_exceeded_under_any_order() -> None:
    async def work() -> None:
        random, budget, refused = Random(3), Budget(10.0), 0

        async def call() -> None:
            nonlocal refused
            worst = random.uniform(0.1, 1.5)
            try:
                reservation = await budget.reserve(worst)
            except CostLimitReached:
                refused += 1
                return
            assert budget.spent + budget.reserved <= 10.0 + 1e-9
            await asyncio.sleep(0)
            budget.settle(reservation, random.uniform(0, worst))

        await asyncio.gather(*(call() for _ in range(60)))
        assert refused
        assert 8.0 < budget.spent <= 10.0
        assert budget.reserved == 0

    run(work())


def test_without_a_limit_money_is_only_counted() -> None:
    async def work() -> None:
        budget = Budget(None)
        budget.settle(await budget.reserve(1e9), 12.5)
        assert budget.spent == 12.5

    run(work())


def test_the_worst_case_of_text_covers_its_bytes_and_its_answer() -> None:
    endpoint = options("http://x/v1", prices=Prices(input_per_million=1e6, output_per_million=2e6))
    asked = request("汉字 and words", max_tokens=70)
    worst = worst_usage(asked, endpoint)
    assert worst.completion_tokens == 70
    assert worst.prompt_tokens >= len("汉字 and words".encode())
    assert worst_cost(asked, endpoint) == worst.prompt_tokens + 2 * 70
    assert worst_usage(request("汉字 and words", shape=SHAPE), endpoint).prompt_tokens > (
        worst.prompt_tokens + 50
    )
    assert worst_cost(asked, options("http://x/v1")) == 0


def test_what_extra_body_allows_is_part_of_the_worst_case() -> None:
    more = {"max_tokens": 500, "thinking_budget": 300, "n": 2}
    endpoint = options("http://x/v1", extra_body=more)
    assert worst_usage(request(), endpoint).completion_tokens == 1600
    nonsense = {"max_tokens": "many", "n": None, "thinking_budget": -5}
    assert (
        worst_usage(request(), options("http://x/v1", extra_body=nonsense)).completion_tokens == 100
    )


@pytest.mark.parametrize(
    ("size", "known"),
    [
        ((40, 30), 8_500),  # gpt-4o-mini: one tile
        ((2000, 1500), 25_501),  # four tiles of 1024 x 768
        ((4000, 3000), 4000 * 3000 // 256),  # patches of 16 x 16, not scaled
        ((6000, 60), 14_167),  # scaled to 2048 x 20: four tiles wide
    ],
)
def test_the_worst_case_of_a_picture_covers_the_known_formulas(
    size: tuple[int, int], known: int
) -> None:
    endpoint = options("http://x/v1")
    worst = worst_usage(picture_request(width=size[0], height=size[1]), endpoint)
    assert worst.prompt_tokens >= known


def test_a_picture_that_cannot_be_opened_is_no_free_one() -> None:
    message = ChatMessage(role="user", text="?", images=(ImagePart(jpeg=b"no jpeg"),))
    asked = ChatRequest(step="describe", messages=(message,), max_tokens=1)
    assert worst_usage(asked, options("http://x/v1")).prompt_tokens > 10_000

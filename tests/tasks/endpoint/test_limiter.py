"""Calls under way: bounded, halved by an objection, brought back by answers, first come first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tasks.endpoint.limiter import LONGEST_PAUSE_S, Limiter, Slot
from tests.support.llm_clients import FakeClock


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 10))


async def take(limiter: Limiter, stack: AsyncExitStack, count: int) -> list[Slot]:
    return [await stack.enter_async_context(limiter.slot()) for _ in range(count)]


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_no_more_run_than_are_allowed_and_the_first_come_first() -> None:
    async def work() -> None:
        limiter, order, most = Limiter(3), [], 0

        async def call(number: int) -> None:
            nonlocal most
            async with limiter.slot():
                order.append(number)
                most = max(most, limiter.running)
                await asyncio.sleep(0)

        await asyncio.gather(*(call(number) for number in range(50)))
        assert order == list(range(50))
        assert (most, limiter.running) == (3, 0)

    run(work())


def test_a_burst_of_objections_halves_once_and_answers_bring_it_back() -> None:
    async def work() -> None:
        limiter = Limiter(16, FakeClock())
        async with AsyncExitStack() as stack:
            for slot in await take(limiter, stack, 16):
                limiter.objected(slot, None)
        assert limiter.allowed == 8
        async with limiter.slot() as later:
            limiter.objected(later, None)
        assert limiter.allowed == 4
        for expected in (5, 6):
            for _ in range(limiter.allowed):
                assert limiter.allowed < expected
                limiter.answered()
            assert limiter.allowed == expected
        for _ in range(1000):
            limiter.answered()
        assert limiter.allowed == 16

    run(work())


def test_it_never_falls_below_one_nor_starves() -> None:
    async def work() -> None:
        limiter = Limiter(4, FakeClock())
        for _ in range(10):
            async with limiter.slot() as slot:
                limiter.objected(slot, None)
        assert limiter.allowed == 1
        done = []

        async def call(number: int) -> None:
            async with limiter.slot():
                done.append(number)

        await asyncio.gather(*(call(number) for number in range(20)))
        assert done == list(range(20))

    run(work())


def test_fewer_are_let_in_while_more_than_allowed_still_run() -> None:
    async def work() -> None:
        limiter = Limiter(4, FakeClock())
        async with AsyncExitStack() as first:
            slots = await take(limiter, first, 4)
            limiter.objected(slots[0], None)
            entered = asyncio.Event()

            async def call() -> None:
                async with limiter.slot():
                    entered.set()

            waiting = asyncio.create_task(call())
            await settled()
            assert not entered.is_set()
        await waiting
        assert entered.is_set()

    run(work())


@pytest.mark.parametrize(("wished", "waited"), [(7.5, 7.5), (600.0, LONGEST_PAUSE_S)])
def test_a_wish_to_wait_holds_everyone_back_up_to_a_minute(wished: float, waited: float) -> None:
    async def work() -> None:
        clock = FakeClock()
        limiter = Limiter(4, clock)
        async with limiter.slot() as slot:
            limiter.objected(slot, wished)
        began = clock.now()
        async with limiter.slot():
            assert clock.now() - began == pytest.approx(waited)

    run(work())


def test_a_lifted_pause_ends() -> None:
    async def work() -> None:
        limiter = Limiter(1)  # the real clock: sixty seconds would be noticed
        async with limiter.slot() as slot:
            limiter.objected(slot, 60.0)
        waiting = asyncio.create_task(take(limiter, AsyncExitStack(), 1))
        await settled()
        limiter.resume()
        await waiting

    run(work())


def test_who_is_cancelled_leaves_the_turn_to_the_next() -> None:
    async def work() -> None:
        limiter, done = Limiter(1), []

        async def call(number: int) -> None:
            async with limiter.slot():
                done.append(number)

        async with AsyncExitStack() as stack:
            await take(limiter, stack, 1)
            calls = [asyncio.create_task(call(number)) for number in range(4)]
            await settled()
            calls[0].cancel()  # while it waits
        calls[1].cancel()  # its turn has come, but it has not run yet
        await asyncio.gather(*calls, return_exceptions=True)
        assert done == [2, 3]
        assert limiter.running == 0

    run(work())

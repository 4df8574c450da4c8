"""Calls of the batch interface, made again while there is patience."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random
from typing import TypeVar

from tasks.endpoint import sentences
from tasks.endpoint.clock import Clock
from tasks.endpoint.failures import EndpointRefused, TransientFailure
from tasks.endpoint.options import EndpointOptions
from tasks.endpoint.patience import Patience

Answer = TypeVar("Answer")


async def persistently(
    options: EndpointOptions, clock: Clock, call: Callable[[], Awaitable[Answer]]
) -> Answer:
    """The answer of a call that may be made again. Raises EndpointRefused when patience ends."""
    patience = Patience(options.attempts, 0, clock.now(), Random())
    while True:
        try:
            return await call()
        except TransientFailure as failure:
            await rest_or_give_up(options, clock, patience, failure)


async def rest_or_give_up(
    options: EndpointOptions, clock: Clock, patience: Patience, failure: TransientFailure
) -> None:
    """Waits until the next attempt. Raises EndpointRefused where there is to be none."""
    patience.count(failure, 0, clock.now())
    if not patience.is_over(failure, clock.now()):
        await clock.sleep(patience.delay_s(failure))
    elif failure.kind == "unreachable":
        sentence = sentences.unreachable(options, patience.failures, failure.detail)
        raise EndpointRefused("unreachable", sentence)
    elif failure.limited:
        sentence = sentences.limited_for_ever(options, patience.failures, failure.detail)
        raise EndpointRefused("unavailable", sentence)
    else:
        sentence = sentences.unavailable(options, patience.failures, failure.detail)
        raise EndpointRefused("unavailable", sentence)

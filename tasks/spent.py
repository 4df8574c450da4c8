"""Tokens and money: what a run spent now, and what the answers in a data set took in all.

The two differ: a run that finds its answers in the cache spends nothing, and a run whose pairs
break a rule spends on what no data set holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, model_validator

from tasks.endpoint.options import Need, Prices
from tasks.endpoint.spending import StepSpending
from tasks.records import Record

_STEPS = ("preflight", "describe", "synthesize", "repair", "judge", "two_hops")
# Prices are per million tokens: a token costs more than this or nothing.
_DIGITS = 9


class ResultSpending(Record):
    """What the results of one step and model in a data set took, whichever run paid for them.

    A result is a description, a synthesis (with its repair and its grades) or a two-hop question.
    """

    step: str = Field(description="describe, synthesize or two_hops")
    need: Need
    model: str
    results: int = 0
    uncounted: int = Field(default=0, description="of them: the endpoint told no tokens")
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = Field(
        default=None, description="at this run's prices; null where it cannot be known"
    )


class NowUsage(Record):
    """What this run sent and was answered."""

    calls: int = Field(default=0, description="answered now; each of them was paid")
    reused: int = Field(default=0, description="answered from the store, paid by an earlier run")
    failed_attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    by_step: tuple[StepSpending, ...] = ()


class TotalUsage(Record):
    """What the data set is made of, also where an earlier run paid."""

    results: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    by_step: tuple[ResultSpending, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _without_calls(cls, value: Any) -> Any:
        """Manifests of runs that could not call wrote a zero here."""
        if isinstance(value, dict) and value.get("calls") == 0:
            return {name: entry for name, entry in value.items() if name != "calls"}
        return value


class SpentUsage(Record):
    """Calls and tokens."""

    now: NowUsage = NowUsage()
    total: TotalUsage = TotalUsage()


class SpentCost(Record):
    """Money; null where prices are not known. Embedded engines cost nothing: 0."""

    now: float | None = 0.0
    total: float | None = 0.0
    currency: str | None = None


def spent(
    now: Sequence[StepSpending],
    total: Sequence[ResultSpending],
    prices: Mapping[Need, Prices | None],
    currency: str | None,
) -> tuple[SpentUsage, SpentCost]:
    """What goes into the manifest and the report.

    `now` is what the clients counted, `total` what `tasks.answered` found in the data set. Past
    calls are priced like today's: nothing else is known of them.
    """
    steps = tuple(sorted(now, key=lambda entry: (_position(entry.step), entry.model)))
    results = tuple(
        entry.model_copy(update={"cost": _cost_of(entry, prices.get(entry.need))})
        for entry in sorted(total, key=lambda entry: (_position(entry.step), entry.model))
    )
    usage = SpentUsage(
        now=NowUsage(
            calls=sum(entry.calls for entry in steps),
            reused=sum(entry.reused for entry in steps),
            failed_attempts=sum(entry.failed_attempts for entry in steps),
            prompt_tokens=sum(entry.prompt_tokens for entry in steps),
            completion_tokens=sum(entry.completion_tokens for entry in steps),
            by_step=steps,
        ),
        total=TotalUsage(
            results=sum(entry.results for entry in results),
            prompt_tokens=sum(entry.prompt_tokens for entry in results),
            completion_tokens=sum(entry.completion_tokens for entry in results),
            by_step=results,
        ),
    )
    paid = [entry for entry in steps if entry.calls or entry.prompt_tokens]
    cost = SpentCost(
        now=_sum([entry.cost for entry in paid]),
        total=_sum([entry.cost for entry in results]),
        currency=currency,
    )
    return usage, cost


def _position(step: str) -> tuple[int, str]:
    return (_STEPS.index(step) if step in _STEPS else len(_STEPS), step)


def _cost_of(entry: ResultSpending, prices: Prices | None) -> float | None:
    if prices is None or entry.uncounted:
        return None
    return round(prices.cost(entry.prompt_tokens, entry.completion_tokens), _DIGITS)


def _sum(costs: Sequence[float | None]) -> float | None:
    """None as soon as one part is unknown: half of a sum would be taken for the whole."""
    known = [cost for cost in costs if cost is not None]
    return round(sum(known), _DIGITS) if len(known) == len(costs) else None

"""Calls, tokens and money as every report shows them: rows of text, and sentences."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.records import Record
from tasks.reporting.labels import money, number, plural
from tasks.spent import SpentCost, SpentUsage

NOW_HEADERS = ("Step", "Model", "Calls", "Reused", "Failed", "Tokens in", "Tokens out", "Cost")
TOTAL_HEADERS = ("Step", "Model", "Results", "Tokens in", "Tokens out", "Cost")


class CallTables(Record):
    """Cells in the order of the headers. A table without rows is not shown."""

    now: tuple[tuple[str, ...], ...] = ()
    total: tuple[tuple[str, ...], ...] = ()
    remarks: tuple[str, ...] = ()


def call_tables(usage: SpentUsage, cost: SpentCost) -> CallTables:
    """Nothing where nothing was called and no model's answer stands in the data."""
    currency = cost.currency
    now: list[tuple[str, ...]] = [
        (
            entry.step,
            entry.model,
            number(entry.calls),
            number(entry.reused),
            number(entry.failed_attempts),
            number(entry.prompt_tokens),
            number(entry.completion_tokens),
            money(entry.cost, currency) if entry.calls or entry.prompt_tokens else "",
        )
        for entry in usage.now.by_step
        if entry.calls or entry.reused or entry.failed_attempts
    ]
    total: list[tuple[str, ...]] = [
        (
            entry.step,
            entry.model,
            number(entry.results),
            number(entry.prompt_tokens),
            number(entry.completion_tokens),
            money(entry.cost, currency),
        )
        for entry in usage.total.by_step
        if entry.results
    ]
    if len(now) > 1:
        sums = (usage.now.calls, usage.now.reused, usage.now.failed_attempts)
        tokens = (usage.now.prompt_tokens, usage.now.completion_tokens)
        now.append(("all", "", *map(number, (*sums, *tokens)), money(cost.now, currency)))
    if len(total) > 1:
        sums = (usage.total.results, usage.total.prompt_tokens, usage.total.completion_tokens)
        total.append(("all", "", *map(number, sums), money(cost.total, currency)))
    return CallTables(now=tuple(now), total=tuple(total), remarks=tuple(_remarks(usage, cost)))


def call_lines(usage: SpentUsage, cost: SpentCost) -> list[tuple[str, str]]:
    """Name and value, for a summary of few lines. Empty where there is nothing to say."""
    now, total = usage.now, usage.total
    if not (now.calls or now.reused or now.failed_attempts or total.results):
        return []
    aside = [f"{number(now.reused)} reused"] if now.reused else []
    if now.failed_attempts:
        aside.append(plural(now.failed_attempts, "failed attempt"))
    calls = number(now.calls) + (f" ({', '.join(aside)})" if aside else "")
    tokens = _now_and_total(
        _tokens(now.prompt_tokens, now.completion_tokens),
        _tokens(total.prompt_tokens, total.completion_tokens),
    )
    paid = _now_and_total(money(cost.now, cost.currency), money(cost.total, cost.currency))
    return [("Calls", calls), ("Tokens", tokens), ("Cost", paid)]


def _tokens(prompt: int, completion: int) -> str:
    return f"{number(prompt)} in, {number(completion)} out"


def _now_and_total(now: str, total: str) -> str:
    return f"{now} now; {total} for all that the data set holds"


def _remarks(usage: SpentUsage, cost: SpentCost) -> Sequence[str]:
    found = []
    uncounted = sum(entry.uncounted for entry in usage.total.by_step)
    if uncounted:
        found.append(
            f"Of {plural(uncounted, 'result')} the endpoint told no tokens: what they took is not "
            "in these sums, so their cost is unknown."
        )
    unknown = [e for e in usage.total.by_step if e.results and e.cost is None and not e.uncounted]
    if unknown or (usage.now.calls and cost.now is None):
        found.append("Give the prices by --price-input and --price-output to see what calls cost.")
    priced = any(entry.results and entry.cost for entry in usage.total.by_step)
    if priced and usage.total.prompt_tokens > usage.now.prompt_tokens:
        found.append("The answers of earlier runs are priced like today's.")
    return found

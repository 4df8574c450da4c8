"""Calls, tokens and money of one client, by step."""

from __future__ import annotations

from collections.abc import Callable

from tasks.endpoint.options import EndpointOptions
from tasks.endpoint.spending import StepSpending
from tasks.records import Usage


class Tally:
    """Counts, and tells `on_change` of each change."""

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        self._steps: dict[str, StepSpending] = {}
        self.answers = 0
        self.under_way = 0
        self.on_change: Callable[[], None] | None = None

    def answered(self, step: str, usage: Usage | None) -> None:
        self.answers += 1
        self._add(step, usage, calls=1)

    def failed(self, step: str, usage: Usage | None) -> None:
        """An attempt that is made again; what it cost all the same counts."""
        self._add(step, usage, failed_attempts=1)

    def reused(self, step: str) -> None:
        self._add(step, None, reused=1)

    def sent(self, change: int) -> None:
        """A call that went out (1), or came back (-1)."""
        self.under_way += change
        self._tell()

    def spending(self) -> tuple[StepSpending, ...]:
        return tuple(self._steps[step] for step in sorted(self._steps))

    @property
    def retried(self) -> int:
        return sum(entry.failed_attempts for entry in self._steps.values())

    def cost(self, usage: Usage) -> float:
        """What so many tokens cost; 0 where the prices are unknown."""
        prices = self._options.prices
        return prices.cost(usage.prompt_tokens, usage.completion_tokens) if prices else 0.0

    def _add(self, step: str, usage: Usage | None, **counts: int) -> None:
        old = self._steps.get(step) or StepSpending(
            step=step,
            need=self._options.need,
            model=self._options.model,
            cost=0.0 if self._options.prices else None,
        )
        new: dict[str, int | float] = {
            name: getattr(old, name) + count for name, count in counts.items()
        }
        if usage is not None:
            new["prompt_tokens"] = old.prompt_tokens + usage.prompt_tokens
            new["completion_tokens"] = old.completion_tokens + usage.completion_tokens
            if old.cost is not None:
                new["cost"] = old.cost + self.cost(usage)
        entry = old.model_copy(update=new)
        if usage is None and counts.get("calls"):
            # Half of a sum would be taken for the whole.
            entry = entry.model_copy(update={"cost": None})
        self._steps[step] = entry
        self._tell()

    def _tell(self) -> None:
        if self.on_change is not None:
            self.on_change()

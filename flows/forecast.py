"""Which endpoints a run may call, told from the cache before anything is extracted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from flows.ingest_steps import IngestSteps
from flows.watch import StepWatch, Watch
from tasks.corpus import CorpusEntry
from tasks.endpoint.options import Need
from tasks.records import SourceFile

# What is not in the cache, and whose calls may follow from it.
_FOLLOWS: dict[str, frozenset[Need]] = {
    "pictures": frozenset({"vision", "text"}),
    "extract": frozenset({"vision", "text"}),
    "describe": frozenset({"vision", "text"}),
    "chunk": frozenset({"text"}),
    "synthesize": frozenset({"text"}),
    "two_hops": frozenset({"text"}),
}
_WITHOUT_PICTURES = ("text", "csv")


class _Unknown(Exception):
    """The rest depends on results that are not there."""


class SilentWatch(Watch):
    """Measures nothing and shows nothing."""

    def __init__(self) -> None:
        super().__init__(None)

    def say(self, sentence: str) -> None:
        del sentence

    @contextmanager
    def step(self, name: str, total: int) -> Iterator[StepWatch]:
        yield StepWatch(name, total, self)


@dataclass
class CallForecast(IngestSteps):
    """Goes through the steps, looks for what is missing, and makes nothing."""

    needs: set[Need] = field(default_factory=set)

    def missing(self, name: str, items: dict[str, Any], step: StepWatch) -> list[Any]:
        missing = super().missing(name, items, step)
        if not missing:
            return []
        needs = _FOLLOWS[name]
        if name == "extract" and all(item.kind in _WITHOUT_PICTURES for item in missing):
            needs = _FOLLOWS["chunk"]
        self.needs |= needs
        raise _Unknown


def needed_calls(
    steps: IngestSteps,
    files: Sequence[SourceFile],
    make_results: Callable[[IngestSteps, Sequence[SourceFile]], list[CorpusEntry]],
) -> frozenset[Need]:
    """Needs that an uncached call may follow for; `make_results` goes through all steps."""
    if not steps.engines.endpoints():
        return frozenset()
    if steps.options.fresh:
        return frozenset({"vision", "text"})
    forecast = CallForecast(
        steps.places, steps.options, steps.engines, SilentWatch(), steps.calling
    )
    with suppress(_Unknown):
        make_results(forecast, files)
    return frozenset(forecast.needs)

"""The two-hop questions of a corpus: what is asked for, what came of it, what was refused.

Links depend on the rows and the held-out split alone. So they are found twice, before the calls
and when the stage files are written, and are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tasks.assemble import NumberedRow
from tasks.cache import StepCache
from tasks.corpus import Corpus
from tasks.corpus_split import split_of
from tasks.jobs import PairsToJoin, Rejection, TwoHopQuestion
from tasks.reasoning_links import HopLink, links_for
from tasks.records import Reject
from tasks.two_hops.composer import TwoHopComposer

TWO_HOPS_STEP = "two_hops"


@dataclass(frozen=True)
class TwoHops:
    """The links of a corpus, and what a composer made of them."""

    links: tuple[HopLink, ...]
    composer: TwoHopComposer
    cache: StepCache

    @cached_property
    def items(self) -> dict[str, PairsToJoin]:
        """What is asked for, by key. Links with equal texts share one item."""
        return {item.key: item for item in self._asked}

    def questions(self) -> list[tuple[HopLink, str]]:
        """The links that got a question. What is not in the cache was rejected, or it is lost."""
        return [
            (link, result.question)
            for link, _, result in self._results()
            if result is not None and result.question is not None
        ]

    def rejects(self, failed: Mapping[str, Rejection]) -> list[Reject]:
        """A line for each link whose question was refused, or for which there is no result.

        `failed` says by key why an item has none. A model that saw no sensible question
        dropped nothing: that is no reject.
        """
        rejects = []
        for link, item, result in self._results():
            if result is None:
                lost = Rejection(reason="lost", detail="no result was left by the step")
                rejects.append(_reject(link, failed.get(item.key, lost)))
            elif result.rejection is not None:
                rejects.append(_reject(link, result.rejection))
        return rejects

    def answered(self) -> Iterator[TwoHopQuestion]:
        """Every result that there is, each once."""
        for key in self.items:
            result = self._result(key)
            if result is not None:
                yield result

    @cached_property
    def _asked(self) -> tuple[PairsToJoin, ...]:
        return tuple(self.composer.pairs_of(link) for link in self.links)

    def _results(self) -> Iterator[tuple[HopLink, PairsToJoin, TwoHopQuestion | None]]:
        for link, item in zip(self.links, self._asked, strict=True):
            yield link, item, self._result(item.key)

    def _result(self, key: str) -> TwoHopQuestion | None:
        return self.cache.get(TWO_HOPS_STEP, key, TwoHopQuestion)


def two_hops_of(corpus: Corpus, composer: TwoHopComposer) -> TwoHops:
    """The two-hop questions of a corpus whose syntheses are in the cache."""
    held_out = frozenset(split_of(corpus).held_out)
    return two_hops_for(
        corpus.rows, held_out, corpus.plan.options.candidates, composer, corpus.cache
    )


def two_hops_for(
    rows: Sequence[NumberedRow],
    held_out: Collection[str],
    candidates: int,
    composer: TwoHopComposer,
    cache: StepCache,
) -> TwoHops:
    """The same, where rows and split are known. A row of one document has no room for two hops."""
    links = links_for(rows, held_out) if candidates >= 2 else []
    return TwoHops(tuple(links), composer, cache)


def _reject(link: HopLink, why: Rejection) -> Reject:
    return Reject(
        file_path=link.first.row.file_path,
        step=TWO_HOPS_STEP,
        reason=why.reason,
        detail=why.detail,
        id=link.id,
    )

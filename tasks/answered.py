"""What the results that a data set is made of took: read from the cache, whichever run paid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tasks.corpus import Corpus
from tasks.endpoint.options import Need
from tasks.jobs import DescribeOutcome, Syntheses
from tasks.records import Usage
from tasks.spent import ResultSpending
from tasks.two_hops.questions import TWO_HOPS_STEP, TwoHops

_Counted = tuple[str, str, Usage | None]


def answered(corpus: Corpus, two_hops: TwoHops | None = None) -> tuple[ResultSpending, ...]:
    """One entry for each step and model. Results of embedded engines are none of them.

    A result that several documents share counts once, and so does one that a rule dropped: it
    was answered. What the endpoint refused was not.
    """
    found: dict[tuple[str, str], ResultSpending] = {}
    for step, model, usage in _results(corpus, two_hops):
        need: Need = "vision" if step == "describe" else "text"
        old = found.get((step, model)) or ResultSpending(step=step, need=need, model=model)
        found[step, model] = old.model_copy(
            update={
                "results": old.results + 1,
                "uncounted": old.uncounted + (usage is None),
                "prompt_tokens": old.prompt_tokens + (usage.prompt_tokens if usage else 0),
                "completion_tokens": old.completion_tokens
                + (usage.completion_tokens if usage else 0),
            }
        )
    return tuple(found.values())


def _results(corpus: Corpus, two_hops: TwoHops | None) -> Iterator[_Counted]:
    cache = corpus.cache
    for key in _once(key for e in corpus.plan.entries for key in e.describe_keys.values()):
        outcome = cache.get("describe", key, DescribeOutcome)
        description = outcome.description if outcome else None
        if description is not None and description.describer.engine == "vision":
            yield "describe", str(description.describer.model), description.usage
    for key in _once(entry.synthesis_key for entry in corpus.plan.entries):
        syntheses = cache.get("synthesize", key, Syntheses)
        for synthesis in syntheses.syntheses if syntheses else ():
            made = synthesis.usage or synthesis.qa_pairs or synthesis.dense_summary
            if made and synthesis.synthesizer.model is not None:
                yield "synthesize", synthesis.synthesizer.model, synthesis.usage
    if two_hops is None:
        return
    for question in two_hops.answered():
        if question.usage is not None or question.rejection is None:
            yield TWO_HOPS_STEP, two_hops.composer.model, question.usage


def _once(keys: Iterable[str | None]) -> dict[str, None]:
    return dict.fromkeys(key for key in keys if key is not None)

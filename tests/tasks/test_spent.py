"""Tokens and money of a run, apart from those of everything that the data set is made of."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tasks.answered import answered
from tasks.corpus import Corpus
from tasks.endpoint.options import Need, Prices
from tasks.endpoint.spending import StepSpending
from tasks.errors import FileRejected
from tasks.jobs import DescribeOutcome, Rejection, Syntheses, TwoHopsJob
from tasks.manifest import parse_manifest
from tasks.records import Describer, Description, Synthesizer, Usage
from tasks.spent import ResultSpending, SpentCost, SpentUsage, spent
from tasks.two_hops.composer import TwoHopComposer
from tasks.two_hops.job import compose
from tasks.two_hops.questions import two_hops_of
from tests.tasks.test_manifest import manifest
from tests.tasks.two_hops.linked_corpus import ENDPOINT, USAGE, Model, good_answer, linked_corpus

PRICES: dict[Need, Prices | None] = {
    "text": Prices(input_per_million=2, output_per_million=10),
    "vision": Prices(input_per_million=1, output_per_million=4),
}
NOW = (
    StepSpending(
        step="two_hops", need="text", model="qwen-turbo", calls=2, reused=1,
        prompt_tokens=200, completion_tokens=40, cost=0.0008,
    ),
    StepSpending(
        step="describe", need="vision", model="qwen-vl-max", calls=1, failed_attempts=3,
        prompt_tokens=1_000_000, completion_tokens=500_000, cost=3.0,
    ),
)  # fmt: skip
TOTAL = (
    ResultSpending(
        step="synthesize", need="text", model="qwen-turbo", results=4,
        prompt_tokens=500_000, completion_tokens=100_000,
    ),
    ResultSpending(
        step="describe", need="vision", model="qwen-vl-max", results=2,
        prompt_tokens=2_000_000, completion_tokens=1_000_000,
    ),
)  # fmt: skip


def test_now_and_total_are_counted_apart_and_by_step() -> None:
    usage, cost = spent(NOW, TOTAL, PRICES, "USD")
    assert [entry.step for entry in usage.now.by_step] == ["describe", "two_hops"]
    assert (usage.now.calls, usage.now.reused, usage.now.failed_attempts) == (3, 1, 3)
    assert (usage.now.prompt_tokens, usage.now.completion_tokens) == (1_000_200, 500_040)
    assert [(entry.step, entry.cost) for entry in usage.total.by_step] == [
        ("describe", 6.0),
        ("synthesize", 2.0),
    ]
    assert (usage.total.results, usage.total.prompt_tokens) == (6, 2_500_000)
    assert cost == SpentCost(now=3.0008, total=8.0, currency="USD")


def test_embedded_engines_cost_nothing() -> None:
    assert spent((), (), {}, None) == (SpentUsage(), SpentCost(now=0.0, total=0.0))


def test_one_unknown_price_makes_the_sum_unknown() -> None:
    unknown = NOW[0].model_copy(update={"cost": None})
    _, cost = spent((unknown, NOW[1]), TOTAL, {"vision": PRICES["vision"]}, None)
    assert (cost.now, cost.total) == (None, None)
    # What was only looked up in the store cost nothing, whatever the price.
    reused = unknown.model_copy(update={"calls": 0, "prompt_tokens": 0, "completion_tokens": 0})
    assert spent((reused,), (), {}, None)[1].now == 0.0


def test_tokens_that_an_endpoint_did_not_tell_have_no_price() -> None:
    silent = TOTAL[0].model_copy(update={"uncounted": 1})
    usage, cost = spent((), (silent,), PRICES, None)
    assert usage.total.by_step[0].cost is None
    assert cost.total is None


def test_a_manifest_holds_them_and_reads_the_zeros_of_older_ones() -> None:
    usage, cost = spent(NOW, TOTAL, PRICES, "CNY")
    written = manifest().model_copy(update={"usage": usage, "cost": cost})
    assert parse_manifest(written.to_json()) == written
    nothing = {"prompt_tokens": 0, "completion_tokens": 0, "calls": 0}
    assert SpentUsage.model_validate({"now": nothing, "total": nothing}) == SpentUsage()


def described(corpus: Corpus, outcomes: list[DescribeOutcome]) -> Corpus:
    """The corpus with described pictures in each of its files: the same in all of them."""
    keys = {}
    for number, outcome in enumerate(outcomes):
        keys[f"{number:016x}"] = f"{number:064x}"
        corpus.cache.put("describe", f"{number:064x}", outcome)
    entries = tuple(e.model_copy(update={"describe_keys": keys}) for e in corpus.plan.entries)
    return Corpus(corpus.plan.model_copy(update={"entries": entries}), corpus.cache)


def description(engine: Describer, usage: Usage | None) -> DescribeOutcome:
    return DescribeOutcome(
        description=Description(image_id="0" * 16, text="a valve", describer=engine, usage=usage)
    )


def test_embedded_engines_gave_no_answers(tmp_path: Path) -> None:
    corpus = described(linked_corpus(tmp_path), [description(Describer(engine="ocr"), None)])
    assert answered(corpus) == ()


def test_results_are_counted_once_and_refusals_not_at_all(tmp_path: Path) -> None:
    vision = Describer(engine="vision", model="qwen-vl-max")
    refused = DescribeOutcome(rejection=Rejection(reason="content_filter", detail="refused"))
    corpus = described(
        linked_corpus(tmp_path),
        [description(vision, USAGE), description(vision, None), refused],
    )
    engine = Synthesizer(engine="llm", model="qwen-turbo", prompt_hash="0" * 16)
    for number, entry in enumerate(corpus.plan.entries):
        stored = corpus.cache.get("synthesize", str(entry.synthesis_key), Syntheses)
        assert stored is not None
        made = stored.syntheses[0].model_copy(update={"synthesizer": engine, "usage": USAGE})
        if number == 0:
            made = made.model_copy(update={"usage": None, "qa_pairs": ()})
        corpus.cache.put("synthesize", str(entry.synthesis_key), Syntheses(syntheses=(made,)))
    found = {entry.step: entry for entry in answered(corpus)}
    assert set(found) == {"describe", "synthesize"}
    assert (found["describe"].results, found["describe"].uncounted) == (2, 1)
    assert (found["describe"].need, found["describe"].prompt_tokens) == ("vision", 100)
    assert (found["synthesize"].results, found["synthesize"].completion_tokens) == (3, 60)


@pytest.mark.parametrize(
    ("answer", "results"),
    [
        (good_answer, 2),
        (lambda _: None, 2),
        (lambda _: "Is ammonia cold?", 2),
        (lambda _: FileRejected("content_filter", "refused"), 0),
    ],
)
def test_two_hop_questions_count_where_they_were_answered(
    tmp_path: Path, answer: object, results: int
) -> None:
    corpus = linked_corpus(tmp_path)
    composer = TwoHopComposer(model="qwen-turbo", prompt_hash="0" * 16)
    two_hops = two_hops_of(corpus, composer)
    job = TwoHopsJob(
        cache_uri=corpus.cache.location.uri(),
        calls=ENDPOINT,
        pairs=tuple(two_hops.items.values()),
    )
    asyncio.run(compose(job, Model(answer), lambda _: None))  # type: ignore[arg-type]
    found = answered(corpus, two_hops)
    assert sum(entry.results for entry in found) == results
    assert sum(entry.prompt_tokens for entry in found) == 100 * results

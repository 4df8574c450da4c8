"""Links, keys and rejects of a corpus, and the rows that its composed questions become."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tasks.cache import content_key
from tasks.corpus import Corpus
from tasks.corpus_split import split_of
from tasks.jobs import Rejection, TwoHopsJob
from tasks.output_jobs import StageFilesJob
from tasks.stage_files import write_stage_files
from tasks.two_hops.composer import TwoHopComposer, composer_of
from tasks.two_hops.job import compose
from tasks.two_hops.questions import two_hops_of
from tests.tasks.two_hops.linked_corpus import (
    ENDPOINT,
    GOOD,
    USAGE,
    Model,
    good_answer,
    linked_corpus,
)

COMPOSER = TwoHopComposer(model="qwen-turbo", prompt_hash="0" * 16)


def composed(corpus: Corpus, model: Model, composer: TwoHopComposer = COMPOSER) -> None:
    items = two_hops_of(corpus, composer).items
    job = TwoHopsJob(
        cache_uri=corpus.cache.location.uri(), calls=ENDPOINT, pairs=tuple(items.values())
    )
    asyncio.run(compose(job, model, lambda _: None))


def staged(corpus: Corpus, folder: Path, composer: TwoHopComposer | None) -> dict[str, bytes]:
    """The stage files as they are written, and their two-hop rows under `rows`."""
    key = content_key("plan", 1, plan=corpus.plan)
    corpus.cache.put("plan", key, corpus.plan)
    job = StageFilesJob(
        cache_uri=corpus.cache.location.uri(),
        output_uri=str(folder / "out"),
        home=str(folder / "home"),
        plan_key=key,
        composer=composer,
    )
    (folder / "out").mkdir(exist_ok=True)
    written = write_stage_files(job)
    return {name: job.staging.location.read_bytes(name) for name in written.files}


def two_hop_rows(files: dict[str, bytes]) -> list[dict[str, object]]:
    rows = [json.loads(line) for line in files["reasoning_data.jsonl"].splitlines()]
    return [row for row in rows if not row["id"].endswith("-one_hop")]


def test_links_are_found_the_same_again_in_both_languages(tmp_path: Path) -> None:
    one, two = (two_hops_of(linked_corpus(tmp_path), COMPOSER) for _ in range(2))
    assert [link.id for link in one.links] == [link.id for link in two.links]
    assert list(one.items) == list(two.items)
    assert {link.entity for link in one.links} == {"Frigo compressor", "极光压缩机"}
    assert [item.language for item in one.items.values()] == ["en", "zh"]


def test_a_key_covers_model_prompt_extra_body_and_texts(tmp_path: Path) -> None:
    corpus = linked_corpus(tmp_path)
    keys = [
        frozenset(two_hops_of(corpus, composer).items)
        for composer in (
            COMPOSER,
            COMPOSER.model_copy(update={"model": "gpt"}),
            COMPOSER.model_copy(update={"prompt_hash": "1" * 16}),
            COMPOSER.model_copy(update={"extra_body": {"enable_thinking": False}}),
        )
    ]
    assert len(frozenset.union(*keys)) == 8
    link = two_hops_of(corpus, COMPOSER).links[1]
    row = link.first.row.model_copy(update={"chunk": link.first.row.chunk + " More."})
    other = type(link)(type(link.first)(link.first.id, row, link.first.pair), link.second, "x")
    assert COMPOSER.pairs_of(other).key != COMPOSER.pairs_of(link).key


def test_the_composer_of_an_endpoint_is_named_by_model_and_prompt(tmp_path: Path) -> None:
    ours = composer_of(ENDPOINT, None)
    assert (ours.model, ours.extra_body) == ("qwen-turbo", {})
    (tmp_path / "two_hops.md").write_text("Join.\n--- user ---\n{{pairs}} {{shape}}\n")
    assert composer_of(ENDPOINT, str(tmp_path)).prompt_hash != ours.prompt_hash


def test_without_a_composer_the_templates_serve(tmp_path: Path) -> None:
    corpus = linked_corpus(tmp_path)
    rows = two_hop_rows(staged(corpus, tmp_path, None))
    assert [str(row["question"])[:6] for row in rows] == ["First:", "先回答：九号"]


def test_composed_questions_take_the_place_of_the_templates(tmp_path: Path) -> None:
    corpus = linked_corpus(tmp_path)
    before = staged(corpus, tmp_path, None)
    composed(corpus, Model(good_answer))
    after = staged(corpus, tmp_path, COMPOSER)
    rows = two_hop_rows(after)
    assert [row["question"] for row in rows] == [GOOD["en"], GOOD["zh"]]
    templates = two_hop_rows(before)
    for row, template in zip(rows, templates, strict=True):
        assert {**row, "question": template["question"]} == template
    assert {name for name in before if before[name] != after[name]} == {"reasoning_data.jsonl"}
    assert staged(corpus, tmp_path, COMPOSER) == after


def test_what_was_refused_is_a_reject_and_no_row(tmp_path: Path) -> None:
    corpus = linked_corpus(tmp_path)
    composed(corpus, Model(lambda _: "Is ammonia cold?"))
    assert two_hop_rows(staged(corpus, tmp_path, COMPOSER)) == []
    two_hops = two_hops_of(corpus, COMPOSER)
    rejects = two_hops.rejects({})
    assert [(r.file_path, r.step, r.id) for r in rejects] == [
        (link.first.row.file_path, "two_hops", link.id) for link in two_hops.links
    ]


def test_a_question_that_the_model_did_not_see_is_neither_row_nor_reject(tmp_path: Path) -> None:
    corpus = linked_corpus(tmp_path)
    composed(corpus, Model(lambda _: None))
    assert two_hop_rows(staged(corpus, tmp_path, COMPOSER)) == []
    assert two_hops_of(corpus, COMPOSER).rejects({}) == []
    assert [result.usage for result in two_hops_of(corpus, COMPOSER).answered()] == [USAGE] * 2


def test_an_item_without_a_result_is_a_reject_that_says_why(tmp_path: Path) -> None:
    corpus = linked_corpus(tmp_path)
    two_hops = two_hops_of(corpus, COMPOSER)
    key = next(iter(two_hops.items))
    why = Rejection(reason="internal_error", detail="an unforeseen error")
    assert [reject.reason for reject in two_hops.rejects({key: why})] == ["internal_error", "lost"]
    assert two_hop_rows(staged(corpus, tmp_path, COMPOSER)) == []
    assert list(two_hops.answered()) == []


@pytest.mark.parametrize("seed", range(6))
def test_held_out_documents_are_in_no_link(tmp_path: Path, seed: int) -> None:
    corpus = linked_corpus(tmp_path, eval_fraction=0.4, seed=seed)
    held_out = split_of(corpus).held_out
    assert held_out
    for link in two_hops_of(corpus, COMPOSER).links:
        assert not {link.first.row.file_path, link.second.row.file_path}.intersection(held_out)


def test_rows_of_one_document_have_no_room_for_two_hops(tmp_path: Path) -> None:
    assert two_hops_of(linked_corpus(tmp_path, candidates=1), COMPOSER).items == {}


def test_who_composed_is_part_of_the_stage_files_key(tmp_path: Path) -> None:
    common = {"cache_uri": "c", "output_uri": "o", "home": "h", "plan_key": "p"}
    keys = {
        StageFilesJob(**common, composer=composer).cache_key
        for composer in (None, COMPOSER, COMPOSER.model_copy(update={"model": "gpt"}))
    }
    assert len(keys) == 3

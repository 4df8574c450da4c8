"""The reasoning stage's losses: what trains, and that it learns to search, read and answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from clara_model import Clara, prompts
from clara_model.batches import TrainingBatch
from clara_model.config import DECODER, ENCODER, QUERY_REASONER
from clara_model.data.collate import collate
from clara_model.data.rows import QuestionRow
from clara_model.errors import DataError
from clara_model.reasoning.examples import reasoning_example
from clara_model.reasoning.generate import answer_in_steps
from tests.clara_model.reasoning.reasoning_row import reasoning_row
from tests.support.tiny_models import tiny_clara

# Where the pump is, and what that place is made of, differ: only reading tells.
WORLDS = [
    ("pump: cellar", "cellar: brass", "roof: steel"),
    ("pump: roof", "cellar: brass", "roof: steel"),
    ("pump: cellar", "cellar: steel", "roof: brass"),
]


def rows() -> list[QuestionRow]:
    made = []
    for number, world in enumerate(WORLDS):
        place = world[0].removeprefix("pump: ")
        second = 1 if place == "cellar" else 2
        material = world[second].removeprefix(f"{place}: ")
        made.append(reasoning_row("pump?", world, [("pump?", 0)], place, f"{number}-one"))
        hops = [("pump?", 0), (f"{place}?", second)]
        made.append(reasoning_row("of pump?", world, hops, material, f"{number}-two"))
    return made


def batch_of(model: Clara, some: list[QuestionRow]) -> TrainingBatch:
    examples = [reasoning_example(row, model.tokens, model.config) for row in some]
    return collate(examples, model.tokens, "reasoning")


def test_the_loss_teaches_decoder_and_search_and_nothing_else(model: Clara) -> None:
    model.set_stage("reasoning")
    model.train()
    batch = batch_of(model, rows()[:3])
    output = model(batch)
    assert output.scores is not None and output.scores.shape == (4, 3)
    assert batch.positives is not None
    assert batch.positives.nonzero()[:, 1].tolist() == [0, 0, 1, 0]
    assert output.label_tokens == batch.label_tokens
    assert output.documents == 0
    output.answer_loss_sum.backward()
    for name, trains in ((ENCODER, False), (DECODER, True), (QUERY_REASONER, True)):
        moved = [p.grad is not None and bool(p.grad.any()) for p in _weights(model, name)]
        assert any(moved) is trains, name


def test_losses_of_a_batch_are_the_sums_of_its_rows(model: Clara) -> None:
    model.set_stage("reasoning")
    some = rows()
    # A row with fewer candidates, and one whose search reads two documents.
    some[0] = reasoning_row("pump?", WORLDS[0][:1], [("pump?", 0)], "cellar")
    pump, cellar, _ = WORLDS[1]
    trace = f"<search>all</search><information>{pump} {cellar}</information><answer>x</answer>"
    some[2] = some[2].model_copy(update={"answer": trace})
    together = model(batch_of(model, some))
    alone = [model(batch_of(model, [row])) for row in some]
    for field in ("answer_loss_sum", "retrieval_sum"):
        torch.testing.assert_close(
            getattr(together, field), sum(getattr(one, field) for one in alone)
        )
    assert together.label_tokens == sum(one.label_tokens for one in alone)
    together.answer_loss_sum.backward()
    assert all(bool(p.grad.isfinite().all()) for p in _weights(model, QUERY_REASONER))


def test_documents_that_were_encoded_before_serve_as_well(model: Clara) -> None:
    model.set_stage("reasoning")
    batch = batch_of(model, rows()[:2])
    fresh = model(batch)
    with torch.no_grad():
        memory = model.compress(batch.document_ids, batch.document_mask).memory
    cached = model(replace(batch, document_ids=None, document_mask=None, document_memory=memory))
    torch.testing.assert_close(cached.answer_loss_sum, fresh.answer_loss_sum)


def test_a_batch_without_searches_is_refused(model: Clara) -> None:
    model.set_stage("reasoning")
    batch = replace(batch_of(model, rows()[:1]), slot_queries=None)
    with pytest.raises(DataError, match="no searches"):
        model(batch)


def test_it_learns_to_answer_over_one_and_two_hops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nine tenths of a row would be the system text.
    monkeypatch.setitem(prompts._SYSTEM, "reasoning", "Search.")
    model = tiny_clara(tmp_path, doc_max_length=32)
    # The base is random here, so that everything has to learn: the encoder and the base, too.
    model.set_stage("reasoning", train_base=True)
    model.set_trainable(ENCODER, True)
    model.train()
    batch = batch_of(model, rows())
    weights = list(model.trainable_parameters().values())
    optimizer = torch.optim.AdamW(weights, lr=4e-3, weight_decay=0.0)
    for _ in range(120):
        memory = model.compress(batch.document_ids, batch.document_mask).memory
        output = model(replace(batch, document_memory=memory))
        loss = output.answer_loss_sum / output.label_tokens
        loss = loss + output.retrieval_sum / len(output.scores)
        if loss < 0.003:
            break
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
    with torch.no_grad():
        memory = model.eval().compress(batch.document_ids, batch.document_mask).memory
    for row, index in zip(rows(), batch.document_index, strict=True):
        answer = answer_in_steps(model, row.question, memory[index], max_new_tokens=100)
        assert answer.answer == row.answers[0], answer
        assert answer.stopped_because == "answer"
        assert row.positives == tuple(step.documents[0] for step in answer.steps)


def _weights(model: Clara, adapter: str) -> list[torch.nn.Parameter]:
    return list(model.adapter_parameters(adapter).values())

from __future__ import annotations

import random
from typing import Any

import numpy
import pytest
import torch

from clara_model.training.callbacks import Callback
from clara_model.training.evaluation import evaluate
from clara_model.training.randomness import seed_step, undisturbed
from tests.clara_model.training.conftest import Recorder, Workshop

OPTIONS: dict[str, Any] = {"shape": {"lora_dropout": 0.1}, "sample_answer_tokens": 3}


@pytest.mark.parametrize("stage", ["compression", "instruction", "end_to_end"])
def test_evaluation_leaves_training_as_it_would_have_been(stage: str, workshop: Workshop) -> None:
    plain, watched = Recorder(), Recorder()
    workshop.trainer(stage, callbacks=(plain,), evaluation_rows=0, **OPTIONS).train()
    workshop.trainer(
        stage,
        callbacks=(watched,),
        held_out=True,
        evaluate_every_steps=1,
        **{**OPTIONS, "sample_answers": 2},
    ).train()
    assert plain.losses == watched.losses
    assert not plain.evaluations
    assert [e.step for e in watched.evaluations] == [0, 1, 2, 3]
    last = watched.evaluations[-1]
    assert (last.rows, last.answered_rows, len(last.samples)) == (4, 2, 2)
    assert last.loss < watched.evaluations[0].loss
    assert (last.recall_at_1 is None) == (stage != "end_to_end")
    assert 0 <= last.f1 <= 1


def test_reasoning_answers_in_steps(workshop: Workshop) -> None:
    trainer = workshop.trainer("reasoning", sample_answers=2, sample_answer_tokens=4)
    figures = evaluate(trainer, trainer.feed)
    assert (figures.rows, figures.answered_rows) == (12, 2)
    assert figures.recall_at_1 is not None
    assert [sample.gold for sample in figures.samples] == [("cellar",), ("attic",)]


def test_answers_are_scored_against_the_gold_ones(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = workshop.trainer("instruction", held_out=True, sample_answers=4)
    replies = ["the garage", "kitchen", "", "attic or cellar"]

    def decode(ids: Any, **named: Any) -> list[str]:
        return [replies.pop(0) for _ in ids]

    monkeypatch.setattr(trainer.model.tokenizer, "batch_decode", decode)
    trainer.model.train()
    figures = evaluate(trainer, trainer.held_out)
    gold = [sample.gold for sample in figures.samples]
    assert gold == [("cellar",), ("attic",), ("garage",), ("kitchen",)]
    assert figures.exact_match == 0
    assert trainer.model.training


def test_modes_and_generators_come_back_also_after_an_error(workshop: Workshop) -> None:
    model = workshop.model()
    model.train()
    modes = [module.training for module in model.modules()]
    states = (random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state())
    with pytest.raises(ValueError, match="inside"), undisturbed(model):
        assert not model.training
        assert not torch.is_grad_enabled()
        random.random()
        numpy.random.random()
        torch.rand(3)
        raise ValueError("inside")
    assert [module.training for module in model.modules()] == modes
    assert random.getstate() == states[0]
    assert numpy.random.get_state()[1].tolist() == states[1]
    assert torch.equal(torch.get_rng_state(), states[2])


def test_a_step_draws_the_same_whenever_it_is_taken() -> None:
    def drawn(seed: int, step: int, rank: int) -> tuple[float, float, float]:
        seed_step(seed, step, rank)
        return random.random(), numpy.random.random(), float(torch.rand(()))

    first = drawn(0, 5, 0)
    others = [drawn(0, 6, 0), drawn(1, 5, 0), drawn(0, 5, 1)]
    assert drawn(0, 5, 0) == first
    assert all(a != b for other in others for a, b in zip(first, other, strict=True))


def test_no_held_out_rows_no_evaluation(workshop: Workshop, recorder: Recorder) -> None:
    class Never(Callback):
        def on_evaluate(self, trainer: Any, metrics: Any) -> None:
            raise AssertionError("nothing was held out")

    workshop.trainer(callbacks=(recorder, Never()), rows=4, evaluate_every_steps=1).train()
    assert len(recorder.steps) == 1

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from clara_model import Clara
from clara_model.batches import TrainingBatch
from clara_model.errors import ConfigError, NonFiniteLoss, OutOfMemory
from clara_model.training.callbacks import Callback
from clara_model.training.loop import Trainer
from tests.clara_model.training.conftest import Recorder, Workshop


def weights(trainer: Trainer) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in trainer.parameters.items()}


def furthest(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.mark.parametrize("stage", ["compression", "instruction", "end_to_end", "reasoning"])
def test_a_stage_trains_what_it_should_and_nothing_else(
    stage: str, workshop: Workshop, recorder: Recorder
) -> None:
    trainer = workshop.trainer(stage, callbacks=(recorder,), epochs=4)
    model = trainer.model
    everything = {name: p.detach().clone() for name, p in model.named_parameters()}
    trained = {id(p) for p in trainer.parameters.values()}
    trainer.train()
    for name, parameter in model.named_parameters():
        moved = not torch.equal(parameter, everything[name])
        assert moved == (id(parameter) in trained), name
    assert [m.step for m in recorder.steps] == list(range(1, 13))
    assert sum(recorder.losses[-3:]) < sum(recorder.losses[:3])


def test_micro_batches_change_neither_losses_nor_weights(workshop: Workshop) -> None:
    recorders, trained = [], []
    for size in (4, 3, 1):
        recorders.append(Recorder())
        # Rows share documents here: one encoded for four rows, or once for each.
        trainer = workshop.trainer(
            "instruction", callbacks=(recorders[-1],), micro_batch_size=size, adam_epsilon=1e-4
        )
        trainer.train()
        trained.append(weights(trainer))
    for recorder, other in zip(recorders[1:], trained[1:], strict=True):
        assert recorder.losses == pytest.approx(recorders[0].losses, abs=1e-5)
        assert furthest(trained[0], other) < 1e-5


def test_losses_are_means_over_the_whole_global_batch(
    workshop: Workshop, recorder: Recorder
) -> None:
    trainer = workshop.trainer(callbacks=(recorder,), rows=3, micro_batch_size=2, max_steps=1)
    model = trainer.model
    batch: TrainingBatch = trainer.feed.collate(trainer.feed.examples)
    with torch.no_grad():
        whole = model(batch)
    wanted = float(whole.answer_loss_sum) / whole.label_tokens
    alignment = float(whole.alignment_sum) / whole.documents
    trainer.train()
    metrics = recorder.steps[0]
    assert metrics.answer_loss == pytest.approx(wanted, rel=1e-5)
    assert metrics.alignment_loss == pytest.approx(alignment, rel=1e-5)
    assert metrics.loss == pytest.approx(wanted + 0.1 * alignment, rel=1e-5)
    assert (metrics.rows, metrics.label_tokens) == (3, batch.label_tokens)


def test_fewer_rows_than_a_batch_make_one_step(workshop: Workshop, recorder: Recorder) -> None:
    trainer = workshop.trainer(callbacks=(recorder,), rows=3, batch_size=128)
    trainer.train()
    assert [(m.step, m.total_steps, m.rows) for m in recorder.steps] == [(1, 1, 3)]


def test_gradient_checkpointing_changes_nothing(workshop: Workshop) -> None:
    trained = []
    for on in (False, True):
        trainer = workshop.trainer(
            "instruction", gradient_checkpointing=on, shape={"lora_dropout": 0.1}
        )
        trainer.train()
        trained.append(weights(trainer))
    assert furthest(*trained) < 1e-5


class _Steering(Callback):
    def on_start(self, trainer: Trainer) -> None:
        trainer.set_frozen("decoder_adapter", True)

    def on_step_end(self, trainer: Trainer, metrics: Any) -> None:
        if metrics.step == 1:
            self.after_first = weights(trainer)
            trainer.set_frozen("decoder_adapter", False)
            trainer.set_learning_rate_scale(0.5)
        if metrics.step == 2:
            trainer.stop("seen enough")


def test_a_callback_freezes_scales_and_stops(workshop: Workshop, recorder: Recorder) -> None:
    steering = _Steering()
    trainer = workshop.trainer(
        callbacks=(recorder, steering), schedule="constant", warmup_share=0.0
    )
    before = weights(trainer)
    trainer.train()
    decoder = [name for name in before if name.startswith("decoder_adapter")]
    assert all(torch.equal(before[n], steering.after_first[n]) for n in decoder)
    assert not torch.equal(before["memory_rows"], steering.after_first["memory_rows"])
    assert any(not torch.equal(before[n], weights(trainer)[n]) for n in decoder)
    assert [m.learning_rate for m in recorder.steps] == [1e-2, 5e-3]
    assert trainer.stop_reason == "seen enough"
    with pytest.raises(ConfigError, match="'query_reasoner_adapter' does not train in compression"):
        trainer.set_frozen("query_reasoner_adapter", True)
    with pytest.raises(ConfigError, match="not nan"):
        trainer.set_learning_rate_scale(float("nan"))


def test_the_base_trains_where_it_is_asked_to(workshop: Workshop, recorder: Recorder) -> None:
    model = workshop.model("instruction")
    model.set_stage("instruction", train_base=True)
    trainer = workshop.trainer(
        "instruction", model=model, callbacks=(recorder,), rows=4, epochs=15, learning_rate=3e-3
    )
    assert any(name.startswith("base.") for name in trainer.parameters)
    trainer.train()
    assert recorder.losses[-1] < 0.5 * recorder.losses[0]


def test_retrieval_is_trained_first_where_asked(workshop: Workshop, recorder: Recorder) -> None:
    trainer = workshop.trainer("end_to_end", callbacks=(recorder,), retrieval_pretraining_steps=2)
    before = weights(trainer)
    after: list[dict[str, Tensor]] = []

    class Look(Callback):
        def on_step_end(self, trainer: Trainer, metrics: Any) -> None:
            after.append(weights(trainer))

    trainer.callbacks.append(Look())
    trainer.train()
    decoder = next(name for name in before if name.startswith("decoder_adapter"))
    assert [m.loss == m.retrieval_loss for m in recorder.steps] == [True, True, False]
    assert torch.equal(before[decoder], after[1][decoder])
    assert not torch.equal(before[decoder], after[2][decoder])


class _Fails(Callback):
    """Makes the model's forward fail where it is given more rows than fit."""

    def __init__(self, model: Clara, room: int) -> None:
        forward = model.forward

        def limited(batch: TrainingBatch) -> Any:
            if batch.rows > room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore")
            return forward(batch)

        model.forward = limited  # type: ignore[method-assign]


def test_out_of_memory_halves_the_micro_batch_and_keeps_the_batch(
    workshop: Workshop, recorder: Recorder
) -> None:
    lines: list[str] = []
    # Adam turns the rounding of a gradient near zero into a whole step where epsilon is small.
    trainer = workshop.trainer(callbacks=(recorder,), say=lines.append, adam_epsilon=1e-4)
    undisturbed = workshop.trainer(adam_epsilon=1e-4)
    undisturbed.train()
    _Fails(trainer.model, room=1)
    trainer.train()
    assert furthest(weights(trainer), weights(undisturbed)) < 1e-5
    assert [(m.rows, m.micro_batch_size, m.out_of_memory_count) for m in recorder.steps] == [
        (4, 1, 2)
    ] * 3
    assert [line for line in lines if "out of memory" in line] == [
        "compression, step 1: out of memory with 4 rows at a time. Goes on with 2; the batch stays "
        "4 rows. --micro-batch-size 2 spares the failed step.",
        "compression, step 1: out of memory with 2 rows at a time. Goes on with 1; the batch stays "
        "4 rows. --micro-batch-size 1 spares the failed step.",
    ]


def test_a_row_that_never_fits_is_named(workshop: Workshop) -> None:
    trainer = workshop.trainer(say=lambda line: None)
    _Fails(trainer.model, room=0)
    with pytest.raises(OutOfMemory, match=r"with a single row, pretrain-\d+, .*There is no check"):
        trainer.train()


def test_another_error_is_not_taken_for_memory(workshop: Workshop) -> None:
    trainer = workshop.trainer()

    def broken(batch: TrainingBatch) -> Any:
        raise RuntimeError("shapes do not match")

    trainer.model.forward = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="shapes do not match"):
        trainer.train()


class _Poison(Callback):
    """Makes a weight NaN before a step."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.before: dict[str, Tensor] = {}

    def on_step_start(self, trainer: Trainer) -> None:
        if trainer.step == self.step:
            with torch.no_grad():
                trainer.parameters["memory_rows"][0, 0] = float("nan")
            self.before = weights(trainer)


def test_a_loss_that_is_not_finite_stops_and_changes_nothing(
    workshop: Workshop, tmp_path: Any
) -> None:
    poison = _Poison(2)
    trainer = workshop.trainer(callbacks=(poison,), output=tmp_path, checkpoint_every_steps=1)
    last = tmp_path / "checkpoints" / "step-000002"
    with pytest.raises(NonFiniteLoss, match="loss became nan at step 3") as caught:
        trainer.train()
    assert str(last) in str(caught.value)
    for name, parameter in trainer.parameters.items():
        assert torch.equal(parameter.nan_to_num(9.0), poison.before[name].nan_to_num(9.0))
    assert sorted(path.name for path in last.parent.iterdir()) == ["step-000001", "step-000002"]


def test_a_step_that_breaks_the_weights_ends_training_and_is_not_kept(
    workshop: Workshop, recorder: Recorder, tmp_path: Path
) -> None:
    class FarTooFar(Callback):
        def on_step_end(self, trainer: Trainer, metrics: Any) -> None:
            for parameter in trainer.parameters.values():
                with torch.no_grad():
                    parameter.clamp_(-1e-3, 1e-3)
            trainer.optimization.optimizer.param_groups[0]["weight_decay"] = 1e300

    trainer = workshop.trainer(
        callbacks=(recorder, FarTooFar()), output=tmp_path, checkpoint_every_steps=1
    )
    with pytest.raises(NonFiniteLoss, match="a weight is not finite after step 2") as caught:
        trainer.train()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000001"]
    assert "The last good checkpoint is" in str(caught.value)
    assert "the stage then starts anew" in str(caught.value)
    assert len(recorder.steps) == 1


def test_a_stage_must_have_been_chosen(workshop: Workshop) -> None:
    model = workshop.model()
    rows = workshop.rows(model, "compression")
    model.stage = None
    with pytest.raises(ConfigError, match="set_stage"):
        Trainer(model, rows, workshop.trainer().options)

"""Killed, interrupted, out of disk: what comes back is what would have been."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from clara_model.errors import CheckpointError, StorageFull, TrainingInterrupted
from clara_model.training import state
from clara_model.training.callbacks import Callback
from clara_model.training.loop import Trainer
from tests.clara_model.training.conftest import Recorder, Workshop

DROPOUT = {"lora_dropout": 0.1}
OPTIONS: dict[str, Any] = {
    "epochs": 3,
    "checkpoint_every_steps": 2,
    "shape": DROPOUT,
    "say": lambda line: None,
}


class _Log(Callback):
    """Writes each loss to a file, at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_step_end(self, trainer: Trainer, metrics: Any) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps([metrics.step, metrics.loss]) + "\n")


class _KillAtStep(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, trainer: Trainer, metrics: Any) -> None:
        if metrics.step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class _Counts(Callback):
    """Remembers how many steps it saw, over restarts."""

    seen = 0

    def on_step_end(self, trainer: Trainer, metrics: Any) -> None:
        self.seen += 1
        if self.seen == 3:
            trainer.set_learning_rate_scale(0.5)
            trainer.set_frozen("query_reasoner_adapter", True)

    def state(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def load_state(self, state: dict[str, Any]) -> None:
        self.seen = state["seen"]


def _train_and_die(workshop: Workshop, output: Path, how: str) -> None:
    killer = _KillAtStep(5)
    if how == "while a checkpoint is written":
        write_json = state.write_json

        def dies(path: Path, values: Any) -> None:
            if path.name == "manifest.json" and "step-000006" in str(path):
                os.kill(os.getpid(), signal.SIGKILL)
            write_json(path, values)

        state.write_json = dies
        killer = _KillAtStep(0)
    callbacks = (_Log(output / "losses.jsonl"), killer, _Counts())
    workshop.trainer("end_to_end", output=output, callbacks=callbacks, **OPTIONS).train()


@pytest.mark.parametrize("how", ["between checkpoints", "while a checkpoint is written"])
def test_kill_9_and_go_on_gives_the_same_curve(
    how: str, workshop: Workshop, tmp_path: Path
) -> None:
    whole = Recorder()
    undisturbed = workshop.trainer("end_to_end", callbacks=(whole, _Counts()), **OPTIONS)
    undisturbed.train()

    # fork: the child has torch and the data already.
    child = multiprocessing.get_context("fork").Process(
        target=_train_and_die, args=(workshop, tmp_path, how)
    )
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    lines = (tmp_path / "losses.jsonl").read_text().splitlines()
    before = [loss for _, loss in map(json.loads, lines)][:4]

    said: list[str] = []
    rest, counts = Recorder(), _Counts()
    # Each callback gets back what the one in its place kept.
    callbacks = (Callback(), rest, counts)
    resumed = workshop.trainer(
        "end_to_end", output=tmp_path, callbacks=callbacks, **{**OPTIONS, "say": said.append}
    )
    resumed.train()
    assert f"goes on from step 4 of 9 ({tmp_path / 'checkpoints' / 'step-000004'})" in said[0]
    assert [*before, *rest.losses] == pytest.approx(whole.losses, abs=1e-6)
    assert counts.seen == 9
    for name, parameter in resumed.parameters.items():
        assert torch.allclose(parameter, undisturbed.parameters[name], atol=1e-6), name
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == [
        "step-000008",
        "step-000009",
    ]


def _terminates(trainer: Trainer, step: int, moment: str) -> None:
    """Sends SIGTERM to this process `between` two steps or in the middle of a forward `pass`."""
    forward = trainer.model.forward

    class Term(Callback):
        def on_step_end(self, trainer: Trainer, metrics: Any) -> None:
            if moment == "between" and metrics.step == step:
                os.kill(os.getpid(), signal.SIGTERM)

    def interrupted(batch: Any) -> Any:
        output = forward(batch)
        if moment == "pass" and trainer.step == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return output

    trainer.callbacks.append(Term())
    trainer.model.forward = interrupted  # type: ignore[method-assign]


@pytest.mark.parametrize(("moment", "step"), [("between", 3), ("pass", 3), ("pass", 0)])
def test_sigterm_writes_a_checkpoint_and_the_next_run_goes_on(
    moment: str, step: int, workshop: Workshop, tmp_path: Path
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    whole, first, second = Recorder(), Recorder(), Recorder()
    options = {"epochs": 2, "shape": DROPOUT, "say": lambda line: None}
    workshop.trainer(callbacks=(whole,), **options).train()
    trainer = workshop.trainer(output=tmp_path, callbacks=(first,), **options)
    _terminates(trainer, step, moment)
    with pytest.raises(TrainingInterrupted, match=f"after step {step} of 6") as caught:
        trainer.train()
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGTERM) is before
    assert [path.name for path in first.folders] == [f"step-{step:06d}"]
    workshop.trainer(output=tmp_path, callbacks=(second,), **options).train()
    assert [m.step for m in second.steps] == list(range(step + 1, 7))
    assert [*first.losses, *second.losses] == pytest.approx(whole.losses, abs=1e-6)


def test_a_second_ctrl_c_ends_at_once(workshop: Workshop, tmp_path: Path) -> None:
    class Twice(Callback):
        def on_step_start(self, trainer: Trainer) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        workshop.trainer(output=tmp_path, callbacks=(Twice(),)).train()


@contextmanager
def _room_for(size_bytes: int) -> Iterator[None]:
    """Files cannot grow beyond `size_bytes` inside."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


class _FullAfter(Callback):
    """The disk is full once so many steps are done."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.full = _room_for(2048)

    def on_step_end(self, trainer: Trainer, metrics: Any) -> None:
        if metrics.step == self.step:
            self.full.__enter__()

    def on_end(self, trainer: Trainer) -> None:
        self.full.__exit__(None, None, None)


def test_a_full_disk_stops_with_a_sentence_and_loses_nothing(
    workshop: Workshop, tmp_path: Path
) -> None:
    trainer = workshop.trainer(
        output=tmp_path, callbacks=(_FullAfter(2),), checkpoint_every_steps=1
    )
    with pytest.raises(StorageFull, match="step-000002 could not be written, there is no room"):
        trainer.train()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000001"]
    again = Recorder()
    workshop.trainer(
        output=tmp_path, callbacks=(again,), checkpoint_every_steps=1, say=lambda line: None
    ).train()
    assert [m.step for m in again.steps] == [2, 3]


def test_a_run_of_another_identity_is_not_gone_on_with(workshop: Workshop, tmp_path: Path) -> None:
    workshop.trainer(output=tmp_path, identity={"learning_rate": 1e-2, "seed": 0}).train()
    said: list[str] = []
    recorder = Recorder()
    trainer = workshop.trainer(
        output=tmp_path,
        identity={"learning_rate": 1e-3, "seed": 0},
        callbacks=(recorder,),
        say=said.append,
        checkpoint_every_steps=2,
    )
    trainer.train()
    assert "(learning_rate was 0.01 and is 0.001)" in said[0]
    assert [m.step for m in recorder.steps] == [1, 2, 3]
    assert len(list((tmp_path / "checkpoints").iterdir())) == 2


@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_a_corrupt_checkpoint_is_named(damage: str, workshop: Workshop, tmp_path: Path) -> None:
    workshop.trainer(output=tmp_path).train()
    path = tmp_path / "checkpoints" / "step-000003" / "trained.safetensors"
    content = path.read_bytes()
    if damage == "changed":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    with pytest.raises(CheckpointError, match=r"step-000003 is corrupt: trained.safetensors"):
        workshop.trainer(output=tmp_path).train()


def test_a_checkpoint_of_another_shape_is_named(workshop: Workshop, tmp_path: Path) -> None:
    workshop.trainer(output=tmp_path).train()
    with pytest.raises(CheckpointError, match="step-000003 is of another model"):
        workshop.trainer(output=tmp_path, shape={"lora_r": 8}).train()


def test_a_folder_without_its_manifest_counts_as_absent(
    workshop: Workshop, tmp_path: Path, recorder: Recorder
) -> None:
    workshop.trainer(output=tmp_path).train()
    (tmp_path / "checkpoints" / "step-000003" / "manifest.json").unlink()
    workshop.trainer(output=tmp_path, callbacks=(recorder,)).train()
    assert [m.step for m in recorder.steps] == [1, 2, 3]

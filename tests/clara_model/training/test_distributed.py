"""Two processes (gloo) against one: the same losses and weights."""

from __future__ import annotations

import multiprocessing
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from clara_model.batches import TrainingBatch
from clara_model.errors import ConfigError
from clara_model.training.distributed import Processes
from clara_model.training.loop import Trainer
from tests.clara_model.training.conftest import Recorder, Workshop

OPTIONS: dict[str, Any] = {
    "rows": 11,
    "batch_size": 5,
    "micro_batch_size": 2,
    # Adam makes a full step of a gradient that is all rounding, unless epsilon is above it.
    "adam_epsilon": 1e-4,
}
LOSSES = "losses"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _joined(rank: int, port: int) -> Processes:
    from accelerate import PartialState

    PartialState._reset_state()
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE="2",
        LOCAL_WORLD_SIZE="2",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        OMP_NUM_THREADS="1",
    )
    processes = Processes.join("cpu")
    assert (processes.rank, processes.world_size) == (rank, 2)
    return processes


def _one_of_two(rank: int, port: int, workshop: Workshop, stage: str, output: Path) -> None:
    processes = _joined(rank, port)
    recorder = Recorder()
    said: list[str] = []
    trainer = workshop.trainer(
        stage,
        callbacks=(recorder,),
        output=output,
        processes=processes,
        say=said.append,
        **OPTIONS,
    )
    if rank == 1:
        with torch.no_grad():  # what the main process has is what counts
            for parameter in trainer.parameters.values():
                parameter.add_(1.0)
        _runs_out_of_memory_once(trainer.model)
    trainer.train()
    if rank == 1:
        assert "step 1, process 1: out of memory with 2 rows" in said[0]
        assert not recorder.folders
    else:
        assert [m.out_of_memory_count for m in recorder.steps] == [1, 1, 1]
    _keep(trainer, recorder, output / f"process-{rank}.safetensors")
    processes.leave()


def _one_of_two_sharded(rank: int, port: int, workshop: Workshop, stage: str, output: Path) -> None:
    processes = _joined(rank, port)
    recorder = Recorder()
    trainer = workshop.trainer(
        stage,
        callbacks=(recorder,),
        processes=processes,
        held_out=True,
        shard_base=True,
        gradient_checkpointing=True,
        **OPTIONS,
    )
    layer = trainer.model.base.base_model.layers[0].mlp.up_proj.base_layer.weight
    assert layer.to_local().numel() == layer.numel() // 2
    trainer.train()
    assert len(recorder.evaluations) == 2
    _keep(trainer, recorder, output / f"process-{rank}.safetensors")
    processes.leave()


def _keep(trainer: Trainer, recorder: Recorder, path: Path) -> None:
    trained = {name: p.detach() for name, p in trainer.parameters.items()}
    trained[LOSSES] = torch.tensor([[m.loss, m.recall_at_1 or 0.0] for m in recorder.steps])
    save_file(trained, path)


def _runs_out_of_memory_once(model: Any) -> None:
    forward = model.forward

    def limited(batch: TrainingBatch) -> Any:
        if batch.rows > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(batch)

    model.forward = limited


@pytest.mark.parametrize(
    ("stage", "one_of_two"),
    [
        ("instruction", _one_of_two),
        ("end_to_end", _one_of_two),
        ("end_to_end", _one_of_two_sharded),
    ],
    ids=["instruction", "end_to_end", "sharded"],
)
def test_two_processes_learn_what_one_does(
    stage: str, one_of_two: Any, workshop: Workshop, tmp_path: Path
) -> None:
    recorder = Recorder()
    alone = workshop.trainer(stage, callbacks=(recorder,), **OPTIONS)
    start = {name: p.detach().clone() for name, p in alone.parameters.items()}
    alone.train()

    fork = multiprocessing.get_context("fork")
    port = _free_port()
    children = [
        fork.Process(target=one_of_two, args=(rank, port, workshop, stage, tmp_path))
        for rank in range(2)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    for child in children:
        child.kill()  # one that waits for the other forever must not outlive the test
    assert [child.exitcode for child in children] == [0, 0]

    first, second = (load_file(tmp_path / f"process-{rank}.safetensors") for rank in range(2))
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
    assert first.pop(LOSSES)[:, 0].tolist() == pytest.approx(recorder.losses, abs=1e-5)
    for name, tensor in first.items():
        assert torch.allclose(tensor, alone.parameters[name], atol=1e-5), name
    assert any(not torch.equal(tensor, start[name]) for name, tensor in first.items())


def test_what_fails_on_the_main_process_is_raised_there() -> None:
    alone = Processes(torch.device("cpu"))

    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        alone.on_main(fails)
    assert alone.on_main(lambda: 3) == 3


def test_plugins_of_accelerate_that_would_be_passed_over_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(ConfigError, match=r"use FSDP, which this trainer does not.*shard_base"):
        Processes.join("cpu")

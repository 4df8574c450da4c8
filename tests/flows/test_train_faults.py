"""Training on a real server while its parts die: the run ends well, or says why, and nothing stays.

Every limit is 1 here: the pools', so that a child never waits for a slot that its parent holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from flows.stage_runs import worker_is_online
from tests.support.prefect_server import PrefectServer, Worker, wait_for
from tests.support.tiny_training import run_options
from tests.support.trainers import flow_of, kill_9, trainers_of

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

STAGES = ("compression", "instruction")
STEPS = 150
SECRETS = ("sk-0123456789abcdef", "wandb-0123456789")
SILENCE_S = 70  # a heartbeat every 30 s, and a server that may be away for some time


class Plant:
    """A server with pools, deployments, a CPU worker, and GPU workers that a test may kill."""

    def __init__(self, server: PrefectServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.options = run_options(folder)
        (folder / "data" / "manifest.json").unlink()
        self._gpu_worker: Worker | None = None

    def gpu_worker(self) -> Worker:
        if self._gpu_worker is None:
            self._gpu_worker = self.server.worker("gpu-pool", WANDB_API_KEY=SECRETS[1])
        return self._gpu_worker

    def kill_gpu_worker(self) -> None:
        if self._gpu_worker is not None:
            self._gpu_worker.kill()
            self._gpu_worker = None

    def parameters(self, output: Path, **changes: Any) -> dict[str, Any]:
        own = {"data", "output", "base_model", "preset"}
        options = {k: v for k, v in self.options.items() if k not in own}
        options |= {
            "epochs": STEPS,
            "checkpoint_every_steps": 10,
            "progress": "auto",
            "chart": True,
        }
        return {
            "data": self.options["data"],
            "output": str(output),
            "base_model": self.options["base_model"],
            "preset": "small",
            "max_steps": STEPS,
            "options": options,
            "allow_incomplete": True,
            **changes,
        }

    def train(self, output: Path, **changes: Any) -> UUID:
        return self.server.submit("train/cpu", self.parameters(output, **changes)).id

    def children(self, output: Path) -> list[FlowRun]:
        """The runs of stages that train into `output`, the first ones first."""
        runs = self.server.runs_of("train-stage")
        return [run for run in runs if run.parameters["output"] == str(output)]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    from deployments.automations import silent_runs
    from deployments.pools import default_pools, ensure_pool

    folder = tmp_path_factory.mktemp("faults")
    with PrefectServer(folder / "server") as server:
        with server.client() as client:
            for pool in default_pools(cpu_limit=1, gpu_limit=1):
                ensure_pool(client, pool)
            client.create_automation(silent_runs(SILENCE_S))
        server.deploy("flows.train.train", "cpu", "cpu-pool")
        server.deploy("flows.train_stage.train_stage", "gpu", "gpu-pool")
        server.worker("cpu-pool", OPENAI_API_KEY=SECRETS[0])
        yield Plant(server, folder)


def checkpointed(output: Path, stage: str) -> bool:
    return any((output / stage / "checkpoints").glob("step-*/manifest.json"))


def losses(output: Path, stage: str) -> dict[int, float]:
    """The answer loss of each step that metrics.jsonl tells of."""
    lines = (output / stage / "metrics.jsonl").read_text().splitlines()
    steps = [line for line in map(json.loads, lines) if line["kind"] == "step"]
    return {line["step"]: line["loss"] for line in steps}


def wait_for_trainer(output: Path, stage: str, other_than: Any = None) -> Any:
    """The trainer of a stage, once it has something to go on from."""
    found: list[Any] = []

    def look() -> bool:
        found[:] = [t for t in trainers_of(output, stage) if t != other_than]
        return bool(found) and checkpointed(output, stage)

    wait_for(look, 240, f"a checkpoint of {stage}")
    return found[0]


def test_a_run_outlives_its_trainer_its_flow_and_the_server(plant: Plant) -> None:
    """kill -9 of a trainer, of a stage's flow, and a server that is gone for a while."""
    plant.gpu_worker()
    output = plant.folder / "kills"
    run_id = plant.train(output, stages=",".join(STAGES))

    first = wait_for_trainer(output, "compression")
    kill_9(first)
    second = wait_for_trainer(output, "compression", other_than=first)
    kill_9(flow_of(second))
    wait_for(lambda: not second.is_running(), 90, "the end of a trainer whose flow is gone")

    wait_for_trainer(output, "instruction")
    plant.server.kill()
    plant.server.start()

    run = plant.server.wait(run_id, timeout_s=300)
    assert run.state is not None and run.state.is_completed(), run.state
    assert not trainers_of(output)
    _shows_what_it_did(plant, run_id, output)
    undisturbed = plant.folder / "undisturbed"
    _train_here(plant, undisturbed)
    for stage in STAGES:
        expected, seen = losses(undisturbed, stage), losses(output, stage)
        assert set(seen) == set(expected), stage
        assert max(abs(seen[step] - expected[step]) for step in expected) < 1e-6, stage


def _shows_what_it_did(plant: Plant, run_id: UUID, output: Path) -> None:
    """The pages of the parent and of its stages: artifacts, lines in order, and no secret."""
    server = plant.server
    _, resumed, last = children = plant.children(output)
    assert [child.name for child in children] == [
        *("train compression", "train compression"),  # the first one's process was killed
        "train instruction",
    ]
    parent = last.parameters["parent"]
    assert parent["uri"] == str(output / "compression" / "model")
    rows = json.loads(server.artifacts(run_id)["checkpoints"].data)
    assert [row["parent"] for row in rows] == ["", parent["uri"]]
    shown = server.artifacts(last.id)
    assert {"training-instruction", "curves-instruction", "checkpoint-instruction"} == set(shown)
    said = [server.logs(id_) for id_ in (resumed.id, last.id, run_id)]
    # The file of the first stage has the lines of its earlier attempts too.
    log, shown_lines = _trainer_lines(output, "compression", said[0])
    assert shown_lines[0].startswith("Preset ")
    assert len(shown_lines) > 3
    assert shown_lines == log[-len(shown_lines) :]
    # What the second one's said while the server was away is in its file only.
    log, shown_lines = _trainer_lines(output, "instruction", said[1])
    assert shown_lines
    assert shown_lines == [line for line in log if line in shown_lines]
    everything = json.dumps([said, *(child.parameters for child in children)])
    assert not any(secret in everything for secret in SECRETS)


def _trainer_lines(output: Path, stage: str, said: list[str]) -> tuple[list[str], list[str]]:
    """What a stage's trainers wrote, and which of it a run's log has."""
    log = (output / stage / "trainer.log").read_text().splitlines()
    return log, [line for line in said if line in log]


def _train_here(plant: Plant, output: Path) -> None:
    from clara_model.training.resolve import resolve_config
    from clara_model.training.run import run_stages

    given = plant.parameters(output)
    flags = {**given.pop("options"), **given}
    del flags["allow_incomplete"]
    run_stages(resolve_config(flags={**flags, "stages": STAGES}).config)


def test_all_killed_at_once_and_then_cancelled(plant: Plant) -> None:
    """Nobody is left to tell the server: silence does, and the parent submits the stage again.

    Cancelling the parent then stops the trainer, which saves.
    """
    output = plant.folder / "all-three"
    killed_worker = plant.gpu_worker()
    run_id = plant.train(output, max_steps=100_000, options=_long(plant, output))
    trainer = wait_for_trainer(output, "compression")
    [child] = plant.children(output)
    kill_9(trainer, flow_of(trainer))
    plant.kill_gpu_worker()
    assert killed_worker is not plant.gpu_worker()
    child = plant.server.wait(child.id, timeout_s=120)
    assert child.state is not None and child.state.is_crashed(), child.state

    trainer = wait_for_trainer(output, "compression", other_than=trainer)
    before = _newest(output)
    wait_for(lambda: _newest(output) > before, 60, "a trainer that goes on")
    before = _newest(output)
    plant.server.cancel(run_id)
    wait_for(lambda: not trainer.is_running(), 30, "the end of the trainer after a cancellation")
    assert _newest(output) > before
    assert not trainers_of(output)
    _, second = plant.children(output)
    for id_ in (run_id, second.id):
        run = plant.server.wait(id_, timeout_s=60)
        assert run.state is not None and run.state.is_cancelled(), run.state


def _long(plant: Plant, output: Path) -> dict[str, Any]:
    options = plant.parameters(output)["options"]
    return {**options, "epochs": 100_000, "checkpoint_every_steps": 40}


def _newest(output: Path) -> int:
    folders = (output / "compression" / "checkpoints").glob("step-*/manifest.json")
    return max(int(path.parent.name.removeprefix("step-")) for path in folders)


def test_no_gpu_worker(plant: Plant) -> None:
    """The parent fails with what to do; its child does not wait for a worker of another day."""
    plant.kill_gpu_worker()
    output = plant.folder / "alone"
    run_id = plant.train(output, stages="compression", start_timeout_s=5)
    run = plant.server.wait(run_id, timeout_s=120)
    assert run.state is not None and run.state.is_failed(), run.state
    assert "prefect worker start --pool gpu-pool" in (run.state.message or "")
    assert "'gpu-pool'" in (run.state.message or "")
    [child] = plant.children(output)
    assert child.state is not None and child.state.is_cancelled(), child.state
    assert not output.joinpath("compression").exists()


def test_a_stage_that_fails_is_the_message_of_its_parent(plant: Plant) -> None:
    plant.gpu_worker()
    with plant.server.used():
        assert worker_is_online("train-stage/gpu")
    output = plant.folder / "refused"
    (plant.folder / "data" / "pretrain_data.jsonl").write_text('{"question": "x"}\n')
    run = plant.server.wait(plant.train(output, stages="compression"), timeout_s=240)
    assert run.state is not None and run.state.is_failed(), run.state
    [child] = plant.children(output)
    assert child.state is not None and child.state.is_failed(), child.state
    said = run.state.message or ""
    assert (child.state.message or "?") in said
    assert "pretrain_data.jsonl" in said and "Traceback" not in said

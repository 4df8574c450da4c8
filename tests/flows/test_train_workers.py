"""Training through deployments: a parent on one worker, its stages on another, every limit at 1."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.stage_runs import worker_is_online
from tests.support.prefect_server import PrefectServer
from tests.support.training_flows import train_parameters

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """With both deployments, and a worker for the parents only."""
    with PrefectServer(tmp_path_factory.mktemp("server")) as running:
        for pool in ("cpu-pool", "gpu-pool"):
            running.make_pool(pool, limit=1)
        running.deploy("flows.train.train", "cpu", "cpu-pool")
        running.deploy("flows.train_stage.train_stage", "gpu", "gpu-pool")
        running.worker("cpu-pool", OPENAI_API_KEY="sk-0123456789abcdef")
        yield running


def _message(state: Any) -> str:
    assert state is not None
    return str(state.message)


def test_without_a_gpu_worker_the_parent_fails_and_leaves_nothing_behind(
    server: PrefectServer, tmp_path: Path
) -> None:
    with server.used():
        assert not worker_is_online("train-stage/gpu")
    parameters = train_parameters(tmp_path) | {"stages": "compression", "start_timeout_s": 1}
    run = server.wait(server.submit("train/cpu", parameters).id)
    assert run.state is not None and run.state.is_failed()
    said = _message(run.state)
    assert "'gpu-pool'" in said and "No worker is online there" in said
    assert "prefect worker start --pool gpu-pool" in said
    [child] = server.runs_of("train-stage")
    assert child.state is not None and child.state.is_cancelled()


def test_stages_are_runs_that_a_gpu_worker_takes(server: PrefectServer, tmp_path: Path) -> None:
    parameters = train_parameters(tmp_path, chart=True) | {"stages": "compression,end_to_end"}
    before = {run.id for run in server.runs_of("train-stage")}
    with server.worker("gpu-pool", WANDB_API_KEY="wandb-0123456789"):
        with server.used():
            assert worker_is_online("train-stage/gpu")
        run = server.wait(server.submit("train/cpu", parameters).id, timeout_s=400)
        assert run.state is not None and run.state.is_completed(), _message(run.state)
        # A stage that fails is the parent's message, in the words of its trainer.
        (tmp_path / "data" / "pretrain_data.jsonl").write_text('{"question": "x"}\n')
        wrong = parameters | {"stages": "compression", "allow_incomplete": True}
        failed = server.wait(server.submit("train/cpu", wrong).id, timeout_s=400)
    first, second, third = [r for r in server.runs_of("train-stage") if r.id not in before]
    assert all(r.state is not None and r.state.is_completed() for r in (first, second))
    assert (first.name, second.name) == ("train compression", "train end_to_end")
    parent = second.parameters["parent"]
    assert parent["uri"] == str(tmp_path / "out" / "compression" / "model")
    assert (first.parameters["preset"], second.parameters["preset"]) == ("small", "small")

    rows = json.loads(server.artifacts(run.id)["checkpoints"].data)
    assert [row["parent"] for row in rows] == ["", parent["uri"]]
    shown = server.artifacts(second.id)
    assert {"training-end-to-end", "curves-end-to-end", "checkpoint-end-to-end"} == set(shown)
    # The trainer's lines are in the run's log, in the order of its own.
    log = (tmp_path / "out" / "end_to_end" / "trainer.log").read_text().splitlines()
    said = server.logs(second.id)
    assert [line for line in said if line in log] == log
    everything = json.dumps([said, server.logs(run.id), first.parameters, second.parameters])
    assert "0123456789" not in everything

    assert failed.state is not None and failed.state.is_failed()
    assert third.state is not None and _message(third.state) in _message(failed.state)
    assert "pretrain_data.jsonl" in _message(failed.state)
    assert "Traceback" not in _message(failed.state)

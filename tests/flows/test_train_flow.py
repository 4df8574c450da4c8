"""The flows of training in one process: records, skipping, going on, failing with a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clara_model.errors import CheckpointError, ConfigError, TrainingFailed
from clara_model.training.results import StageResult
from flows.stage_records import StageCheckpoint, finished_stage, parent_of, parse_checkpoint
from flows.train import train
from flows.train_artifacts import last_step
from flows.train_request import TrainRequest, parse_stages
from flows.train_stage import train_stage
from tasks.storage import Location
from tests.support.training_flows import train_parameters

pytestmark = pytest.mark.usefixtures("prefect_api")


def _artifacts(flow_name: str) -> dict[str, Any]:
    """The artifacts of a flow's latest run, by key."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        ArtifactFilter,
        ArtifactFilterFlowRunId,
        FlowFilter,
        FlowFilterName,
    )
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        [run] = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name])),
            sort=FlowRunSort.START_TIME_DESC,
            limit=1,
        )
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        )
    return {artifact.key: artifact for artifact in found}


def _state_of(flow_name: str) -> Any:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        [run] = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow_name])),
            sort=FlowRunSort.START_TIME_DESC,
            limit=1,
        )
    return run.state


def test_stages_hand_on_their_checkpoints_and_are_not_done_twice(tmp_path: Path) -> None:
    parameters = train_parameters(tmp_path, chart=True) | {"stages": "stage1,end_to_end"}
    records = [
        StageCheckpoint.model_validate(record)
        for record in train(**parameters, stage_deployment=None)
    ]
    assert [record.stage for record in records] == ["compression", "end_to_end"]
    first, second = records
    assert (first.parent_uri, second.parent_uri) == (None, first.uri)
    assert second.parent_sha256 == first.sha256
    assert second.uri == str(tmp_path / "out" / "end_to_end" / "model")
    assert first.metrics["train_loss"] is not None
    shown = _artifacts("train-stage")
    assert shown["training-end-to-end"].data == 100
    assert shown["curves-end-to-end"].data.startswith("data:image/png;base64,iVBOR")
    assert second.uri in shown["checkpoint-end-to-end"].data
    rows = json.loads(_artifacts("train")["checkpoints"].data)
    assert [row["stage"] for row in rows] == ["compression", "end_to_end"]
    # What `clara train` writes is there too, and the log of the trainer.
    assert json.loads((tmp_path / "out" / "train_config.json").read_text())["preset"] == "small"
    log = tmp_path / "out" / "end_to_end" / "trainer.log"
    assert "end_to_end: done" in log.read_text()

    # The last stage alone: its parent is found, and nothing is trained again.
    again = train(**parameters | {"stages": "end_to_end"}, stage_deployment=None)
    assert again == [second.to_json()]
    assert "end_to_end: skipped" in log.read_text()

    # It starts from the very checkpoint that it is given, or not at all.
    given = first.to_json()
    with pytest.raises(CheckpointError, match="another run wrote there meanwhile"):
        train_stage(**_stage(parameters), parent=given | {"sha256": "0" * 64})
    with pytest.raises(ConfigError, match="parent: steps"):
        train_stage(**_stage(parameters), parent=given | {"steps": "many"})


def _stage(parameters: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in parameters.items() if k != "stages"} | {"stage": "end_to_end"}


def test_what_cannot_work_is_the_message_of_the_run(tmp_path: Path) -> None:
    parameters = train_parameters(tmp_path)
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"options": {"learning_rat": 1}}, ConfigError, "Did you mean learning_rate"),
        ({"options": {"output": "elsewhere"}}, ConfigError, "a parameter of its own"),
        ({"stages": "end_to_end,compression"}, ConfigError, "in this order"),
        ({"stages": "end_to_end"}, ConfigError, "add `compression` to the stages"),
        ({"data": str(tmp_path / "no-such")}, Exception, "does not exist"),
        ({"base_model": str(tmp_path / "data")}, Exception, "data"),
    ]
    for changes, kind, said in wrong:
        with pytest.raises(kind, match=said):
            train(**parameters | changes, stage_deployment=None)
        state = _state_of("train")
        assert state.is_failed()
        assert said in state.message and "Traceback" not in state.message
    assert not list(tmp_path.glob("out/*/"))
    # What the trainer itself refuses, in the words that it says it in.
    (tmp_path / "data" / "pretrain_data.jsonl").write_text('{"question": "x"}\n')
    changes = {"allow_incomplete": True, "stages": "compression"}
    with pytest.raises(TrainingFailed, match=r"pretrain_data\.jsonl"):
        train(**parameters | changes, stage_deployment=None)
    assert "pretrain_data.jsonl" in _state_of("train").message


def test_where_a_stage_starts_from(tmp_path: Path) -> None:
    output = Location(tmp_path)
    assert parent_of(output, "compression") is None
    with pytest.raises(ConfigError, match="has none of an earlier stage"):
        parent_of(output, "end_to_end")
    result = StageResult(
        stage="instruction",
        identity={},
        checkpoint_sha256="a" * 64,
        parent_sha256=None,
        steps=3,
        rows=12,
        seconds=1.0,
        metrics={"train_loss": 1.0},
    )
    (tmp_path / "instruction").mkdir()
    (tmp_path / "instruction" / "result.json").write_text(result.model_dump_json())
    found = parent_of(output, "reasoning")
    assert found is not None
    assert (found.stage, found.sha256) == ("instruction", "a" * 64)
    assert parse_checkpoint(found.to_json()) == found
    (tmp_path / "instruction" / "result.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read as a stage's result"):
        finished_stage(output, "instruction")


def test_requests_and_figures(tmp_path: Path) -> None:
    assert parse_stages(None) == ("compression", "instruction", "end_to_end")
    assert parse_stages("stage1, e2e") == ("compression", "end_to_end")
    request = TrainRequest(data="d", output="o", options={"end_to_end": {"epochs": 2}, "epochs": 3})
    config = request.resolved(("compression", "end_to_end"), preset="small").config
    assert (config.compression.epochs, config.end_to_end.epochs) == (3, 2)
    metrics = tmp_path / "metrics.jsonl"
    assert last_step(metrics) is None
    metrics.write_text('{"kind":"step","step":4}\n{"kind":"evaluation","step":4}\n{"kind":"st')
    assert last_step(metrics) == {"kind": "step", "step": 4}

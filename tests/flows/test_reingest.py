"""Re-ingestion on a real server: what changed, what is trained of it, and who does it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.states import Failed

from flows.current_model import Promotion, promote, read_current
from flows.reingest import reingest
from flows.stage_records import StageCheckpoint
from flows.warm_start import model_tag
from tasks.errors import UsageError
from tasks.storage import Location
from tests.support.corpora import machine_text, rows, write_corpus

pytestmark = pytest.mark.usefixtures("prefect_api", "kept_workers")


class Folders:
    """SOURCE, OUT and MODEL, where OUT was trained on once."""

    def __init__(self, folder: Path) -> None:
        self.source = write_corpus(folder / "source")
        self.output, self.model = folder / "out", folder / "model"

    def run(self, **parameters: Any) -> dict[str, Any]:
        options = {"workers": 1, "candidates": 4, **parameters.pop("ingest_options", {})}
        source, output = str(self.source), str(self.output)
        return reingest(source=source, output=output, ingest_options=options, **parameters)

    def train_once(self) -> None:
        """What `clara train OUT --output MODEL` leaves of its last stage."""
        self.trained_on("end_to_end", "end_to_end_data.jsonl", "e" * 64)

    def trained_on(self, stage: str, file: str, sha256: str) -> None:
        """A stage's result that says that it read OUT's file."""
        digest = hashlib.sha256((self.output / file).read_bytes()).hexdigest()
        result = {"checkpoint_sha256": sha256, "identity": {f"data.{file}": digest}}
        (self.model / stage).mkdir(parents=True, exist_ok=True)
        (self.model / stage / "result.json").write_text(json.dumps(result))

    def add(self, number: int) -> None:
        (self.source / f"new-{number}.txt").write_text(machine_text(number))


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The parameters of every training in this process; each of them ends well at once."""
    calls: list[dict[str, Any]] = []

    @flow(name="train", persist_result=False)
    def train(
        data: str,
        output: str,
        stages: str,
        init_from: str | None,
        promotes: Promotion,
        max_steps: int | None = None,
    ) -> None:
        calls.append({"data": data, "init_from": init_from, "max_steps": max_steps})
        promote(
            promotes,
            StageCheckpoint(
                stage="end_to_end",
                uri=f"{output}/{stages}/model",
                sha256=f"{len(calls):064x}",
                steps=1,
                rows=1,
                seconds=1.0,
                metrics={},
            ),
        )

    monkeypatch.setitem(sys.modules, "flows.train", SimpleNamespace(train=train))  # type: ignore[arg-type]
    yield calls


def run_message(folders: Folders) -> str:
    """What the page of the last run says."""
    with get_client(sync_client=True) as client:
        named = FlowRunFilter(name=FlowRunFilterName(any_=[f"reingest {folders.source}"]))
        runs = client.read_flow_runs(flow_run_filter=named)
    last = max(runs, key=lambda run: run.created or 0)
    assert last.state is not None
    return last.state.message or ""


def test_what_was_added_is_there_what_was_removed_is_gone_and_nothing_else_is_redone(
    folders: Folders,
) -> None:
    assert folders.run()["ingest"]["outcome"] == "done"
    unchanged = folders.run()
    assert unchanged["ingest"]["outcome"] == "unchanged"
    assert unchanged["training"]["state"] == "not_asked"
    assert run_message(folders).startswith("nothing is new in")
    folders.add(50)
    (folders.source / "north" / "sheet-001.txt").unlink()
    changed = folders.run()
    steps = changed["ingest"]["steps"]
    assert {name: steps[name]["done"] for name in ("extract", "chunk", "synthesize")} == {
        "extract": 1,
        "chunk": 1,
        "synthesize": 1,
    }
    assert "1 new, 0 changed, 1 removed" in run_message(folders)
    known = {row["file_path"] for row in rows(folders.output, "raw_knowledge")}
    assert "new-50.txt" in known
    assert "north/sheet-001.txt" not in known


def test_a_model_is_trained_further_in_this_process_where_there_is_no_deployment(
    folders: Folders, trained: list[dict[str, Any]]
) -> None:
    folders.run()
    folders.train_once()
    asked: dict[str, Any] = {
        "train_after_ingest": True,
        "model_output": str(folders.model),
        "min_new_rows": 3,
        "train_deployment": "train/nowhere",
        "train_parameters": {"max_steps": 7},
    }
    assert folders.run(**asked)["training"]["state"] == "too_few_new_rows"
    folders.add(50)
    folders.add(51)
    result = folders.run(**asked)
    assert result["training"]["state"] == "trained"
    counted = result["training"]["rows"]["end_to_end"]
    assert counted["new"] >= 3
    assert counted["replayed"] == min(counted["new"], counted["old"])
    (call,) = trained
    assert call["init_from"] == str(folders.model / "end_to_end" / "model")
    assert call["max_steps"] == 7
    assert (Path(call["data"]) / "manifest.json").is_file()
    current = read_current(Location(folders.model))
    assert current is not None
    assert current.training == result["training"]["id"]
    assert folders.run(**asked)["training"]["state"] == "too_few_new_rows"
    assert len(trained) == 1


def test_rows_seen_before_a_night_without_training_stay_known(
    folders: Folders, trained: list[dict[str, Any]]
) -> None:
    """OUT changes while training is off: what the model knows was written down before."""
    folders.run()
    before = len(rows(folders.output, "end_to_end_data"))
    folders.train_once()
    folders.add(50)
    folders.run(model_output=str(folders.model))
    new = len(rows(folders.output, "end_to_end_data")) - before
    result = folders.run(
        model_output=str(folders.model),
        train_after_ingest=True,
        min_new_rows=1,
        train_deployment=None,
    )
    assert result["ingest"]["outcome"] == "unchanged"
    assert result["training"]["rows"]["end_to_end"]["new"] == new


def test_a_deployment_trains_and_the_run_does_not_wait(folders: Folders) -> None:
    folders.run()
    folders.train_once()
    folders.add(50)
    name = f"train-{folders.model.parent.name}"
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            client.create_flow_from_name(name), name="cpu", enforce_parameter_schema=False
        )
        asked: dict[str, Any] = {
            "train_after_ingest": True,
            "model_output": str(folders.model),
            "min_new_rows": 1,
            "train_deployment": f"{name}/cpu",
        }
        first = folders.run(**asked)["training"]
        assert first["state"] == "submitted"
        run = client.read_flow_run(first["run"])
        assert run.state is not None
        assert run.state.is_scheduled()
        assert run.parent_task_run_id is None
        assert model_tag(str(folders.model)) in run.tags
        assert run.parameters["promotes"]["training"] == first["id"]
        assert run.deployment_id == deployment
        folders.add(51)
        waits = folders.run(**asked)["training"]
        assert waits["state"] == "going_on"
        assert run.name in waits["sentence"]
        client.set_flow_run_state(run.id, Failed(), force=True)
        second = folders.run(**asked)["training"]
    assert second["state"] == "submitted"
    assert second["rows"]["end_to_end"]["new"] > first["rows"]["end_to_end"]["new"]


def test_without_a_model_nothing_begins_from_zero(folders: Folders) -> None:
    result = folders.run(train_after_ingest=True, model_output=str(folders.model), min_new_rows=1)
    assert result["training"]["state"] == "no_model"
    assert "clara train" in run_message(folders)
    assert not (folders.model / "trainings").exists()


def test_wrong_parameters_are_named_before_anything_runs(folders: Folders) -> None:
    with pytest.raises(UsageError, match="train_after_ingest needs model_output"):
        folders.run(train_after_ingest=True)
    with pytest.raises(UsageError, match="ingest_options has 'chunk_tokes'"):
        folders.run(ingest_options={"chunk_tokes": 5})
    assert not folders.output.exists()


def test_the_trainer_starts_from_the_current_checkpoint(folders: Folders, tmp_path: Path) -> None:
    """With the trainer itself: a model of one stage, further trained on what is new."""
    from clara_model.checkpoint import checkpoint_sha256
    from tests.support.tiny_models import tiny_clara

    folders.run()
    model = tiny_clara(tmp_path)
    model.set_stage("compression")
    model.save(folders.model / "compression" / "model")
    first = checkpoint_sha256(folders.model / "compression" / "model")
    folders.trained_on("compression", "pretrain_data.jsonl", first)
    folders.add(50)
    asked: dict[str, Any] = {
        "train_after_ingest": True,
        "model_output": str(folders.model),
        "min_new_rows": 1,
        "train_deployment": None,
        "train_parameters": {
            "max_steps": 1,
            "preset": "small",
            "stage_deployment": None,
            "options": {
                "device": "cpu",
                "dtype": "float32",
                "allow_truncation": True,
                "evaluation_rows": 0,
                "sample_answers": 0,
                "wandb": "off",
                "chart": False,
            },
        },
    }
    result = folders.run(**asked)["training"]
    current = read_current(Location(folders.model))
    assert current is not None
    assert current.training == result["id"]
    trained = json.loads((Path(current.checkpoint).parent / "result.json").read_text())
    assert trained["parent_sha256"] == first
    assert trained["checkpoint_sha256"] == current.sha256 != first
    counted = result["rows"]["compression"]
    assert trained["rows"] == counted["new"] + counted["replayed"]
    assert folders.run(**asked)["training"]["state"] == "too_few_new_rows"

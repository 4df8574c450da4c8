"""What watches a stage, put together."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from clara_model.tracking.options import TrackingOptions
from clara_model.tracking.trackers import Tracking, open_tracking, run_name
from tests.support.training_metrics import evaluation_metrics, step_metrics, trainer_at


def _open(folder: Path, options: TrackingOptions, *, terminal: bool = False) -> Tracking:
    return open_tracking(
        options,
        folder=folder,
        stage="compression",
        base_name="/models/tiny",
        config={},
        console=Console(file=io.StringIO(), force_terminal=terminal),
    )


def _names(tracking: Tracking) -> list[str]:
    return [type(tracker).__name__ for tracker in tracking.trackers]


@pytest.mark.parametrize(
    ("options", "terminal", "expected"),
    [
        ({}, False, ["MetricsFile", "TrainingChart", "WandbRun", "ProgressLines"]),
        ({}, True, ["MetricsFile", "TrainingChart", "WandbRun", "ProgressBar"]),
        (
            {"progress": "bar", "wandb": "off"},
            False,
            ["MetricsFile", "TrainingChart", "ProgressBar"],
        ),
        ({"wandb": "off", "chart": False, "progress": "off"}, True, ["MetricsFile"]),
    ],
)
def test_trackers_are_those_that_were_asked_for(
    tmp_path: Path, options: dict, terminal: bool, expected: list[str]
) -> None:
    assert _names(_open(tmp_path, TrackingOptions(**options), terminal=terminal)) == expected


def test_a_stage_leaves_its_figures_and_its_picture(tmp_path: Path) -> None:
    tracking = _open(tmp_path, TrackingOptions(wandb="off"))
    assert list(tmp_path.iterdir()) == []
    tracking.on_start(trainer_at(0))
    tracking.on_step_end(trainer_at(1), step_metrics(1))
    tracking.on_evaluate(trainer_at(1), evaluation_metrics(1))
    tracking.on_checkpoint(trainer_at(1), tmp_path)
    tracking.on_end(trainer_at(1))
    assert {path.name for path in tmp_path.iterdir()} == {
        "metrics.jsonl",
        "samples.jsonl",
        "training.png",
    }


def test_other_processes_write_nothing(tmp_path: Path) -> None:
    tracking = _open(tmp_path, TrackingOptions(wandb="off"))
    trainer = trainer_at(1, is_main=False)
    tracking.on_start(trainer)
    tracking.on_step_end(trainer, step_metrics(1))
    tracking.on_end(trainer)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("base", ["/models/Qwen3-4B", "Qwen/Qwen3-4B", "models/Qwen3-4B/"])
def test_a_run_is_named_after_its_base_and_stage(base: str) -> None:
    assert run_name(base, "end_to_end") == "CLaRa-Qwen3-4B-end_to_end"

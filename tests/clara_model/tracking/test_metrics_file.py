"""metrics.jsonl and samples.jsonl: each step once, through kills, resumes and full disks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clara_model.tracking.metrics_file import MetricsFile, read_metrics
from tests.support.training_metrics import evaluation_metrics, step_metrics, trainer_at


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _train(folder: Path, first: int, last: int, evaluate_at: int | None = None) -> list[str]:
    said: list[str] = []
    file = MetricsFile(folder, said.append)
    file.on_start(trainer_at(first - 1))
    for step in range(first, last + 1):
        file.on_step_end(trainer_at(step), step_metrics(step))
        if step == evaluate_at:
            file.on_evaluate(trainer_at(step), evaluation_metrics(step))
    file.on_checkpoint(trainer_at(last), folder)
    return said


def test_figures_and_texts_are_apart(tmp_path: Path) -> None:
    _train(tmp_path, 1, 3, evaluate_at=2)
    lines = _lines(tmp_path / "metrics.jsonl")
    assert [(line["kind"], line["step"]) for line in lines] == [
        ("step", 1),
        ("step", 2),
        ("evaluation", 2),
        ("step", 3),
    ]
    assert "Pumpe" not in (tmp_path / "metrics.jsonl").read_text(encoding="utf-8")
    (sample,) = _lines(tmp_path / "samples.jsonl")
    assert sample["question"] == "Wo steht die Pumpe?" and sample["step"] == 2
    assert "六巴" in (tmp_path / "samples.jsonl").read_text(encoding="utf-8")


def test_each_line_is_there_at_once(tmp_path: Path) -> None:
    file = MetricsFile(tmp_path)
    file.on_start(trainer_at(0))
    file.on_step_end(trainer_at(1), step_metrics(1))
    assert len(_lines(tmp_path / "metrics.jsonl")) == 1


def test_a_resumed_run_has_no_step_twice(tmp_path: Path) -> None:
    _train(tmp_path, 1, 8, evaluate_at=6)
    _train(tmp_path, 5, 10, evaluate_at=6)
    steps, evaluations = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in steps] == list(range(1, 11))
    assert [line["step"] for line in evaluations] == [6]
    assert len(_lines(tmp_path / "samples.jsonl")) == 1


def test_an_evaluation_at_the_resumed_step_is_kept_once(tmp_path: Path) -> None:
    _train(tmp_path, 1, 4, evaluate_at=4)
    file = MetricsFile(tmp_path)
    file.on_start(trainer_at(4))
    file.on_evaluate(trainer_at(4), evaluation_metrics(4))
    assert [line["step"] for line in read_metrics(tmp_path / "metrics.jsonl")[1]] == [4]
    assert len(_lines(tmp_path / "samples.jsonl")) == 1


def test_half_a_line_of_a_killed_run_is_dropped_and_said(tmp_path: Path) -> None:
    _train(tmp_path, 1, 4)
    with open(tmp_path / "metrics.jsonl", "a", encoding="utf-8") as file:
        file.write('{"kind":"step","step":5,"lo')
    assert len(read_metrics(tmp_path / "metrics.jsonl")[0]) == 4
    said = _train(tmp_path, 5, 6)
    assert len(said) == 1 and "1 lines were no whole records" in said[0]
    assert [line["step"] for line in _lines(tmp_path / "metrics.jsonl")] == [1, 2, 3, 4, 5, 6]


def test_training_from_the_start_begins_the_files_anew(tmp_path: Path) -> None:
    _train(tmp_path, 1, 4, evaluate_at=2)
    _train(tmp_path, 1, 2)
    assert [line["step"] for line in _lines(tmp_path / "metrics.jsonl")] == [1, 2]
    assert (tmp_path / "samples.jsonl").read_text() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_said_once_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
    said: list[str] = []
    file = MetricsFile(tmp_path, said.append)
    for step in (1, 2, 3):
        file.on_step_end(trainer_at(step), step_metrics(step))
    assert len(said) == 1
    assert "No space left" in said[0] and "metrics.jsonl" in said[0]

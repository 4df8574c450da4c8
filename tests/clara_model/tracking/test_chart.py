"""training.png: panels for what there is, whole pictures, and no run that ends for a picture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from clara_model.tracking import chart
from clara_model.tracking.chart import TrainingChart, plot_metrics
from clara_model.tracking.panels import draw, smoothed
from clara_model.tracking.records import StepMetrics
from tests.support.corpora import ROOT
from tests.support.training_metrics import evaluation_metrics, step_metrics, trainer_at


def _write(folder: Path, steps: list[StepMetrics]) -> Path:
    path = folder / "metrics.jsonl"
    records = [*steps, evaluation_metrics(steps[-1].step)]
    path.write_text(
        "".join(f"{r.model_dump_json(exclude_none=True, exclude={'samples'})}\n" for r in records)
    )
    return path


def _titles(steps: list[StepMetrics], evaluated: bool = False) -> list[str]:
    lines = [json.loads(step.model_dump_json(exclude_none=True)) for step in steps]
    evaluations = [json.loads(evaluation_metrics(2).model_dump_json())] if evaluated else []
    figure = draw(lines, evaluations, "CLaRa-tiny-compression")
    return [axes.get_title() for axes in figure.axes if axes.get_visible()]


def test_the_picture_has_its_size_and_can_be_redrawn_from_the_file(tmp_path: Path) -> None:
    target = plot_metrics(_write(tmp_path, [step_metrics(s) for s in range(1, 80)]))
    assert target == tmp_path / "training.png"
    with Image.open(target) as picture:
        assert picture.size == (1200, 800)
        colours = picture.convert("RGB").getcolors(maxcolors=1 << 20)
    assert colours is not None and len(colours) > 50
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_panels_are_those_that_the_stage_has() -> None:
    reading = [step_metrics(s, alignment_loss=0.5, loss=1.2) for s in (1, 2)]
    assert _titles(reading) == [
        "loss",
        "alignment loss",
        "learning rate",
        "gradient norm",
        "tokens/s",
    ]
    retrieving = [
        step_metrics(
            s,
            stage="end_to_end",
            recall_at_1=0.5,
            score_margin=0.1,
            score_entropy=2.0,
            mfu=0.4125,
            peak_memory_bytes=2**30,
        )
        for s in (1, 2)
    ]
    assert _titles(retrieving, evaluated=True) == [
        "loss",
        "recall",
        "answers on held-out rows",
        "score margin (cosine)",
        "score entropy (nats)",
        "learning rate",
        "gradient norm",
        "tokens/s, MFU 41.2%",
        "peak memory (GiB), micro-batch 4",
    ]


def test_an_answer_loss_that_is_the_loss_is_drawn_once() -> None:
    lines = [json.loads(step_metrics(s).model_dump_json(exclude_none=True)) for s in (1, 2)]
    loss = draw(lines, [], "x").axes[0]
    assert len(loss.lines) == 1 and loss.get_legend() is None


def test_the_title_names_the_run_and_how_far_it_is() -> None:
    lines = [json.loads(step_metrics(s).model_dump_json(exclude_none=True)) for s in (1, 2)]
    title = draw(lines, [], "CLaRa-tiny-compression").get_suptitle()
    assert title == "CLaRa-tiny-compression\nstep 2 of 20, epoch 0.10"


def test_smoothing_keeps_constants_slopes_and_length() -> None:
    slope = [(float(x), 2.0 * x) for x in range(1000)]
    result = smoothed(slope)
    assert [x for x, _ in result] == [x for x, _ in slope]
    assert all(abs(y - 2.0 * x) < 1e-6 for x, y in result[20:-20])
    noise = [(float(x), (-1.0) ** x) for x in range(1000)]
    assert max(abs(y) for _, y in smoothed(noise)[20:-20]) < 0.1


def test_a_file_without_figures_cannot_be_drawn(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match="neither a step nor an evaluation"):
        plot_metrics(tmp_path / "metrics.jsonl")


def test_it_is_drawn_now_and_then_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path, [step_metrics(1)])
    now = [0.0]
    drawn: list[float] = []

    def draw_slowly(metrics: Path, *, title: str) -> None:
        drawn.append(now[0])
        now[0] += 3.0

    monkeypatch.setattr(chart, "plot_metrics", draw_slowly)
    monkeypatch.setattr(chart.time, "monotonic", lambda: now[0])
    tracker = TrainingChart(tmp_path, "run", every_s=60.0)
    tracker.on_start(trainer_at(0))
    for second in range(0, 400, 10):
        now[0] = max(now[0], float(second))
        tracker.on_step_end(trainer_at(1), step_metrics(1))
    # Three seconds of drawing are worth 150 s of training, more than the 60 asked for.
    assert drawn == [60.0, 220.0, 380.0]
    tracker.on_end(trainer_at(20))
    assert len(drawn) == 4


def test_a_picture_that_fails_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(metrics: Path, *, title: str) -> None:
        raise OSError("no space left")

    _write(tmp_path, [step_metrics(1)])
    monkeypatch.setattr(chart, "plot_metrics", refuse)
    said: list[str] = []
    tracker = TrainingChart(tmp_path, "run", every_s=0.0, say=said.append)
    for _ in range(2):
        tracker.on_end(trainer_at(20))
    assert said == ["training.png could not be drawn (no space left): training goes on."]


def test_a_run_that_failed_before_its_first_step_leaves_no_picture(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").touch()
    said: list[str] = []
    TrainingChart(tmp_path, "run", every_s=0.0, say=said.append).on_end(trainer_at(0))
    assert said == [] and not (tmp_path / "training.png").exists()


def test_the_command_says_how_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clara_model.tracking.chart"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "METRICS.jsonl" in done.stderr

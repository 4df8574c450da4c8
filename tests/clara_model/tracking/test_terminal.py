"""What a person sees while it trains."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from rich.console import Console

from clara_model.tracking import terminal
from clara_model.tracking.terminal import (
    ProgressBar,
    ProgressLines,
    TimeLeft,
    evaluation_line,
    step_line,
)
from tests.support.training_metrics import evaluation_metrics, step_metrics, trainer_at


def test_time_left_follows_the_pace_with_evaluations_in_between() -> None:
    left = TimeLeft()
    assert left.after(step_metrics(1, seconds=2.0), now=102.0) == timedelta(seconds=38)
    assert left.after(step_metrics(2, seconds=2.0), now=104.0) == timedelta(seconds=36)
    # An evaluation of six seconds came between: (110 - 100) s for three steps.
    assert left.after(step_metrics(3, seconds=2.0), now=110.0) == timedelta(seconds=57)


def test_time_left_of_a_resumed_run_starts_at_its_own_steps() -> None:
    assert TimeLeft().after(step_metrics(16, seconds=2.0), now=9.0) == timedelta(seconds=8)


def test_a_line_says_what_counts() -> None:
    metrics = step_metrics(
        5, alignment_loss=0.5, recall_at_1=0.75, mfu=0.4, peak_memory_bytes=3 * 2**30, loss=0.25
    )
    assert step_line(metrics) == (
        "compression step 5/20 (25%), loss 0.25, answer 0.2, alignment 0.5, "
        "learning rate 1.00e-04, gradient norm 0.5, recall@1 0.750, 1,000 tokens/s, MFU 40.0%, "
        "3.0 GiB"
    )


def test_a_skipped_step_says_why() -> None:
    assert "float16 gradient overflowed" in step_line(step_metrics(5, skipped=True, grad_norm=None))


def test_an_evaluation_says_over_how_many_rows() -> None:
    assert evaluation_line(evaluation_metrics(4)) == (
        "compression evaluation at step 4, 8 held-out rows (1 answered): "
        "loss 0.7, exact match 0, F1 0.25"
    )


def test_lines_come_first_last_and_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    console = Console(file=io.StringIO(), width=40)
    lines = ProgressLines(console, every_s=8.0)
    for step in range(1, 21):
        now[0] = float(step)
        lines.on_step_end(trainer_at(step), step_metrics(step))
    printed = console.file.getvalue().splitlines()
    assert [line.split()[2] for line in printed] == ["1/20", "9/20", "17/20", "20/20"]
    assert printed[1].endswith("0:00:11 left")


def test_the_bar_shows_steps_time_left_and_figures() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    bar = ProgressBar(console)
    bar.on_step_end(trainer_at(5), step_metrics(5, recall_at_1=0.5))
    bar.on_evaluate(trainer_at(5), evaluation_metrics(5))
    bar.on_end(trainer_at(5))
    shown = console.file.getvalue()
    assert "5/20" in shown and "left" in shown and "loss 0.200 r@1 0.50 1,000 tok/s" in shown
    assert "8 held-out rows" in shown


def test_a_bar_that_never_began_can_end() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    ProgressBar(console).on_end(trainer_at(0))
    assert console.file.getvalue() == ""

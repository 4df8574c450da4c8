"""Training on the terminal: a rich bar with what counts, or a plain line now and then."""

from __future__ import annotations

import time
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from clara_model.tracking.records import EvaluationMetrics, StepMetrics
from clara_model.training.callbacks import Callback

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from clara_model.training.loop import Trainer

_REMEMBERED_STEPS = 100


class TimeLeft:
    """How long the remaining steps take at the pace of the last ones, evaluations included."""

    def __init__(self) -> None:
        self._ends: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED_STEPS)

    def after(self, metrics: StepMetrics, now: float) -> timedelta:
        """The time left after this step, which ended at `now` (seconds of a monotonic clock)."""
        if not self._ends:
            self._ends.append((metrics.step - 1, now - metrics.seconds))
        self._ends.append((metrics.step, now))
        (first_step, began), (step, ended) = self._ends[0], self._ends[-1]
        pace_s = (ended - began) / max(1, step - first_step)
        return timedelta(seconds=round(pace_s * (metrics.total_steps - metrics.step)))


class ProgressBar(Callback):
    """A live bar: steps, time left, loss, learning rate, tokens a second, recall where known."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._time_left = TimeLeft()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def on_step_end(self, trainer: Trainer, metrics: StepMetrics) -> None:
        if self._progress is None:
            self._progress, self._task = self._start(metrics)
        assert self._task is not None
        left = self._time_left.after(metrics, time.monotonic())
        self._progress.update(
            self._task, completed=metrics.step, left=f"{left} left", figures=_short_figures(metrics)
        )

    def on_evaluate(self, trainer: Trainer, metrics: EvaluationMetrics) -> None:
        self._console.print(evaluation_line(metrics), markup=False, highlight=False)

    def on_end(self, trainer: Trainer) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _start(self, metrics: StepMetrics) -> tuple[Progress, TaskID]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
            refresh_per_second=4,
        )
        progress.start()
        task = progress.add_task(metrics.stage, total=metrics.total_steps, left="", figures="")
        return progress, task


class ProgressLines(Callback):
    """A line after the first step, after the last, and every `every_s` seconds between."""

    def __init__(self, console: Console, every_s: float) -> None:
        self._console = console
        self._every_s = every_s
        self._time_left = TimeLeft()
        self._last: float | None = None

    def on_step_end(self, trainer: Trainer, metrics: StepMetrics) -> None:
        now = time.monotonic()
        left = self._time_left.after(metrics, now)
        due = self._last is None or now - self._last >= self._every_s
        if due or metrics.step == metrics.total_steps:
            self._last = now
            self._print(f"{step_line(metrics)}, {left} left")

    def on_evaluate(self, trainer: Trainer, metrics: EvaluationMetrics) -> None:
        self._print(evaluation_line(metrics))

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def step_line(metrics: StepMetrics) -> str:
    """One line of text that says how training stands."""
    share = metrics.step / metrics.total_steps
    parts = [
        f"{metrics.stage} step {metrics.step}/{metrics.total_steps} ({share:.0%})",
        f"loss {metrics.loss:.4g}",
    ]
    if metrics.alignment_loss is not None and metrics.answer_loss is not None:
        parts.append(f"answer {metrics.answer_loss:.4g}, alignment {metrics.alignment_loss:.4g}")
    parts.append(f"learning rate {metrics.learning_rate:.2e}")
    if metrics.grad_norm is not None:
        parts.append(f"gradient norm {metrics.grad_norm:.3g}")
    if metrics.recall_at_1 is not None:
        parts.append(f"recall@1 {metrics.recall_at_1:.3f}")
    parts.append(f"{metrics.tokens_per_s:,.0f} tokens/s")
    if metrics.mfu is not None:
        parts.append(f"MFU {metrics.mfu:.1%}")
    if metrics.peak_memory_bytes is not None:
        parts.append(f"{metrics.peak_memory_bytes / 2**30:.1f} GiB")
    if metrics.skipped:
        parts.append("skipped: the float16 gradient overflowed, the loss scale was lowered")
    return ", ".join(parts)


def evaluation_line(metrics: EvaluationMetrics) -> str:
    """One line of text that says how an evaluation went."""
    figures = {
        "loss": metrics.loss,
        "recall@1": metrics.recall_at_1,
        "recall@5": metrics.recall_at_5,
        "exact match": metrics.exact_match,
        "F1": metrics.f1,
    }
    known = [f"{name} {value:.4g}" for name, value in figures.items() if value is not None]
    answered = f" ({metrics.answered_rows} answered)" if metrics.answered_rows else ""
    return (
        f"{metrics.stage} evaluation at step {metrics.step}, {metrics.rows} held-out rows"
        f"{answered}: {', '.join(known)}"
    )


def _short_figures(metrics: StepMetrics) -> str:
    recall = "" if metrics.recall_at_1 is None else f" r@1 {metrics.recall_at_1:.2f}"
    return f"loss {metrics.loss:.3f}{recall} {metrics.tokens_per_s:,.0f} tok/s"

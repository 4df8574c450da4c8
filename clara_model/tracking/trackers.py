"""Everything that watches a stage, put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clara_model.config import Stage
from clara_model.tracking.chart import TrainingChart
from clara_model.tracking.metrics_file import MetricsFile
from clara_model.tracking.options import TrackingOptions
from clara_model.tracking.terminal import ProgressBar, ProgressLines
from clara_model.tracking.wandb_run import WandbRun
from clara_model.training.callbacks import Callback

if TYPE_CHECKING:
    from rich.console import Console

    from clara_model.tracking.records import EvaluationMetrics, StepMetrics
    from clara_model.training.loop import Trainer


class Tracking(Callback):
    """Passes on to its trackers, on the main process; the others only train."""

    def __init__(self, trackers: Sequence[Callback]) -> None:
        self.trackers = tuple(trackers)

    def on_start(self, trainer: Trainer) -> None:
        self._each(trainer, lambda tracker: tracker.on_start(trainer))

    def on_step_end(self, trainer: Trainer, metrics: StepMetrics) -> None:
        self._each(trainer, lambda tracker: tracker.on_step_end(trainer, metrics))

    def on_evaluate(self, trainer: Trainer, metrics: EvaluationMetrics) -> None:
        self._each(trainer, lambda tracker: tracker.on_evaluate(trainer, metrics))

    def on_checkpoint(self, trainer: Trainer, folder: Path) -> None:
        self._each(trainer, lambda tracker: tracker.on_checkpoint(trainer, folder))

    def on_end(self, trainer: Trainer) -> None:
        self._each(trainer, lambda tracker: tracker.on_end(trainer))

    def _each(self, trainer: Trainer, call: Callable[[Callback], None]) -> None:
        if trainer.processes.is_main:
            for tracker in self.trackers:
                call(tracker)


def open_tracking(
    options: TrackingOptions,
    *,
    folder: Path,
    stage: Stage,
    base_name: str,
    config: Mapping[str, Any],
    console: Console | None = None,
) -> Tracking:
    """What watches one stage: progress, metrics.jsonl, training.png and wandb, as `options` say.

    `folder`: the stage's output folder. `base_name`: the base model's folder or hub name. `config`:
    the run's options, nested; only `public_config` of it leaves the machine. `console`: where
    progress goes; the standard output by default. Nothing is written before training starts.
    """
    from rich.console import Console

    console = console or Console()

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    name = run_name(base_name, stage)
    trackers: list[Callback] = [MetricsFile(folder, say)]
    if options.chart:
        trackers.append(TrainingChart(folder, name, options.chart_every_s, say))
    if options.wandb != "off":
        trackers.append(WandbRun(options, folder=folder, name=name, config=config, say=say))
    kind = options.progress
    if kind == "bar" or (kind == "auto" and console.is_terminal):
        trackers.append(ProgressBar(console))
    elif kind != "off":
        trackers.append(ProgressLines(console, options.progress_every_s))
    return Tracking(trackers)


def run_name(base_name: str, stage: Stage) -> str:
    """`CLaRa-<base>-<stage>`, the base by the last part of its name."""
    return f"CLaRa-{Path(base_name).name}-{stage}"

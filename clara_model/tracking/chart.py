"""`training.png`: the curves of a stage, drawn again now and then while it trains.

`python -m clara_model.tracking.chart OUT/compression/metrics.jsonl` draws them from the file.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from clara_model.tracking.metrics_file import METRICS_NAME, Say, read_metrics
from clara_model.tracking.records import StepMetrics
from clara_model.training.callbacks import Callback

if TYPE_CHECKING:
    from clara_model.training.loop import Trainer

CHART_NAME = "training.png"

_MOST_OF_THE_TIME = 0.02
"""Drawing may take this share of training's time, however long the file has become."""


def plot_metrics(metrics: Path, target: Path | None = None, *, title: str | None = None) -> Path:
    """Draws the curves in a `metrics.jsonl`, 1200 x 800 pixels, and gives the picture's path.

    `target`: by default `training.png` beside the file. `title`: by default the folder's name.
    The picture is whole or the one before. Raises OSError, and ValueError for a file without a
    step or an evaluation.
    """
    from clara_model.tracking.panels import draw

    steps, evaluations = read_metrics(metrics)
    if not steps and not evaluations:
        raise ValueError(f"{metrics} holds neither a step nor an evaluation: nothing to draw.")
    target = metrics.with_name(CHART_NAME) if target is None else target
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name in Chinese: boxes in the title
        figure = draw(steps, evaluations, title or metrics.resolve().parent.name)
        try:
            figure.savefig(temporary, format="png")
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    return target


class TrainingChart(Callback):
    """Draws from the stage's `metrics.jsonl`; comes after `MetricsFile`. Failures are said once."""

    def __init__(self, folder: Path, title: str, every_s: float, say: Say = print) -> None:
        self._metrics = folder / METRICS_NAME
        self._title = title
        self._every_s = every_s
        self._say = say
        self._failed = False
        self._next = 0.0

    def on_start(self, trainer: Trainer) -> None:
        self._next = time.monotonic() + self._every_s

    def on_step_end(self, trainer: Trainer, metrics: StepMetrics) -> None:
        if time.monotonic() >= self._next:
            self._draw()

    def on_end(self, trainer: Trainer) -> None:
        self._draw()

    def _draw(self) -> None:
        if not self._metrics.exists() or self._metrics.stat().st_size == 0:
            return
        began = time.monotonic()
        try:
            plot_metrics(self._metrics, title=self._title)
        except Exception as error:  # a picture is never worth a training run
            if not self._failed:
                self._say(f"{CHART_NAME} could not be drawn ({error}): training goes on.")
            self._failed = True
        ended = time.monotonic()
        self._next = ended + max(self._every_s, (ended - began) / _MOST_OF_THE_TIME)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m clara_model.tracking.chart METRICS.jsonl [PICTURE.png]")
    print(plot_metrics(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) == 3 else None))

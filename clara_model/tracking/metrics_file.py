"""`metrics.jsonl`: a line for each step and each evaluation; `samples.jsonl`: sample answers.

Two files, so that the figures can be shown around without showing the data. Each line is written
out at once. Where training goes on from step s, lines after s are dropped first: they are made
again, and no step is there twice.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clara_model.tracking.records import EvaluationMetrics, StepMetrics
from clara_model.training.callbacks import Callback

if TYPE_CHECKING:
    from clara_model.training.loop import Trainer

METRICS_NAME = "metrics.jsonl"
SAMPLES_NAME = "samples.jsonl"

Say = Callable[[str], None]


class MetricsFile(Callback):
    """Keeps both files of a stage's folder. A full disk is said once and stops nothing."""

    def __init__(self, folder: Path, say: Say = print) -> None:
        self._metrics = _Lines(folder / METRICS_NAME, say)
        self._samples = _Lines(folder / SAMPLES_NAME, say)
        self._evaluated: set[int] = set()

    def on_start(self, trainer: Trainer) -> None:
        kept = self._metrics.drop_after(trainer.step)
        self._samples.drop_after(trainer.step)
        # An evaluation may come before the checkpoint of its step or after it.
        self._evaluated = {line["step"] for line in kept if line.get("kind") == "evaluation"}

    def on_step_end(self, trainer: Trainer, metrics: StepMetrics) -> None:
        self._metrics.append(metrics.model_dump(mode="json", exclude_none=True))

    def on_evaluate(self, trainer: Trainer, metrics: EvaluationMetrics) -> None:
        if metrics.step in self._evaluated:
            return
        self._evaluated.add(metrics.step)
        self._metrics.append(
            metrics.model_dump(mode="json", exclude_none=True, exclude={"samples"})
        )
        for sample in metrics.samples:
            where = {"step": metrics.step, "stage": metrics.stage}
            self._samples.append({**where, **sample.model_dump(mode="json")})

    def on_checkpoint(self, trainer: Trainer, folder: Path) -> None:
        self._metrics.sync()
        self._samples.sync()


def read_metrics(path: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Steps and evaluations of a `metrics.jsonl`, as they stand; what is no whole line is left out.

    Raises OSError where the file cannot be read.
    """
    lines, _ = _read(path)
    steps = [line for line in lines if line.get("kind") == "step"]
    return steps, [line for line in lines if line.get("kind") == "evaluation"]


class _Lines:
    """A file of JSON lines that is appended to. Its failures are said once."""

    def __init__(self, path: Path, say: Say) -> None:
        self._path = path
        self._say = say
        self._failed = False

    def drop_after(self, step: int) -> list[dict[str, Any]]:
        """Keeps the whole lines up to `step` and gives them back; none where `step` is 0."""
        if not self._path.exists():
            return []
        lines, unreadable = _read(self._path)
        if unreadable:
            self._say(f"{self._path}: {unreadable} lines were no whole records; they are dropped.")
        kept = [line for line in lines if step > 0 and line["step"] <= step]
        temporary = self._path.with_name(f".{self._path.name}.tmp")
        with self._failure_said(), open(temporary, "w", encoding="utf-8") as file:
            file.writelines(_as_text(line) for line in kept)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(self._path)
        return kept

    def append(self, line: dict[str, Any]) -> None:
        with self._failure_said():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path, "ab", buffering=0) as file:
                before = file.tell()
                data = _as_text(line).encode()
                if file.write(data) != len(data):
                    file.truncate(before)  # the next line would be glued to half a one
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self) -> None:
        """What was written so far survives a power cut."""
        if self._path.exists():
            with self._failure_said(), open(self._path, "ab") as file:
                os.fsync(file.fileno())

    @contextmanager
    def _failure_said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not self._failed:
                self._say(
                    f"{self._path} cannot be written ({error.strerror or error}): "
                    "training goes on, its figures are missing there from now on."
                )
            self._failed = True


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The lines that are records, and how many are not: half a line after a kill, for one."""
    lines: list[dict[str, Any]] = []
    unreadable = 0
    with open(path, "rb") as file:
        for raw in file:
            line = _record(raw)
            if line is None:
                unreadable += 1
            else:
                lines.append(line)
    return lines, unreadable


def _record(raw: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    whole = raw.endswith(b"\n") and isinstance(line, dict) and isinstance(line.get("step"), int)
    return line if whole else None


def _as_text(line: dict[str, Any]) -> str:
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"

"""Watching a run: a progress bar a step, sentences in between, and the same in Prefect.

In a terminal rich draws bars; elsewhere each step prints a line when it starts and when it ends.
Under Prefect a step of some seconds also has a progress artifact; sentences are in the run's log.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tasks.prefect_server import unreachable
from tasks.reporting.statistics import StepFacts

_ARTIFACT_EVERY_S = 3.0
_AWAY_S = 27.0  # longer between two requests to a server that did not answer the last one


@dataclass
class StepWatch:
    """One step under way."""

    name: str
    total: int
    watch: Watch
    reused: int = 0
    done: int = 0
    seconds: float = 0.0
    bar: TaskID | None = None
    artifact: _ProgressArtifact | None = None
    started: float = field(default_factory=time.monotonic)

    def reuse(self, count: int) -> None:
        """Items whose result was there already."""
        self.reused += count
        self._draw()

    def advance(self, count: int = 1) -> None:
        """Items worked on now."""
        # What was halved after a failure tells of its items again.
        self.done = min(self.done + count, self.total - self.reused)
        self._draw()

    def count(self, count: int) -> None:
        """Items worked on now, told by another thread: nothing is asked of Prefect from there."""
        self.done = min(self.done + count, self.total - self.reused)
        self._draw_bar()

    def tick(self) -> None:
        """Shows what was counted; called now and then by the thread of the run."""
        self._draw()

    def complete(self) -> None:
        """Whatever was not told of is done."""
        self.advance(self.total)

    def _draw(self) -> None:
        self._draw_bar()
        if self.artifact is not None:
            self.artifact.show(self.reused + self.done, self.total)

    def _draw_bar(self) -> None:
        finished = self.reused + self.done
        if self.watch.progress is not None and self.bar is not None:
            self.watch.progress.update(self.bar, completed=finished, total=self.total)


class Watch:
    """The steps of one run, as a person follows them."""

    def __init__(self, console: Console | None) -> None:
        self.console = console
        self.steps: list[StepWatch] = []
        self.progress: Progress | None = None
        if console is not None and console.is_terminal:
            self.progress = Progress(
                TextColumn("{task.description:<12}"),
                BarColumn(bar_width=32),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(elapsed_when_finished=False),
                console=console,
            )

    def __enter__(self) -> Watch:
        if self.progress is not None:
            self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.progress is not None:
            self.progress.stop()

    def say(self, sentence: str) -> None:
        """A sentence for the terminal and for the run's log."""
        if self.console is not None:
            self.console.print(sentence, markup=False, highlight=False, soft_wrap=True)
        _log(sentence)

    @contextmanager
    def step(self, name: str, total: int) -> Iterator[StepWatch]:
        """Measures and shows one step; `total` counts its items."""
        step = StepWatch(name, total, self)
        self.steps.append(step)
        if self.progress is not None:
            step.bar = self.progress.add_task(name, total=total)
        if total:
            step.artifact = _ProgressArtifact.of_run(name)
        try:
            yield step
        finally:
            step.seconds = time.monotonic() - step.started
        if step.artifact is not None:
            step.artifact.finish()
        if self.progress is None:
            reused = f", {step.reused} from the cache" if step.reused else ""
            self.say(f"{name}: {step.done} done{reused} in {step.seconds:.1f} s")

    def facts(self) -> tuple[StepFacts, ...]:
        """What the report says of each step."""
        return tuple(
            StepFacts(name=s.name, seconds=round(s.seconds, 3), done=s.done, reused=s.reused)
            for s in self.steps
        )


class _ProgressArtifact:
    """A Prefect progress artifact of a step that takes some seconds, updated every few of them.

    Each update is a request of about 40 ms: a step that is done at once has no artifact. A server
    that is away is asked again later.
    """

    def __init__(self, name: str) -> None:
        self._name, self._shown_at = name, time.monotonic()
        self._id: object = None

    @classmethod
    def of_run(cls, name: str) -> _ProgressArtifact | None:
        """None outside of a flow run."""
        from prefect.context import FlowRunContext

        return cls(name) if FlowRunContext.get() is not None else None

    def show(self, finished: int, total: int) -> None:
        if time.monotonic() - self._shown_at > _ARTIFACT_EVERY_S:
            self._set(100.0 * finished / max(total, 1))

    def finish(self) -> None:
        if self._id is not None:
            self._set(100.0)

    def _set(self, percent: float) -> None:
        from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

        self._shown_at = time.monotonic()
        # The run waits meanwhile: a client that tries again would hold it up for a minute.
        with suppress(*unreachable()), temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            self._send(percent)
            return
        self._shown_at += _AWAY_S

    def _send(self, percent: float) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        progress = min(percent, 100.0)
        key = "ingest-" + self._name.replace("_", "-")  # Prefect takes no underscore in a key
        if self._id is None:
            self._id = create_progress_artifact(
                progress=progress,
                key=key,
                description=f"Progress of the step {self._name}",
            )
        else:
            update_progress_artifact(artifact_id=self._id, progress=progress)  # type: ignore[arg-type]


def _log(sentence: str) -> None:
    from prefect.exceptions import MissingContextError
    from prefect.logging import get_run_logger

    try:
        get_run_logger().info(sentence)
    except MissingContextError:
        return

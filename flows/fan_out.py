"""Runs many jobs of one kind as Prefect task runs, a window at a time.

A window keeps the run's graph honest (a task that is Running does run) and memory flat. What a
batch loses to one bad item is found by halving the batch: its neighbours are done all the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flows.job_runner import JobRunner, Processes
from flows.watch import StepWatch
from tasks.errors import ClaraError, FileRejected, WorkerDied
from tasks.jobs import Done, Job, Rejection

_TICK_S = 1.0


@dataclass(frozen=True)
class FailedJob:
    """A job of one item that ended without a result, and why."""

    job: Job
    rejection: Rejection


class FanOut:
    """Submits jobs of one step to one task."""

    def __init__(
        self,
        task: Any,
        step: StepWatch,
        *,
        window: int,
        fresh: bool,
        finished: Callable[[Job], bool],
        upstream: Sequence[Any] = (),
        runner: JobRunner | None = None,
    ) -> None:
        """`finished` tells whether all results of a job are in the cache."""
        self._task, self._step, self._window = task, step, window
        self._fresh, self._finished = fresh, finished
        self._runner = runner or Processes()
        # The graph in the UI gets its edges from these; thousands would be noise.
        self._upstream = list(upstream)[:20]
        self.futures: list[Any] = []
        self.failed: list[FailedJob] = []
        self.waiting: list[Job] = []  # for answers that a batch interface gives some day

    def run(self, jobs: Iterable[Job]) -> list[FailedJob]:
        """Runs all jobs. Raises ClaraError for what stops the run (a full disk, say)."""
        running: dict[Any, tuple[Job, bool]] = {}
        try:
            self._run(deque(jobs), running)
        except ClaraError:
            for future, (job, _) in running.items():
                if job.calls is not None:
                    future.wait()  # its calls under way are paid: their answers are kept
            raise
        return self.failed

    def _run(self, waiting: deque[Job], running: dict[Any, tuple[Job, bool]]) -> None:
        while waiting or running:
            while waiting and len(running) < self._window:
                job = waiting.popleft()
                running[self._submit(job, self._fresh)] = (job, self._fresh)
            future = self._first_done(running)
            job, forced = running.pop(future)
            if future.state.is_completed():
                if self._finished(job):
                    self._keep(future)
                    self._step.advance(job.size if job.calls is None else 0)
                elif future.state.name == "Waiting":
                    self.waiting.append(job)
                elif forced:
                    raise ClaraError(f"{job.step} reported success but left no result in the cache")
                else:
                    # Prefect remembers a result that our cache has lost: make it again.
                    anew = job.model_copy(update={"overwrite": True})
                    running[self._submit(anew, True)] = (anew, True)
                continue
            if future.state.name == "Incomplete":
                # The job itself tells which of its items failed: nothing has to be halved.
                done = Done.model_validate(future.result(raise_on_failure=False))
                for key, failure in done.failures.items():
                    self.failed.append(FailedJob(job.only(key), failure))
                continue
            rejection = _rejection(future)
            if job.size > 1:
                waiting.extendleft(reversed(job.halves()))
            else:
                self.failed.append(FailedJob(job, rejection))
                self._step.advance(1)

    def _first_done(self, running: Iterable[Any]) -> Any:
        while (future := self._runner.first_done(list(running), _TICK_S)) is None:
            self._step.tick()
        return future

    def _submit(self, job: Job, refresh: bool) -> Any:
        # Answers and results are remembered one by one. What Prefect remembers of a whole job would
        # hide that some of its calls failed, or that it only waited for a batch.
        refresh = refresh or job.calls is not None
        task = self._task.with_options(refresh_cache=True) if refresh else self._task
        return self._runner.submit(task, job, self._upstream)

    def _keep(self, future: Any) -> None:
        if len(self.futures) < 20:
            self.futures.append(future)


def _rejection(future: Any) -> Rejection:
    """Why a task run failed, as a reject. Raises what concerns the whole run."""
    value = future.result(raise_on_failure=False)
    if isinstance(value, dict) and "reason" in value:
        return Rejection.model_validate(value)
    if isinstance(value, WorkerDied):
        return Rejection(reason="worker_died", detail=f"{value}, at each of several attempts")
    if isinstance(value, FileRejected):
        return Rejection(reason=value.reason, detail=value.detail)
    if isinstance(value, ClaraError):
        raise value
    if isinstance(value, Exception) and future.state.is_crashed():
        # Ray's word for a worker that ended without an answer, more than once.
        return Rejection(reason="worker_died", detail=f"{type(value).__name__}: {value}"[:500])
    if isinstance(value, Exception):
        # A fault of ours that one document brings to light must not cost all the others.
        detail = f"an unforeseen error, please report it: {type(value).__name__}: {value}"[:500]
        return Rejection(reason="internal_error", detail=detail)
    if isinstance(value, BaseException):
        raise value
    raise ClaraError(f"a task ended in the state {future.state.name}: {future.state.message}")

"""Where the jobs of a step run: in processes of this machine, or on a Ray cluster.

Calls to an endpoint stay in this process whoever runs the rest: one place bounds them all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from flows.ingest_setup import Places, pool_size
from tasks.jobs import Job
from tasks.options import IngestOptions


class JobRunner(Protocol):
    """Submits jobs as Prefect task runs and tells which one is done."""

    width: int
    """Jobs that make progress at the same time."""

    def submit(self, task: Any, job: Job, upstream: Sequence[Any]) -> Any:
        """A future of the task run; `upstream` are futures that it stands behind in the graph."""

    def first_done(self, running: Collection[Any], timeout_s: float) -> Any | None:
        """One of the futures that has its final state; None after `timeout_s` seconds."""


class Processes:
    """Threads that wait for this process's worker pool, or for its loop."""

    def __init__(self, width: int = 1) -> None:
        self.width = width

    def submit(self, task: Any, job: Job, upstream: Sequence[Any]) -> Any:
        return task.submit(job, wait_for=upstream)

    def first_done(self, running: Collection[Any], timeout_s: float) -> Any | None:
        from prefect.futures import as_completed

        try:
            future = next(iter(as_completed(list(running), timeout=timeout_s)))
        except TimeoutError:
            return None
        future.wait()  # as_completed yields before the future has learned its final state
        return future


@contextmanager
def job_runner(places: Places, options: IngestOptions) -> Iterator[JobRunner]:
    """The runner that the options name, for as long as the block lasts. Raises RayUnavailable."""
    if options.task_runner == "processes":
        yield Processes(pool_size(options))
        return
    from flows.ray_runner import ray_jobs

    with ray_jobs(places, options) as runner:
        yield runner

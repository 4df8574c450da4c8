"""Runs a job's function where it belongs, and says how it went as a Prefect state.

Work that needs a core runs in this process's worker pool, calls to an endpoint on its loop. A
process of another program that runs our jobs (a Ray worker) has a pool of one.
"""

from __future__ import annotations

from typing import Any

from prefect.states import Completed, Failed

from tasks.errors import FileRejected
from tasks.jobs import Done, Job
from tasks.offline import forbid_network
from tasks.worker_pool import WorkerPool, default_workers, shared_pool


def run_job(job: Job) -> Any:
    """What the task returns: Done as JSON, or a state named Rejected that holds the same.

    A file that cannot be used is no failure of the run, so nothing is raised for it (a task that
    raises logs a traceback): the state's message is the sentence that rejects.jsonl gets. What
    may work at another time is a failed state, which Prefect does not remember as a result.
    """
    if job.calls is not None:
        from tasks.in_loop import run_job as run_calls

        return run_calls(job)
    try:
        done: Done = _pool(job).run(job.function, job, timeout_s=job.timeout_s)
    except FileRejected as error:
        data = {"reason": error.reason, "detail": error.detail}
        return Failed(name="Rejected", message=str(error), data=data)
    if done.note is not None:
        return Completed(name="Rejected", message=done.note, data=done.model_dump())
    return done.model_dump()


def _pool(job: Job) -> WorkerPool:
    if job.elsewhere is None:
        return shared_pool(job.workers)
    forbid_network(job.elsewhere.offline)
    return shared_pool(job.workers, neighbours=max(0, default_workers() - job.workers))

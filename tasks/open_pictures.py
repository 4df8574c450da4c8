"""Open the standalone images of SOURCE, a task a batch."""

from __future__ import annotations

from typing import Any

from prefect import task

from tasks.in_pool import run_job
from tasks.jobs import PicturesJob
from tasks.prefect_policy import step_policy


@task(name="open pictures", task_run_name="open {job.size} images", **step_policy())
def open_pictures(job: PicturesJob) -> Any:
    """Open the standalone images of SOURCE, a task a batch."""
    return run_job(job)

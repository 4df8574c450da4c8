"""Describe pictures, each once, a task a batch."""

from __future__ import annotations

from typing import Any

from prefect import task

from tasks.in_pool import run_job
from tasks.jobs import DescribeJob
from tasks.prefect_policy import step_policy


@task(name="describe", task_run_name="describe {job.size} pictures", **step_policy())
def describe_pictures(job: DescribeJob) -> Any:
    """Describe pictures, each once, a task a batch."""
    return run_job(job)

"""Extract: text, tables and pictures, a task a document, small ones by the batch."""

from __future__ import annotations

from typing import Any

from prefect import task

from tasks.in_pool import run_job
from tasks.jobs import ExtractJob
from tasks.prefect_policy import step_policy


@task(name="extract", task_run_name="extract {job.title}", **step_policy())
def extract_document(job: ExtractJob) -> Any:
    """Extract: text, tables and pictures, a task a document, small ones by the batch."""
    return run_job(job)

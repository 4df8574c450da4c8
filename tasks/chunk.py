"""Cut documents into chunks, a task a batch of documents."""

from __future__ import annotations

from typing import Any

from prefect import task

from tasks.in_pool import run_job
from tasks.jobs import ChunkJob
from tasks.prefect_policy import step_policy


@task(name="chunk", task_run_name="chunk {job.size} documents", **step_policy())
def chunk_documents(job: ChunkJob) -> Any:
    """Cut documents into chunks, a task a batch of documents."""
    return run_job(job)

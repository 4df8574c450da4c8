"""Write questions, answers and summaries, a task a batch of documents."""

from __future__ import annotations

from typing import Any

from prefect import task

from tasks.in_pool import run_job
from tasks.jobs import SynthesizeJob
from tasks.prefect_policy import step_policy


@task(name="synthesize", task_run_name="synthesize {job.size} documents", **step_policy())
def synthesize_documents(job: SynthesizeJob) -> Any:
    """Write questions, answers and summaries, a task a batch of documents."""
    return run_job(job)

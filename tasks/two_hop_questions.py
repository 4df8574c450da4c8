"""Have a model write questions over two hops, a task a batch of linked pairs."""

from __future__ import annotations

from typing import Any

from prefect import task

from tasks.in_pool import run_job
from tasks.jobs import TwoHopsJob
from tasks.prefect_policy import step_policy


@task(name="two hops", task_run_name="compose {job.size} two-hop questions", **step_policy())
def compose_two_hop_questions(job: TwoHopsJob) -> Any:
    """Have a model write one question for each of a batch of linked pairs."""
    return run_job(job)

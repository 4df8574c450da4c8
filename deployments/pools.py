"""The work pools: made once, brought up to date ever after, and never taken from their owner.

A pool that exists keeps its type, its limit and its template: somebody may have set them on
purpose. What our runs need (heartbeats, JSON results, no telemetry) is added where it is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, cast, get_args

from pydantic import BaseModel, ConfigDict, Field

from deployments.names import CPU_POOL, GPU_POOL
from deployments.templates import PoolType, base_job_template, run_environment

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


class PoolOptions(BaseModel):
    """How one pool is made. A limit of None is no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str
    pool_type: PoolType = "process"
    gpu: bool = False
    concurrent_runs: int | None = Field(default=None, ge=1)


def default_pools(
    pool_type: PoolType = "process",
    cpu_limit: int | None = None,
    gpu_limit: int | None = 1,
) -> tuple[PoolOptions, ...]:
    """The two pools. One training at a time is what one machine's memory is sure to hold."""
    return (
        PoolOptions(
            name=CPU_POOL,
            description="Ingestion, and the parents that wait for training.",
            pool_type=pool_type,
            concurrent_runs=cpu_limit,
        ),
        PoolOptions(
            name=GPU_POOL,
            description="Stages of training.",
            pool_type=pool_type,
            gpu=True,
            concurrent_runs=gpu_limit,
        ),
    )


def ensure_pool(
    client: SyncPrefectClient,
    options: PoolOptions,
    *,
    set_limit: bool = False,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Makes the pool or completes it; returns what was done, in words.

    `set_limit` says that the limit was asked for, and replaces that of a pool that exists; so
    does `environment`, variables that every run is to get.
    """
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectNotFound

    try:
        found = client.read_work_pool(options.name)
    except ObjectNotFound:
        client.create_work_pool(
            WorkPoolCreate(
                name=options.name,
                description=options.description,
                type=options.pool_type,
                base_job_template=completed_template(
                    options.pool_type,
                    base_job_template(options.pool_type, gpu=options.gpu),
                    environment,
                ),
                concurrency_limit=options.concurrent_runs,
            )
        )
        return f"{options.name}: made ({options.pool_type})"
    changes: dict[str, Any] = {}
    if set_limit and found.concurrency_limit != options.concurrent_runs:
        changes["concurrency_limit"] = options.concurrent_runs
    template = completed_template(found.type, found.base_job_template, environment)
    if template != found.base_job_template:
        changes["base_job_template"] = template
    if not changes:
        return f"{options.name}: there already ({found.type})"
    client.update_work_pool(options.name, WorkPoolUpdate(**changes))
    return f"{options.name}: brought up to date ({', '.join(sorted(changes))})"


def completed_template(
    pool_type: str, template: dict[str, Any], environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The template with our variables among its defaults, and `environment` over them.

    What somebody set stays; a pool of a type that we have no template for is left as it is.
    """
    properties = template.get("variables", {}).get("properties", {})
    if pool_type not in get_args(PoolType) or "env" not in properties:
        return template
    completed = deepcopy(template)
    env = completed["variables"]["properties"]["env"]
    ours = run_environment(base_job_template(cast(PoolType, pool_type)))
    env["default"] = {**ours, **(env.get("default") or {}), **(environment or {})}
    return completed

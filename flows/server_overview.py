"""What `clara status` shows, gathered from the server and from this machine's records."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from deployments.nightly import Nightly, read_nightly
from flows.workers import WorkerRecord, recorded_workers

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

_LAST_RUNS = 10


class WorkerLine(BaseModel):
    """A worker as the server sees it; `here` is the process of ours that it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    online: bool
    last_heard: datetime | None


class PoolLine(BaseModel):
    """A work pool: how much of its limit is taken, and who works for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: str
    paused: bool
    limit: int | None
    running: int
    waiting: int
    workers: list[WorkerLine]


class RunLine(BaseModel):
    """One of the last runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    deployed: bool
    state: str
    started: datetime | None
    seconds: float


class Overview(BaseModel):
    """Everything at once. `server` is the address of the UI."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: str
    deployments: list[str]
    pools: list[PoolLine]
    workers_here: list[WorkerRecord]
    nightly: Nightly | None
    runs: list[RunLine]


def overview(client: SyncPrefectClient, server: str) -> Overview:
    """Asks the server. Its failures are the client's."""
    flows = {flow.id: flow.name for flow in _flows(client)}
    deployments = client.read_deployments(limit=200)
    return Overview(
        server=server,
        deployments=sorted(f"{flows.get(d.flow_id, '?')}/{d.name}" for d in deployments),
        pools=_pools(client),
        workers_here=recorded_workers(),
        nightly=read_nightly(client),
        runs=_runs(client),
    )


def _flows(client: SyncPrefectClient) -> list:
    return client.read_flows(limit=200)


def _pools(client: SyncPrefectClient) -> list[PoolLine]:
    from prefect.client.schemas.objects import StateType

    lines = []
    for pool in client.read_work_pools():
        workers = client.read_workers_for_work_pool(pool.name)
        lines.append(
            PoolLine(
                name=pool.name,
                type=pool.type,
                paused=bool(pool.is_paused),
                limit=pool.concurrency_limit,
                running=_count(client, pool.name, StateType.RUNNING, StateType.PENDING),
                waiting=_count(client, pool.name, StateType.SCHEDULED),
                workers=[
                    WorkerLine(
                        name=worker.name,
                        online=worker.status is not None and worker.status.value == "ONLINE",
                        last_heard=worker.last_heartbeat_time,
                    )
                    for worker in workers
                ],
            )
        )
    return sorted(lines, key=lambda line: line.name)


def _count(client: SyncPrefectClient, pool: str, *states: object) -> int:
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterNextScheduledStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
        WorkPoolFilter,
        WorkPoolFilterName,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.types._datetime import now

    # What the schedule has laid out for the coming nights does not wait for a worker.
    due = FlowRunFilterNextScheduledStartTime(before_=now("UTC"))
    return client.count_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states))),
            next_scheduled_start_time=due if states == (StateType.SCHEDULED,) else None,
        ),
        work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
    )


def _runs(client: SyncPrefectClient) -> list[RunLine]:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterStartTime
    from prefect.client.schemas.sorting import FlowRunSort

    runs = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(start_time=FlowRunFilterStartTime(is_null_=False)),
        sort=FlowRunSort.START_TIME_DESC,
        limit=_LAST_RUNS,
    )
    return [
        RunLine(
            name=run.name,
            deployed=run.deployment_id is not None,
            state=run.state_name or "unknown",
            started=run.start_time,
            seconds=run.estimated_run_time.total_seconds(),
        )
        for run in runs
    ]

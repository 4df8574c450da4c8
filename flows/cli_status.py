"""`clara status`: server, pools, workers, the nightly run, the last runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks.errors import EXIT_DONE, EXIT_FAILED
from tasks.settings import settings

if TYPE_CHECKING:
    from flows.server_overview import Overview, PoolLine


def run_status(json_report: bool) -> int:
    """Prints it; exit code 1 where no server runs. Nothing is started. Raises ClaraError."""
    from flows import local_server

    configured = settings().prefect_api_url
    record, answers = (None, True) if configured else local_server.status()
    if not configured and record is None:
        print("server     ours is not running: `clara up` starts it, and the workers")
        return EXIT_FAILED
    if not answers:
        print(f"server     ours does not answer; see {local_server.log_file()}")
        return EXIT_FAILED
    local_server.quiet_environment()
    ui = local_server.use(record)
    from deployments.server_access import server_client
    from flows.server_overview import overview

    with server_client() as client:
        found = overview(client, ui)
    if json_report:
        print(found.model_dump_json(indent=2))
    else:
        _print(found)
    return EXIT_DONE


def _print(found: Overview) -> None:
    from flows.cli_up import nightly_sentence
    from flows.workers import log_file

    print(f"server     {found.server}")
    print(f"           export PREFECT_API_URL={os.environ['PREFECT_API_URL']}")
    print(f"deployed   {', '.join(found.deployments) or 'nothing: `clara up` deploys'}")
    for pool in found.pools:
        print(f"pool       {_pool_sentence(pool)}")
        for worker in pool.workers:
            if worker.online:
                print(f"           {worker.name}: online")
    for record in found.workers_here:
        print(f"worker     {record.pool}: process {record.pid} here, log: {log_file(record.pool)}")
    print(f"nightly    {nightly_sentence(found.nightly)}")
    for run in found.runs:
        started = f"{run.started.astimezone():%Y-%m-%d %H:%M:%S}" if run.started else ""
        print(f"run        {started}  {run.state:<10} {run.seconds:8.1f} s  {run.name}")


def _pool_sentence(pool: PoolLine) -> str:
    limit = "no limit" if pool.limit is None else f"at most {pool.limit} at once"
    text = f"{pool.name} ({pool.type}, {limit}): {pool.running} running, {pool.waiting} waiting"
    if pool.paused:
        text += "; paused"
    if not any(worker.online for worker in pool.workers):
        text += f"; no worker: prefect worker start --pool {pool.name}"
    return text

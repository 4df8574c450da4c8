"""`clara up` and `clara down`: server, pools, deployments and this machine's workers."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from tasks.errors import EXIT_DONE, ServerUnavailable, UsageError
from tasks.settings import settings

if TYPE_CHECKING:
    from deployments.nightly import Nightly


class UpOptions(BaseModel):
    """What `clara up` was asked for; None is decided by what this machine has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str | None = None
    output: str | None = None
    cpu_worker: bool = True
    gpu_worker: bool | None = None
    deploy: bool = True


def run_up(options: UpOptions) -> int:
    """Starts what is missing, and says what there is. Raises ClaraError."""
    from deployments.deploy import deploy_all
    from flows import local_server

    aim = _aim(options)
    ui = local_server.connect()
    api_url = os.environ["PREFECT_API_URL"]
    print(f"server     {ui}")
    if options.deploy:
        from deployments.bootstrap import bootstrap
        from deployments.nightly import keep_or_set_nightly

        for line in bootstrap():
            print(f"bootstrap  {line}")
        with keep_or_set_nightly(aim, switch_on=bool(options.source)) as nightly:
            names = deploy_all(settings().home / "workers" / "deploy.log")
        print(f"deployed   {', '.join(names)}")
        print(f"nightly    {nightly_sentence(nightly())}")
    else:
        _check_deployed()
    _start_workers(options, api_url)
    _print_what_next(api_url, aim, here=options.cpu_worker)
    return EXIT_DONE


def run_down() -> int:
    """Ends our workers with their runs, and our server; a server of others is left alone."""
    from flows import local_server
    from flows.workers import stop_workers

    workers, run_ids = stop_workers()
    for worker in workers:
        print(f"Stopped the worker of {worker.pool} (process {worker.pid}).")
    if run_ids:
        _tell_the_server(workers[0].api_url, run_ids)
    server = local_server.stop()
    if server is not None:
        print(f"Stopped the local server at {server.ui_url}. Its runs stay in its database.")
    if not workers and server is None:
        print("Nothing of ours was running.")
    configured = settings().prefect_api_url
    if configured:
        print(f"The server at {configured} was not started here, and goes on.")
    return EXIT_DONE


def _tell_the_server(api_url: str, run_ids: list[str]) -> None:
    """Runs that were ended are Crashed; else they would seem to run until silence tells.

    A server that is gone is told nothing, which is what the user wants who ends everything.
    """
    os.environ["PREFECT_API_URL"] = api_url
    from deployments.runs import mark_crashed
    from flows.local_server import quiet_environment, use_password

    quiet_environment()
    use_password()
    try:
        names = mark_crashed(run_ids, "`clara down` ended the worker that ran it")
    except ServerUnavailable as error:
        print(f"{len(run_ids)} runs were ended, and the server was not told: {error}")
        return
    for name in names:
        print(f"Ended a run with it: {name}. The same command continues where it stopped.")


def nightly_sentence(nightly: Nightly | None) -> str:
    """What the schedule does, or why it does nothing."""
    if nightly is None:
        return "not deployed: `clara up` deploys it"
    if not nightly.source or not nightly.output:
        return (
            "off: nobody said which folder; `clara up --source FOLDER --output DATASET`, or "
            "RAW_DATA_DIR and CLARA_OUTPUT, switch it on"
        )
    if not nightly.active:
        return f"switched off: {nightly.source} -> {nightly.output}"
    return f"{nightly.source} -> {nightly.output}, at {nightly.when}"


def _aim(options: UpOptions) -> dict[str, str] | None:
    """The nightly run's folders, whole; None where nobody names them. Raises UsageError."""
    from flows.ingest_setup import check_places

    source = options.source or settings().raw_data_dir
    output = options.output or settings().clara_output
    if options.source and not output:
        raise UsageError("--source needs --output (or CLARA_OUTPUT): the folder of the data set")
    if options.output and not source:
        raise UsageError("--output needs --source (or RAW_DATA_DIR): the folder of documents")
    if not source or not output:
        return None
    whole = {"source": _whole(source), "output": _whole(output)}
    if options.cpu_worker:  # else another machine does the work, and has the folders
        check_places(whole["source"], whole["output"], None, False)
    return whole


def _whole(place: str) -> str:
    return place if "://" in place else str(Path(place).expanduser().absolute())


def _start_workers(options: UpOptions, api_url: str) -> None:
    from deployments.names import CPU_POOL, GPU_POOL
    from flows.workers import ensure_worker, log_file

    pools = [CPU_POOL] if options.cpu_worker else []
    gpu = _has_accelerator() if options.gpu_worker is None else options.gpu_worker
    pools += [GPU_POOL] if gpu else []
    for pool in pools:
        record, started = ensure_worker(pool, api_url)
        state = "started" if started else "runs already"
        print(f"worker     {pool}: {state} (process {record.pid}, log: {log_file(pool)})")
    if options.gpu_worker is None and not gpu:
        print(
            f"worker     {GPU_POOL}: none here, no CUDA and no MPS; `clara up --gpu-worker` starts "
            "one that trains on the CPU"
        )


def _has_accelerator() -> bool:
    import torch

    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _check_deployed() -> None:
    """Raises ServerUnavailable: a worker would say it in its log only."""
    from deployments.names import CPU_POOL, GPU_POOL
    from deployments.server_access import server_client

    with server_client() as client:
        found = {pool.name for pool in client.read_work_pools()}
        if not {CPU_POOL, GPU_POOL} <= found:
            raise ServerUnavailable(
                f"the server at {client.api_url} has no {CPU_POOL} and {GPU_POOL} yet: "
                "`clara up` without --no-deploy makes them"
            )


def _print_what_next(api_url: str, aim: dict[str, str] | None, *, here: bool) -> None:
    source = shlex.quote(aim["source"] if aim else "examples/documents")
    output = shlex.quote(aim["output"] if aim else "dataset")
    run = "uv run " if "UV_RUN_RECURSION_DEPTH" in os.environ else ""
    ingest = f"prefect deployment run ingest/cpu -p source={source} -p output={output} --watch"
    train = f"prefect deployment run train/cpu -p data={output} -p output=model --watch"
    print("\nIn a shell that is to use this server, once:")
    print(f"  export PREFECT_API_URL={api_url}")
    if os.environ.get("PREFECT_API_AUTH_STRING"):
        print("  export PREFECT_API_AUTH_STRING=...   # as it is set here")
    print(f"Then, for example{' (relative paths mean this folder)' if here else ''}:")
    for command in (ingest, train):
        print(f"  {run}{command}")
    print(f"  {run}clara status")

"""Jobs on Ray: a cluster of this machine's cores for one run, or one that is there (`ray_address`).

Every Ray worker keeps one process of our worker pool: docling is loaded once in it, a document's
time limit and a crash cost that process and nothing else. Records go there and back; documents,
pictures and results stay in SOURCE and in the cache, which every node has to see.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from flows.ingest_setup import Places, pool_size
from tasks.errors import RayUnavailable
from tasks.jobs import Elsewhere, Job
from tasks.offline import network_is_forbidden
from tasks.options import IngestOptions
from tasks.worker_pool import LEAST_BYTES_A_WORKER

_QUIET = {
    # No figures are sent to Ray's makers; and `uv run` is not started anew on every node.
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
}
_TOKEN_FILE = Path("~/.ray/auth_token")
_STORE_BYTES = 80 << 20  # the least that Ray takes: what passes through are small records
_TAKEN_AHEAD = 2  # jobs a core that are submitted, so that none waits for this process


class RayRunner:
    """Prefect's Ray task runner for jobs, within a flow whose own tasks stay in its process."""

    def __init__(self, width: int, remote: dict[str, Any]) -> None:
        """`remote`: what a job needs, as Ray's options."""
        from prefect_ray.task_runners import RayTaskRunner

        self.width = width
        self._remote = remote
        self._runner: Any = RayTaskRunner()

    def __enter__(self) -> RayRunner:
        self._runner.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._runner.__exit__(*error)

    def submit(self, task: Any, job: Job, upstream: Sequence[Any]) -> Any:
        from prefect.client.schemas.objects import TaskRunResult
        from prefect_ray.context import remote_options

        away = job.model_copy(
            update={"workers": 1, "elsewhere": Elsewhere(offline=network_is_forbidden())}
        )
        # Futures of this process cannot travel; the graph's edges need their ids alone.
        behind = {TaskRunResult(id=future.task_run_id) for future in upstream}
        with remote_options(**self._remote):
            return self._runner.submit(
                task, {"job": away}, dependencies={"job": behind} if behind else None
            )

    def first_done(self, running: Collection[Any], timeout_s: float) -> Any | None:
        import ray

        by_reference = {future.wrapped_future: future for future in running}
        done, _ = ray.wait(list(by_reference), num_returns=1, timeout=timeout_s)
        if not done:
            return None
        future = by_reference[done[0]]
        future.wait()
        return future


@contextmanager
def ray_jobs(places: Places, options: IngestOptions) -> Iterator[RayRunner]:
    """A runner on the cluster at `options.ray_address`, or on one of this machine's cores.

    Raises RayUnavailable where Ray is not installed, not reached, or a node cannot do the work.
    """
    for name in ("ray", "prefect_ray"):
        if find_spec(name) is None:
            raise RayUnavailable(
                "--task-runner ray needs the extra `ray`, which is not installed: "
                "`uv sync --extra ray`, or `pip install 'clara-pipeline[ray]'`"
            )
    if options.offline and options.ray_address:
        raise RayUnavailable(
            f"--offline forbids the network, and --ray-address {options.ray_address} names a "
            "cluster on it: leave one of them out"
        )
    with _environment({**_QUIET, **_token()}):
        import ray

        if options.ray_address is None:
            cores = pool_size(options)
            local = {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
            with (
                _connected("local", num_cpus=cores, **local),
                RayRunner(_TAKEN_AHEAD * cores, {"num_cpus": 1}) as runner,
            ):
                yield runner
            return
        from flows.ray_nodes import check_head, check_nodes

        check_head(options.ray_address)
        with _connected(options.ray_address):
            cores = int(ray.cluster_resources().get("CPU", 0))
            if not cores:
                raise RayUnavailable(
                    f"the Ray cluster at {options.ray_address} has no CPU: add a node that has one"
                )
            check_nodes(places, options.ray_address)
            remote = {"num_cpus": 1, "memory": _memory_a_job()}
            with RayRunner(_TAKEN_AHEAD * (options.workers or cores), remote) as runner:
                yield runner


@contextmanager
def _connected(address: str, **options: Any) -> Iterator[None]:
    import ray

    if ray.is_initialized():
        raise RayUnavailable(
            "this process is connected to a Ray cluster already: one run at a time uses Ray"
        )
    try:
        with _own_sigterm():
            ray.init(
                address,
                log_to_driver=False,
                configure_logging=False,
                logging_level=logging.ERROR,
                **options,
            )
    except Exception as error:
        # Ray raises what its parts raise: ConnectionError, RuntimeError, ValueError, gRPC's own.
        what = "could not be started" if address == "local" else f"at {address} was not reached"
        raise RayUnavailable(
            f"the Ray cluster {what} ({type(error).__name__}: {str(error)[:300]}). `ray status` on "
            "its head shows whether it runs; without --task-runner ray, processes of this machine "
            "do the work"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _memory_a_job() -> int:
    """Bytes that Ray sets aside for a job: what a worker needs, as far as a node has it."""
    import ray

    most = max(float(node["Resources"].get("memory", 0)) for node in ray.nodes() if node["Alive"])
    return int(min(LEAST_BYTES_A_WORKER, most))


def _token() -> dict[str, str]:
    """`ray start` asks for a token by default, and connecting offers none unless it is told to."""
    named = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    here = any(os.environ.get(name) for name in named) or _TOKEN_FILE.expanduser().is_file()
    return {"RAY_AUTH_MODE": "token"} if here else {}


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Variables that Ray reads when it is imported; what is set already stays."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update({name: os.environ.get(name, value) for name, value in values.items()})
    try:
        yield
    finally:
        for name, earlier in before.items():
            if earlier is None:
                os.environ.pop(name, None)


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keeps what SIGTERM does here: connecting to Ray replaces it, and no run would end well."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

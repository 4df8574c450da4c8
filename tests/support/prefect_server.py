"""A Prefect server of the tests' own, with pools, deployments and process workers, all real.

    server = PrefectServer(tmp_path_factory.mktemp("server"))
    with server:
        server.make_pool("gpu-pool", limit=1)
        server.deploy("flows.train_stage.train_stage", "gpu", "gpu-pool")
        with server.worker("gpu-pool"):
            run = server.submit("train-stage/gpu", {...})
            run = server.wait(run.id)

Each has its own PREFECT_HOME and CLARA_HOME and a free port; what it starts, it ends.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

_START_TIMEOUT_S = 120.0
_LOOK_EVERY_S = 0.2


class PrefectServer:
    """A server in `folder`; entering the block starts it, leaving it ends it and its workers."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.port = _free_port()
        self.api_url = f"http://127.0.0.1:{self.port}/api"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._workers: list[Worker] = []

    def __enter__(self) -> PrefectServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for worker in self._workers:
                worker.stop()
        finally:
            self.kill()

    def environment(self, **more: str) -> dict[str, str]:
        """Of a process that uses this server: a worker, a command."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        return {
            **kept,
            "CLARA_HOME": str(self.folder / "clara-home"),
            "PREFECT_HOME": str(self.folder / "prefect-home"),
            "PREFECT_API_URL": self.api_url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "OMP_NUM_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            # A worker looks for work so often.
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "COLUMNS": "200",
            **self._settings,
            **more,
        }

    def start(self) -> None:
        """Starts the server, or starts it again on the same database and port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "prefect", "server", "start"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(self.port)],
                env=self.environment(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(self._answers, _START_TIMEOUT_S, f"a server (see {self.folder / 'server.log'})")

    def kill(self) -> None:
        """Ends the server at once; `start` brings it back."""
        if self._process is not None:
            end_group(self._process)
            self._process = None

    @contextmanager
    def used(self) -> Iterator[None]:
        """Flows that are called in this process talk to this server."""
        from prefect.settings import (
            PREFECT_API_URL,
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
            temporary_settings,
        )

        own = {PREFECT_API_URL: self.api_url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        with temporary_settings(own):
            yield
            from prefect.logging.handlers import APILogWorker

            APILogWorker.drain_all(timeout=20)  # what is still to be logged needs the server

    @contextmanager
    def client(self) -> Iterator[SyncPrefectClient]:
        from prefect.client.orchestration import SyncPrefectClient

        with SyncPrefectClient(self.api_url) as client:
            yield client

    # What is on it

    def make_pool(self, name: str, limit: int | None = None) -> None:
        """A process pool that takes so many runs at once; one that is there gets the limit."""
        from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate

        with self.client() as client:
            client.create_work_pool(WorkPoolCreate(name=name, type="process"), overwrite=True)
            client.update_work_pool(name, WorkPoolUpdate(concurrency_limit=limit))

    def deploy(self, entrypoint: str, name: str, pool: str) -> None:
        """A deployment of a flow that is named by module, as in prefect.yaml."""
        from importlib import import_module

        module, attribute = entrypoint.rsplit(".", 1)
        flow = getattr(import_module(module), attribute)
        with self.client() as client:
            client.create_deployment(
                flow_id=client.create_flow_from_name(flow.name),
                name=name,
                entrypoint=entrypoint,
                work_pool_name=pool,
                pull_steps=[],
                parameter_openapi_schema=flow.parameters.model_dump(),
                enforce_parameter_schema=True,
            )

    def worker(self, pool: str, **environment: str) -> Worker:
        """A worker of the pool, online when this returns; ends with its block or the server's."""
        worker = Worker(self, pool, environment)
        self._workers.append(worker)
        return worker

    # Runs

    def submit(self, deployment: str, parameters: dict[str, Any]) -> FlowRun:
        with self.client() as client:
            found = client.read_deployment_by_name(deployment)
            return client.create_flow_run_from_deployment(found.id, parameters=parameters)

    def run(self, run_id: UUID) -> FlowRun:
        with self.client() as client:
            return client.read_flow_run(run_id)

    def wait(
        self,
        run_id: UUID,
        until: Callable[[FlowRun], bool] | None = None,
        timeout_s: float = 120.0,
    ) -> FlowRun:
        """The run when it has ended, or when `until` says so."""
        said = until or (lambda run: run.state is not None and run.state.is_final())
        found: list[FlowRun] = []

        def look() -> bool:
            found[:] = [self.run(run_id)]
            return said(found[0])

        wait_for(look, timeout_s, "a state of a run")
        return found[0]

    def runs_of(self, flow: str) -> list[FlowRun]:
        """The runs of a flow, the first ones first."""
        from prefect.client.schemas.filters import FlowFilter, FlowFilterName
        from prefect.client.schemas.sorting import FlowRunSort

        with self.client() as client:
            runs = client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
                sort=FlowRunSort.START_TIME_ASC,
            )
        return sorted(runs, key=lambda run: str(run.created))

    def logs(self, run_id: UUID) -> list[str]:
        """The messages of a run's log, in order."""
        from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
        from prefect.client.schemas.sorting import LogSort

        with self.client() as client:
            found = client.read_logs(
                LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id])),
                limit=200,
                sort=LogSort.TIMESTAMP_ASC,
            )
        return [log.message for log in found]

    def artifacts(self, run_id: UUID) -> dict[str, Any]:
        """A run's artifacts by key."""
        from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

        with self.client() as client:
            found = client.read_artifacts(
                artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
            )
        return {artifact.key or str(artifact.id): artifact for artifact in found}

    def cancel(self, run_id: UUID) -> None:
        """What the UI's button and `prefect flow-run cancel` do."""
        from prefect.states import Cancelling

        with self.client() as client:
            client.set_flow_run_state(run_id, Cancelling())

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "server.log").read_text()
        try:
            with urllib.request.urlopen(f"{self.api_url}/health", timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class Worker:
    """`prefect worker start` as a process of its own."""

    def __init__(self, server: PrefectServer, pool: str, environment: dict[str, str]) -> None:
        count = len(list(server.folder.glob("worker-*.log")))
        self.log = server.folder / f"worker-{count}.log"
        self.pool = pool
        command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", pool]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--type", "process", "--name", f"{pool}-{count}"],
                env=server.environment(**environment),
                cwd=server.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_for(self._is_online, _START_TIMEOUT_S, f"a worker (see {self.log})")
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _is_online(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        return "started!" in self.log.read_text()

    def stop(self, patience_s: float = 60.0) -> None:
        """As Ctrl-C: the worker asks its runs to end, and ends."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience_s)
        self.kill()

    def kill(self) -> None:
        """`kill -9`, of the worker alone: its runs are in groups of their own."""
        end_group(self._process)


def wait_for(said: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Looks until `said`; fails with `what` was waited for."""
    deadline = time.monotonic() + timeout_s
    while not said():
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(_LOOK_EVERY_S)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kills a process and its group, and reaps it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""A server with pools and workers for a benchmark: `clara up`, and `clara down` at the end."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parent.parent
_POLL_S = 2.0


@dataclass(frozen=True)
class Served:
    """A server that runs, as `clara` and `prefect` find it by `environment`."""

    home: Path
    environment: dict[str, str]

    def run(self, deployment: str, **parameters: Any) -> Any:
        """Runs a deployment to its end and gives the flow run. Raises SystemExit if it failed."""
        from prefect.deployments import run_deployment

        run: Any = run_deployment(deployment, parameters=parameters, timeout=0, as_subflow=False)
        with _client() as client:
            while not (run.state and run.state.is_final()):
                time.sleep(_POLL_S)
                run = client.read_flow_run(run.id)
        if not run.state.is_completed():
            raise SystemExit(f"{deployment} ended as {run.state.name}: {run.state.message}")
        return run

    def latest(self, flow: str) -> Any:
        """The newest run of a flow."""
        from prefect.client.schemas.filters import FlowFilter, FlowFilterName
        from prefect.client.schemas.sorting import FlowRunSort

        with _client() as client:
            [run] = client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
                sort=FlowRunSort.START_TIME_DESC,
                limit=1,
            )
        return run

    def time_of_line(self, run: Any, line: str) -> datetime:
        """When a line came into a run's log. Raises SystemExit where it is not there."""
        from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId

        with _client() as client:
            of_run = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run.id]))
            for log in client.read_logs(log_filter=of_run):
                if log.message == line:
                    return log.timestamp
        raise SystemExit(f"the run's log has no line {line!r}")

    def database_bytes(self) -> int:
        """Bytes of the pages that the server's SQLite database uses, its journal included."""
        time.sleep(5)  # what was said last is still being written
        [file] = self.home.rglob("prefect.db")
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            names = ("page_count", "freelist_count", "page_size")
            pages, free, size = (connection.execute(f"PRAGMA {n}").fetchone()[0] for n in names)
        return int((pages - free) * size)


@contextmanager
def served(home: Path) -> Iterator[Served]:
    """Server, pools, deployments, a CPU and a GPU worker, below `home`."""
    from tasks.settings import settings

    environment = {**os.environ, "CLARA_HOME": str(home), "PREFECT_HOME": str(home / "prefect")}
    environment.pop("PREFECT_API_URL", None)
    # Bytecode is kept, as it is for users: each process would compile all that it imports.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.update({name: environment[name] for name in ("CLARA_HOME", "PREFECT_HOME")})
    settings.cache_clear()
    try:
        _clara(environment, "up", "--gpu-worker")
        url = _clara(environment, "status").split("export PREFECT_API_URL=")[1].split()[0]
        os.environ["PREFECT_API_URL"] = environment["PREFECT_API_URL"] = url
        yield Served(home, environment)
    finally:
        _clara({**environment, "PREFECT_API_URL": ""}, "down")


def _clara(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=_ROOT,
        env=environment,
    )
    if done.returncode:
        raise SystemExit(f"clara {arguments[0]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def _client() -> Any:
    from prefect.client.orchestration import get_client

    return get_client(sync_client=True)

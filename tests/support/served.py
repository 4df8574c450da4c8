"""A server, pools, deployments and workers as `clara up` makes them, in a home of their own.

The server asks for a password and for CSRF tokens, as a team's does.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.corpora import ROOT

_COMMAND_TIMEOUT_S = 280
PASSWORD = "clara:the-password-of-the-server"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """Commands of one user: a home, and a folder that they are typed in."""

    def __init__(self, base: Path, **environment: str) -> None:
        self.home, self.folder = base / "home", base / "work"
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PREFECT")},
            "CLARA_HOME": str(self.home),
            "CLARA_SERVER_PORT": str(self.port),
            # A checkout is found from any folder, as an installed package is.
            "PYTHONPATH": str(ROOT),
            "DO_NOT_TRACK": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_HOME": str(base / "shell"),
            "PREFECT_SERVER_API_AUTH_STRING": PASSWORD,
            "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
            # Schedules and events are looked at at once, not every minute.
            "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            **environment,
        }

    @property
    def api_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def clara(self, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return self._run("flows.cli", *arguments, **environment)

    def prefect(
        self, *arguments: str | Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """With the variables that `clara up` says to export."""
        environment = {
            "PREFECT_API_URL": self.api_url,
            "PREFECT_API_AUTH_STRING": PASSWORD,
            "COLUMNS": "200",
            **environment,
        }
        return self._run("prefect", *arguments, **environment)

    def module(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run(name, *arguments)

    def status(self) -> dict[str, Any]:
        said = self.clara("status", "--json")
        found: dict[str, Any] = json.loads(said.stdout)
        return found

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the newest first, as the server's API has them."""
        client = "tests"
        token = self._ask(f"/csrf-token?client={client}")["token"]
        found: list[dict[str, Any]] = self._ask(
            "/flow_runs/filter",
            {"sort": "START_TIME_DESC", "limit": 200},
            {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": client},
        )
        return found

    def wait_for_run(
        self, wanted: Callable[[dict[str, Any]], bool], timeout_s: float = 240
    ) -> dict[str, Any]:
        """The newest run that is `wanted`, once there is one. Raises AssertionError."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for run in self.runs():
                if wanted(run):
                    return run
            time.sleep(0.5)
        seen = [(run["name"], run["state_name"]) for run in self.runs()]
        raise AssertionError(f"no such run within {timeout_s} s, only {seen}")

    def _ask(
        self, path: str, body: object | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        password = base64.b64encode(PASSWORD.encode()).decode()
        request = urllib.request.Request(
            self.api_url + path,
            None if body is None else json.dumps(body).encode(),
            {
                "Content-Type": "application/json",
                "Authorization": f"Basic {password}",
                **(headers or {}),
            },
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def processes(self) -> list[int]:
        """Whatever lives and was given this home."""
        import psutil

        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("CLARA_HOME") == str(self.home):
                    found.append(process.pid)
            except (psutil.Error, OSError):
                continue
        return found

    def _run(
        self, module: str, *arguments: str | Path, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", module, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )

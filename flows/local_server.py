"""A local Prefect server: started once in the background, reused, easy to stop.

Prefect's ephemeral API costs 12 to 24 CPU-seconds at every start and loses records of short
runs; a server that stays costs that once and gives the user the UI. It runs in a session of its
own (Ctrl-C in the terminal must not end it), in CLARA_HOME (the user's other Prefect versions
keep their own home), on loopback. This module imports nothing of Prefect: what it sets must be
in the environment before Prefect is first imported.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from flows import background
from tasks.endpoint.base_url import is_loopback
from tasks.errors import ServerUnavailable, UsageError
from tasks.settings import settings

_LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("0.0.0.0", "::")
_FIRST_PORT = 4210
_START_TIMEOUT_S = 180.0
_PORT_ATTEMPTS = 3
# On a machine that is busy extracting, a healthy server may take long to answer; ending it would
# end other people's runs with it.
_BUSY_PATIENCE_S = 90.0
# `user:password`, as Prefect reads it: of the server, and of whoever speaks to it.
_SERVER_PASSWORD = "PREFECT_SERVER_API_AUTH_STRING"
_CLIENT_PASSWORD = "PREFECT_API_AUTH_STRING"


class ServerRecord(BaseModel):
    """What `server.json` says about the server that was started last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pid: int
    process_started_at: float
    port: int
    prefect_version: str
    host: str = _LOOPBACK

    @property
    def api_url(self) -> str:
        return f"{self.ui_url}/api"

    @property
    def ui_url(self) -> str:
        """As this machine reaches it, wherever else it listens."""
        host = _LOOPBACK if self.host in _EVERYWHERE else self.host
        return f"http://{host}:{self.port}"


def connect() -> str:
    """Makes this process use the configured server, or ours; returns the address of its UI.

    Raises ServerUnavailable.
    """
    quiet_environment()
    return use(None if settings().prefect_api_url else start())


def use(record: ServerRecord | None) -> str:
    """Makes this process use that server of ours, or the configured one where there is none."""
    configured = settings().prefect_api_url
    if record is None:
        assert configured, "neither a server of ours nor a configured one"
        os.environ["PREFECT_API_URL"] = configured
        return configured.removesuffix("/").removesuffix("/api")
    os.environ["PREFECT_API_URL"] = record.api_url
    os.environ["PREFECT_HOME"] = str(prefect_home())
    use_password()
    return record.ui_url


def use_password() -> None:
    """The server that this environment starts asks for its password: so we have it to give."""
    password = os.environ.get(_SERVER_PASSWORD)
    if password:
        os.environ.setdefault(_CLIENT_PASSWORD, password)


def quiet_environment() -> None:
    """Prefect's own telemetry off, and its log lines left to the run's log and the UI."""
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")


def start() -> ServerRecord:
    """The running server, started if need be. Raises ServerUnavailable, UsageError."""
    from filelock import FileLock

    host = _checked_host()
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock", timeout=_START_TIMEOUT_S):
        record = _recorded()
        if record is not None and _runs(record):
            ours = record.prefect_version == version("prefect") and _listens(record)
            if ours and _answers(record, _BUSY_PATIENCE_S):
                _check_place(record, host)
                return record
            _end(record)
        port = settings().clara_server_port or (record.port if record else _FIRST_PORT)
        for _ in range(_PORT_ATTEMPTS):
            port = _free_port(host, port)
            launched = _launch(host, port)
            if launched is not None:
                return launched
            port += 1
    raise ServerUnavailable(
        f"the local Prefect server ended at its start, several times: {log_file()} says why"
    )


def _checked_host() -> str:
    host = settings().clara_server_host
    if not is_loopback(f"http://{host}") and not os.environ.get(_SERVER_PASSWORD):
        raise UsageError(
            f"CLARA_SERVER_HOST is {host}: whoever reaches that address could run what they like "
            f"on the workers. Set {_SERVER_PASSWORD} and {_CLIENT_PASSWORD} to the same "
            "user:password, or leave the server on 127.0.0.1"
        )
    return host


def _check_place(record: ServerRecord, host: str) -> None:
    port = settings().clara_server_port or record.port
    if (record.host, record.port) != (host, port):
        raise ServerUnavailable(
            f"the local server listens on {record.host}:{record.port}, and CLARA_SERVER_HOST and "
            f"CLARA_SERVER_PORT say {host}:{port}: `clara down` ends it, the next command starts "
            "it there"
        )


def stop() -> ServerRecord | None:
    """Ends our server; returns what was ended, or None where none ran."""
    record = _recorded()
    if record is None or not _runs(record):
        return None
    _end(record)
    return record


def status() -> tuple[ServerRecord | None, bool]:
    """The recorded server, where its process runs, and whether it answers."""
    record = _recorded()
    if record is None or not _runs(record):
        return None, False
    return record, _answers(record, patience_s=2)


def log_file() -> Path:
    return _folder() / "server.log"


def _folder() -> Path:
    return settings().home / "server"


def prefect_home() -> Path:
    return settings().home / "prefect"


def _recorded() -> ServerRecord | None:
    try:
        return ServerRecord.model_validate_json((_folder() / "server.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _launch(host: str, port: int) -> ServerRecord | None:
    """Starts a server on `port`; None where it ended at once (another took the port meanwhile)."""
    from tasks.storage import atomic_file

    environment = {
        **{k: v for k, v in os.environ.items() if not _is_secret(k)},
        "PREFECT_HOME": str(prefect_home()),
        "PREFECT_API_URL": f"http://{_LOOPBACK if host in _EVERYWHERE else host}:{port}/api",
        # A browser elsewhere asks the address that it got the page from.
        **({} if is_loopback(f"http://{host}") else {"PREFECT_SERVER_UI_API_URL": "/api"}),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }
    command = [sys.executable, "-m", "prefect", "server", "start"]
    with log_file().open("ab") as log:
        process = subprocess.Popen(
            [*command, "--host", host, "--port", str(port)],
            env=environment,
            cwd=_folder(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    record = ServerRecord(
        pid=process.pid,
        process_started_at=background.started_at(process.pid),
        host=host,
        port=port,
        prefect_version=version("prefect"),
    )
    with atomic_file(_folder() / "server.json") as stream:
        stream.write(record.model_dump_json(indent=2).encode())
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return None
        # Whoever answers on the port is not believed to be ours before ours is seen to listen.
        if _listens(record) and _answers(record, patience_s=0):
            return record
        time.sleep(0.2)
    _end(record)
    raise ServerUnavailable(
        f"the local Prefect server did not answer within {_START_TIMEOUT_S:.0f} s: "
        f"{log_file()} may say why"
    )


def _is_secret(variable: str) -> bool:
    """The server outlives the command, so it gets no key that the command was given.

    What is its own (its password, its database's) it does get.
    """
    if variable.startswith(("PREFECT_SERVER_", "PREFECT_API_DATABASE_")):
        return False
    return any(word in variable.upper() for word in ("API_KEY", "SECRET", "TOKEN", "PASSWORD"))


def _runs(record: ServerRecord) -> bool:
    return background.find(record.pid, record.process_started_at) is not None


def _listens(record: ServerRecord) -> bool:
    """Whether the recorded process, or a child of it, is the one behind the port."""
    import psutil

    try:
        process = psutil.Process(record.pid)
        for member in (process, *process.children(recursive=True)):
            for connection in member.net_connections(kind="tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == record.port:
                    return True
    except psutil.Error:
        return False
    return False


def _answers(record: ServerRecord, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            with urllib.request.urlopen(f"{record.api_url}/health", timeout=10) as response:
                return bool(json.load(response))
        except (urllib.error.URLError, OSError, ValueError):
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.2)


def _end(record: ServerRecord) -> None:
    process = background.find(record.pid, record.process_started_at)
    if process is not None:
        background.end([process], grace_s=15)
    (_folder() / "server.json").unlink(missing_ok=True)


def _free_port(host: str, first: int) -> int:
    for port in range(first, first + 200):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As the server does: a port whose last connections linger is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise ServerUnavailable(f"no free port was found on {host} from {first} to {first + 199}")

"""Workers of this machine in the background: one a pool, started once, known again, ended whole.

As for the server (flows/local_server.py): in a session of its own, recorded in CLARA_HOME, its
output in a log beside the record. A worker inherits the environment of the command, keys
included, because the runs that it starts need them; nothing of it is written.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from flows import background
from tasks.errors import ClaraError
from tasks.settings import settings

# A trainer that is asked to end writes a checkpoint first.
STOP_GRACE_S = 90.0
_START_TIMEOUT_S = 120.0
_LOCK_TIMEOUT_S = 300.0
_ONLINE_SENTENCE = "started!"
# Nothing is installed and no pool is made by a worker: bootstrap and the environment say what is.
_NO_SURPRISES = ("--no-create-pool-if-not-found", "--install-policy", "never")


class WorkerFailed(ClaraError):
    """A worker ended at its start, or never said that it works."""


class WorkerRecord(BaseModel):
    """What `POOL.json` says about the worker that was started last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pool: str
    pid: int
    process_started_at: float
    api_url: str
    prefect_version: str
    work_folder: str


def ensure_worker(pool: str, api_url: str) -> tuple[WorkerRecord, bool]:
    """The pool's worker on this machine, and whether it was started by this call.

    One that runs already is kept, busy or not; one that speaks to another server, or that was
    started by another version of Prefect, is ended first. Raises WorkerFailed.
    """
    from filelock import FileLock

    _folder().mkdir(parents=True, exist_ok=True)
    with FileLock(_folder() / "lock", timeout=_LOCK_TIMEOUT_S):
        record = _recorded(pool)
        if record is not None and is_running(record):
            if (record.api_url, record.prefect_version) == (api_url, version("prefect")):
                return record, False
            _end(record)
        return _launch(pool, api_url), True


def recorded_workers() -> list[WorkerRecord]:
    """The workers of this machine whose processes are alive."""
    names = sorted(path.stem for path in _folder().glob("*.json"))
    found = (_recorded(name) for name in names)
    return [record for record in found if record is not None and is_running(record)]


def stop_workers() -> tuple[list[WorkerRecord], list[str]]:
    """Ends our workers and everything that they started.

    Returns the workers that ran, and the ids of the flow runs that were ended with them: such a
    run has nobody left who could tell the server.
    """
    running = recorded_workers()
    run_ids = [run_id for record in running for run_id in _runs_of(record)]
    _end(*running)
    return running, run_ids


def is_running(record: WorkerRecord) -> bool:
    """True where that very process is alive."""
    return background.find(record.pid, record.process_started_at) is not None


def log_file(pool: str) -> Path:
    return _folder() / f"{pool}.log"


def _folder() -> Path:
    return settings().home / "workers"


def _recorded(pool: str) -> WorkerRecord | None:
    try:
        return WorkerRecord.model_validate_json((_folder() / f"{pool}.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _launch(pool: str, api_url: str) -> WorkerRecord:
    from tasks.storage import atomic_file

    work_folder = Path.cwd()
    command = [sys.executable, "-P", "-m", "prefect", "worker", "start"]
    log = log_file(pool)
    with log.open("ab") as stream:
        begins_at = stream.tell()
        process = subprocess.Popen(
            [*command, "--pool", pool, "--name", _name(pool), *_NO_SURPRISES],
            env=_environment(api_url, work_folder),
            cwd=work_folder,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    record = WorkerRecord(
        pool=pool,
        pid=process.pid,
        process_started_at=background.started_at(process.pid),
        api_url=api_url,
        prefect_version=version("prefect"),
        work_folder=str(work_folder),
    )
    with atomic_file(_folder() / f"{pool}.json") as written:
        written.write(record.model_dump_json(indent=2).encode())
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        said = log.read_bytes()[begins_at:].decode(errors="replace")
        if _ONLINE_SENTENCE in said:
            return record
        if process.poll() is not None:
            last = " ".join(line.strip() for line in said.splitlines()[-4:] if line.strip())
            raise WorkerFailed(f"the worker of {pool} ended at its start ({log}): {last}")
        time.sleep(0.2)
    _end(record)
    raise WorkerFailed(
        f"the worker of {pool} did not start within {_START_TIMEOUT_S:.0f} s: {log} may say why"
    )


def _environment(api_url: str, work_folder: Path) -> dict[str, str]:
    from flows.local_server import prefect_home

    return {
        **os.environ,
        "CLARA_HOME": str(settings().home),
        "CLARA_WORK_FOLDER": str(work_folder),
        "PREFECT_API_URL": api_url,
        "PREFECT_HOME": str(prefect_home()),
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",
        "PREFECT_WORKER_QUERY_SECONDS": os.environ.get("PREFECT_WORKER_QUERY_SECONDS", "2"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
        "COLUMNS": "200",
    }


def _name(pool: str) -> str:
    """Seen in the UI: which machine it is tells a team more than a number does."""
    import socket

    return f"{socket.gethostname()} {pool}"


def _runs_of(record: WorkerRecord) -> list[str]:
    import psutil

    worker = background.find(record.pid, record.process_started_at)
    found = []
    for child in background.children(worker) if worker else []:
        try:
            run_id = child.environ().get("PREFECT__FLOW_RUN_ID")
        except (psutil.Error, OSError):
            continue
        if run_id and run_id not in found:
            found.append(run_id)
    return found


def _end(*records: WorkerRecord) -> None:
    """A worker that is asked to end waits for its runs, which may take days: they are asked too."""
    found = (background.find(record.pid, record.process_started_at) for record in records)
    background.end([process for process in found if process], STOP_GRACE_S, children_too=True)
    for record in records:
        (_folder() / f"{record.pool}.json").unlink(missing_ok=True)

"""A PostgreSQL of the test's own, from the binaries of the system."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PASSWORD = "only-for-this-test"


def postgres_binaries() -> Path:
    """The folder of initdb, pg_ctl and postgres; skips the test where there is none."""
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    if found := shutil.which("initdb"):
        places.insert(0, Path(found).resolve().parent)
    for place in places:
        if (place / "initdb").is_file() and (place / "pg_ctl").is_file():
            return place
    pytest.skip("PostgreSQL is not installed (on Debian: apt-get install postgresql)")


@contextmanager
def postgres_server() -> Iterator[str]:
    """A server on loopback; gives the address of its database as Prefect wants it."""
    binaries = postgres_binaries()
    # Not in tmp_path: PostgreSQL refuses root, and another user may not look into root's folders.
    folder = Path(tempfile.mkdtemp(prefix="clara-postgres-"))
    user = _user()
    if user is not None:
        shutil.chown(folder, user)
    secret = folder / "password"
    secret.write_text(_PASSWORD, encoding="utf-8")
    if user is not None:
        shutil.chown(secret, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    _run(
        user,
        binaries / "initdb",
        *("-D", data, "-U", "prefect", "-A", "scram-sha-256", f"--pwfile={secret}"),
        *("-E", "UTF8", "--no-sync", "--locale=C"),
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    log = folder / "log"
    _run(user, binaries / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start")
    try:
        yield f"postgresql+asyncpg://prefect:{_PASSWORD}@127.0.0.1:{port}/postgres"
    finally:
        _run(user, binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str | None:
    """Who runs it: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL refuses root, and there is neither a user postgres nor nobody")


def _run(user: str | None, *command: object) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        user=user,
        cwd="/",
        # To files, not pipes: the server that pg_ctl starts would keep them open.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}"

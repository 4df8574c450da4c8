"""Shared by all tests: a home of their own, no user's `.env`, and one Prefect API a process.

`pytest` runs the files side by side in as many processes as the machine has room for: each has a
CLARA_HOME, a Prefect server and a port of its own. `-n0` runs all of them in one process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_CONFIGURATION = (
    "OPENAI_API_KEY",
    "BASE_URL",
    "OPENAI_BASE_URL",
    "MODEL",
    "VISION_MODEL",
    "VISION_BASE_URL",
    "VISION_API_KEY",
    "RAW_DATA_DIR",
    "EXTRACTION_MODE",
    "CLARA_OUTPUT",
    "CLARA_SERVER_HOST",
    "CLARA_SERVER_PORT",
    "CLARA_WORK_FOLDER",
    "PREFECT_API_AUTH_STRING",
    "PREFECT_API_URL",
    "PREFECT_SERVER_API_AUTH_STRING",
    "WANDB_API_KEY",
    "WANDB_ENTITY",
    "WANDB_MODE",
    "WANDB_PROJECT",
    "WANDB_RUN_GROUP",
)
_TERMINAL = ("LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
_MOST_PROCESSES = 4
# A test that ingests scans lets two processes of docling grow to 3.3 GB each.
_BYTES_A_PROCESS = 7 << 30
# For a test that starts docling, on a machine that has much else to do.
_DOCLING_TIMEOUT_S = 900
# Below the ports that the kernel gives to connections, away from those of a developer's server.
_FIRST_PORTS = range(20_000, 30_000, 10)

# Read by libraries at their import, which for many is the collection of the tests.
os.environ["HF_HUB_OFFLINE"] = "1"
# The tests start hundreds of processes: without bytecode each compiles all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
if "PYTEST_XDIST_WORKER" in os.environ:
    # A process a core: torch's threads, a core each, would get in one another's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """What `-n auto` means here: a process a core, as far as memory goes."""
    import psutil

    given = os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS")
    if given:
        return int(given)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    by_memory = psutil.virtual_memory().total // _BYTES_A_PROCESS
    return max(1, min(cores or 1, by_memory, _MOST_PROCESSES))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what needs a Prefect API, or time; of several processes, sends the long files first."""
    for item in items:
        if "prefect_api" in getattr(item, "fixturenames", ()):
            item.add_marker("server")
        if item.get_closest_marker("docling"):
            item.add_marker(pytest.mark.timeout(_DOCLING_TIMEOUT_S))
    if hasattr(config, "workerinput"):  # else a process might be left alone with them at the end
        long = {item.path for item in items if {"docling", "server"} & _marks(item)}
        items.sort(key=lambda item: item.path not in long)


def _marks(item: pytest.Item) -> set[str]:
    return {mark.name for mark in item.iter_markers()}


@pytest.fixture(scope="session", autouse=True)
def clara_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """CLARA_HOME for the whole session: the developer's own is never touched."""
    from tasks.settings import Settings, settings

    home = tmp_path_factory.mktemp("clara-home")
    with pytest.MonkeyPatch.context() as patch:
        for name in (*_CONFIGURATION, *_TERMINAL):
            patch.delenv(name, raising=False)
        patch.setenv("COLUMNS", "80")
        patch.setenv("CLARA_HOME", str(home))
        patch.setenv("PREFECT_HOME", str(home / "prefect"))
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        patch.setenv("DO_NOT_TRACK", "1")
        patch.setitem(Settings.model_config, "env_file", None)
        settings.cache_clear()
        yield home
    settings.cache_clear()


@pytest.fixture(scope="session")
def prefect_api(clara_home: Path) -> Iterator[str]:
    """Our own local server, as a user gets it; commands in subprocesses find the same one."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    from flows import local_server

    with pytest.MonkeyPatch.context() as patch:
        first = _FIRST_PORTS[os.getpid() % len(_FIRST_PORTS)]
        patch.setattr(local_server, "_FIRST_PORT", first)
        record = local_server.start()
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
        temporary_settings,
    )

    # The thread that says that a flow is alive is waited for at the flow's end, up to a second.
    own = {PREFECT_API_URL: record.api_url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
    with temporary_settings(own):
        yield record.api_url
        from prefect.logging.handlers import APILogWorker

        APILogWorker.drain_all(timeout=20)  # what is still to be logged needs the server
    local_server.stop()

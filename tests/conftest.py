"""Shared by all tests: a home of their own, no user's `.env`, and one Prefect API a session."""

from __future__ import annotations

import os
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
    "PREFECT_API_URL",
)


@pytest.fixture(scope="session", autouse=True)
def clara_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """CLARA_HOME for the whole session: the developer's own is never touched."""
    from tasks.settings import Settings, settings

    home = tmp_path_factory.mktemp("clara-home")
    with pytest.MonkeyPatch.context() as patch:
        for name in _CONFIGURATION:
            patch.delenv(name, raising=False)
        patch.setenv("CLARA_HOME", str(home))
        patch.setenv("PREFECT_HOME", str(home / "prefect"))
        patch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        patch.setenv("DO_NOT_TRACK", "1")
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setitem(Settings.model_config, "env_file", None)
        settings.cache_clear()
        yield home
    settings.cache_clear()


@pytest.fixture(scope="session")
def prefect_api(clara_home: Path) -> Iterator[str]:
    """Our own local server, as a user gets it; commands in subprocesses find the same one."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    from flows import local_server

    record = local_server.start()
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: record.api_url}):
        yield record.api_url
        from prefect.logging.handlers import APILogWorker

        APILogWorker.drain_all(timeout=20)  # what is still to be logged needs the server
    local_server.stop()

"""The local server: one is started, reused by everyone, survives its launcher, and stops."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from flows import local_server
from flows.local_server import ServerRecord
from tests.support.corpora import ROOT, clara


@pytest.mark.server
def test_start_reuse_status_and_stop(tmp_path: Path) -> None:
    home = {"CLARA_HOME": str(tmp_path / "home"), "OPENAI_API_KEY": "sk-very-secret"}
    assert "not running" in clara("server", "status", **home).stdout
    # Two commands at once: one starts the server, the other waits for it.
    starts = [
        subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "server", "start"],
            cwd=ROOT,
            env={**_environment(), **home},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=200)[0] for process in starts]
    record = ServerRecord.model_validate_json(
        (tmp_path / "home" / "server" / "server.json").read_text()
    )
    assert all(record.ui_url in text for text in said)
    with urllib.request.urlopen(f"{record.api_url}/health", timeout=10) as response:
        assert json.load(response) is True
    with urllib.request.urlopen(record.ui_url, timeout=10) as response:
        assert b"<html" in response.read().lower()
    assert record.ui_url in clara("server", "status", **home).stdout
    environment = Path(f"/proc/{record.pid}/environ")
    if environment.exists():
        assert b"sk-very-secret" not in environment.read_bytes()
    assert "Stopped" in clara("server", "stop", **home).stdout
    assert "No local server" in clara("server", "stop", **home).stdout


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def test_a_recorded_process_that_is_another_one_now_is_not_ours(clara_home: Path) -> None:
    import os

    record = ServerRecord(pid=os.getpid(), process_started_at=1.0, port=4999, prefect_version="0")
    assert local_server._runs(record) is False


def test_a_configured_server_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.settings import settings

    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example:4200/api")
    settings.cache_clear()
    try:
        assert local_server.connect() == "http://prefect.example:4200"
    finally:
        monkeypatch.undo()
        settings.cache_clear()

"""What `clara up` decides before it starts anything, and the processes that it starts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deployments.nightly import Nightly
from flows import background, cli_up, workers
from flows.cli_up import UpOptions, nightly_sentence
from tasks.errors import SourceMissing, UsageError
from tasks.settings import settings
from tests.support.corpora import clara

_SLEEPER = """
import signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("CLARA_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    yield tmp_path / "home"
    monkeypatch.undo()
    settings.cache_clear()


def test_the_nightly_aim_is_whole_or_none(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "documents").mkdir()
    assert cli_up._aim(UpOptions()) is None
    aim = cli_up._aim(UpOptions(source="documents", output="data"))
    assert aim == {"source": str(tmp_path / "documents"), "output": str(tmp_path / "data")}
    with pytest.raises(UsageError, match="--source needs --output"):
        cli_up._aim(UpOptions(source="documents"))
    with pytest.raises(UsageError, match="--output needs --source"):
        cli_up._aim(UpOptions(output="data"))
    with pytest.raises(SourceMissing):
        cli_up._aim(UpOptions(source="missing", output="data"))
    elsewhere = UpOptions(source="/missing", output="/data", cpu_worker=False)
    assert cli_up._aim(elsewhere) == {"source": "/missing", "output": "/data"}


def test_the_aim_comes_from_the_environment_too(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAW_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    assert cli_up._aim(UpOptions()) is None, "nobody said where the data set is"
    monkeypatch.setenv("CLARA_OUTPUT", "s3://bucket/dataset")
    settings.cache_clear()
    aim = cli_up._aim(UpOptions(cpu_worker=False))
    assert aim == {"source": str(tmp_path), "output": "s3://bucket/dataset"}


def test_what_is_said_of_the_nightly_run() -> None:
    aim = {"source": "/documents", "output": "/data"}
    assert "`clara up` deploys it" in nightly_sentence(None)
    assert nightly_sentence(Nightly(parameters={}, active=True, when="")).startswith("off: nobody")
    assert nightly_sentence(Nightly(parameters=aim, active=False, when="")) == (
        "switched off: /documents -> /data"
    )
    said = nightly_sentence(Nightly(parameters=aim, active=True, when="0 2 * * *"))
    assert said == "/documents -> /data, at 0 2 * * *"


def test_status_and_down_where_nothing_runs(home: Path) -> None:
    said = clara("status", CLARA_HOME=str(home))
    assert said.returncode == 1 and "`clara up` starts it" in said.stdout
    said = clara("down", CLARA_HOME=str(home))
    assert said.returncode == 0 and "Nothing of ours was running" in said.stdout


def test_an_open_server_on_the_network_is_refused(home: Path) -> None:
    said = clara("up", CLARA_HOME=str(home), CLARA_SERVER_HOST="0.0.0.0")
    assert said.returncode == 2
    assert "PREFECT_SERVER_API_AUTH_STRING" in said.stderr
    assert not (home / "server" / "server.json").exists()


def test_a_worker_that_cannot_start_says_why(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "0")
    with pytest.raises(workers.WorkerFailed, match=r"cpu-pool ended at its start \(.*cpu-pool.log"):
        workers.ensure_worker("cpu-pool", "http://127.0.0.1:9/api")
    assert workers.recorded_workers() == []


def test_a_process_is_known_again_by_its_start(home: Path) -> None:
    own = psutil.Process()
    assert background.find(own.pid, own.create_time()) == own
    assert background.find(own.pid, own.create_time() - 3600) is None


def test_one_that_will_not_end_is_ended_with_its_children() -> None:
    stubborn = subprocess.Popen([sys.executable, "-c", _SLEEPER], stdout=subprocess.PIPE, text=True)
    try:
        assert stubborn.stdout is not None
        child = psutil.Process(int(stubborn.stdout.readline()))
        process = psutil.Process(stubborn.pid)
        background.end([process], grace_s=0.5)
        assert not process.is_running() and not child.is_running()
    finally:
        stubborn.kill()

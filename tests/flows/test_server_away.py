"""A Prefect server that goes away in the middle of an ingestion costs it nothing."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows import watch
from flows.ingest import ingest
from tasks.prefect_server import wait_for_server
from tests.support.corpora import data_bytes, write_corpus
from tests.support.prefect_server import PrefectServer, wait_for

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
AWAY_S = 8.0


def test_an_ingestion_outlives_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_ARTIFACT_EVERY_S", 0.0)  # as in a run of many documents
    source = write_corpus(tmp_path / "documents", 3)
    options = {"tokenizer": "none", "workers": 1, "extraction": "native"}
    with PrefectServer(tmp_path / "server") as server:
        with server.used():
            ingest(source=str(source), output=str(tmp_path / "alone"), **options)

        away = threading.Event()

        def outage() -> None:
            wait_for(lambda: _extracts(server, "disturbed"), 60, "a run that extracts")
            server.kill()
            away.set()
            time.sleep(AWAY_S)
            server.start()

        other = threading.Thread(target=outage)
        # As after a minute: the client tries no more.
        with server.used(), temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            other.start()
            try:
                summary = ingest(source=str(source), output=str(tmp_path / "disturbed"), **options)
            finally:
                other.join()  # else it would start a server after this block
        assert away.is_set()
        assert summary["outcome"] == "done"
        assert data_bytes(tmp_path / "disturbed") == data_bytes(tmp_path / "alone")
        run = server.runs_of("ingest")[-1]
        assert run.state is not None and run.state.is_completed()


def _extracts(server: PrefectServer, output: str) -> bool:
    """Whether the run is past its first steps: its worker processes start now."""
    [*_, run] = server.runs_of("ingest")
    return run.parameters["output"].endswith(output) and any(
        line.startswith("images:") for line in server.logs(run.id)
    )


def test_the_end_of_a_run_waits_for_its_server_and_not_for_ever(tmp_path: Path) -> None:
    said: list[str] = []
    server = PrefectServer(tmp_path / "server")
    with server.used():
        wait_for_server(said.append, longest_s=0.0)
        start = threading.Thread(target=server.start)
        start.start()
        try:
            wait_for_server(said.append, longest_s=120.0)
        finally:
            start.join()
            server.kill()
    away, again, back = said
    assert away == again
    assert "does not answer (ConnectError)" in away
    assert back == "The Prefect server answers again."

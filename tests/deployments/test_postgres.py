"""Prefect's server on PostgreSQL, which a team wants: what we put on a server works there too."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments.automations import silent_runs
from deployments.pools import default_pools, ensure_pool
from flows.ingest import ingest
from tests.support.corpora import write_corpus
from tests.support.postgres import postgres_server
from tests.support.prefect_server import PrefectServer

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]


def test_pools_automation_and_a_run_on_postgresql(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "documents", 2)
    with postgres_server() as url:
        database = {"PREFECT_API_DATABASE_CONNECTION_URL": url}
        with PrefectServer(tmp_path / "server", **database) as server:
            with server.client() as client:
                made = [ensure_pool(client, pool) for pool in default_pools()]
                client.create_automation(silent_runs())
            assert made == ["cpu-pool: made (process)", "gpu-pool: made (process)"]
            with server.used():
                summary = ingest(source=str(source), output=str(tmp_path / "out"), workers=1)
            assert summary["outcome"] == "done"
            [run] = server.runs_of("ingest")
            assert run.state is not None and run.state.is_completed()
            assert "ingest-report" in server.artifacts(run.id)
    # Nothing of it went into an SQLite file.
    assert not list((tmp_path / "server").rglob("prefect.db"))

"""Ingest on Ray: the same bytes as with processes, and what is said where Ray cannot serve.

The cluster of this file is one of two cores, started by the run itself: some 15 seconds of CPU.
"""

from __future__ import annotations

import signal
import socket
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
from prefect.states import Crashed

from flows import ray_runner
from flows.fan_out import _rejection
from flows.ingest import ingest
from flows.ingest_setup import check_places
from flows.ray_nodes import check_head, look_around
from tasks.errors import RayUnavailable
from tasks.options import IngestOptions
from tasks.storage import Location
from tests.support.bad_files import make_pdf
from tests.support.corpora import data_bytes, file_rejects, write_corpus

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None or find_spec("prefect_ray") is None,
    reason="the extra `ray` is not installed",
)


@needs_ray
@pytest.mark.usefixtures("prefect_api")
def test_the_same_bytes_as_with_processes(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "source", 3)
    (source / "broken.pdf").write_bytes(make_pdf(1)[:200])
    before = signal.getsignal(signal.SIGTERM)
    on_ray, with_processes = tmp_path / "ray", tmp_path / "processes"
    summary = ingest(source=str(source), output=str(on_ray), workers=2, task_runner="ray")
    assert signal.getsignal(signal.SIGTERM) is before
    ingest(source=str(source), output=str(with_processes), workers=2)
    assert data_bytes(on_ray) == data_bytes(with_processes)
    assert list(file_rejects(on_ray)) == ["broken.pdf"]
    assert summary["steps"]["extract"]["done"] == 4
    runs = _task_runs(f"ingest {source}")
    ours = [run for run in runs if run.name.startswith("extract ")]
    # A PDF for itself, and three small texts spread over those who work: four with Ray, then two.
    assert len(ours) == (1 + 3) + (1 + 2)
    assert {run.state.name for run in ours} <= {"Completed", "Rejected"}
    # The graph on the run's page: chunks stand behind extractions, wherever they were made.
    made = {run.id for run in ours}
    behind = [run for run in runs if run.name.startswith("chunk") and "job" in run.task_inputs]
    assert any(found.id in made for run in behind for found in run.task_inputs["job"])
    again = ingest(source=str(source), output=str(on_ray), workers=2, task_runner="processes")
    assert again["outcome"] == "unchanged"


def _task_runs(flow_run: str) -> list[Any]:
    named = FlowRunFilter(name=FlowRunFilterName(any_=[flow_run]))
    with get_client(sync_client=True) as client:
        return list(client.read_task_runs(flow_run_filter=named))


def test_without_the_extra_the_command_to_install_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_runner, "find_spec", lambda name: None)
    places = check_places(str(tmp_path), str(tmp_path / "out"), None, False)
    options = IngestOptions(task_runner="ray")
    with (
        pytest.raises(RayUnavailable, match="uv sync --extra ray"),
        ray_runner.ray_jobs(places, options),
    ):
        raise AssertionError("there is no Ray to run anything")


@needs_ray
def test_no_cluster_of_others_is_used_offline(tmp_path: Path) -> None:
    places = check_places(str(tmp_path), str(tmp_path / "out"), None, True)
    options = IngestOptions(task_runner="ray", ray_address="127.0.0.1:6379", offline=True)
    with (
        pytest.raises(RayUnavailable, match="--offline forbids the network"),
        ray_runner.ray_jobs(places, options),
    ):
        raise AssertionError("a cluster was reached")


def test_an_address_where_nothing_listens_is_refused_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for address in (f"127.0.0.1:{port}", f"ray://127.0.0.1:{port}"):
            with pytest.raises(RayUnavailable, match="is not reached"):
                check_head(address)
    for address in ("cluster", "127.0.0.1:port", "ray://"):
        with pytest.raises(RayUnavailable, match="no address of a Ray cluster"):
            check_head(address)
    check_head("auto")


def test_a_node_says_what_it_lacks(tmp_path: Path) -> None:
    from importlib.metadata import version

    ours = version("clara-pipeline")
    (tmp_path / "source").mkdir()
    Location(tmp_path / "cache").write_bytes("token", b"seen")
    source, cache = str(tmp_path / "source"), str(tmp_path / "cache")
    assert look_around(source, cache, "token", None, "0.0.1") == (
        f"it has clara-pipeline {ours}, and this machine 0.0.1"
    )
    missing = look_around(source + "-not", cache, "token", None, ours)
    assert missing is not None
    assert missing.endswith("source-not is not there")
    other = look_around(source, cache, "another token", None, ours)
    assert other is not None
    assert other.endswith("is another folder there")
    assert "PREFECT_API_URL" in str(look_around(source, cache, "token", None, ours))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        assert "is not reached" in str(look_around(source, cache, "token", url, ours))


def test_a_worker_of_ray_that_died_costs_its_document_and_not_the_run() -> None:
    died = RuntimeError("The worker died unexpectedly while executing this task")
    future = SimpleNamespace(state=Crashed(), result=lambda raise_on_failure: died)
    rejection = _rejection(future)
    assert rejection.reason == "worker_died"
    assert "died unexpectedly" in rejection.detail

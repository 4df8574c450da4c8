"""`clara up` on a bare machine: deployed runs, the nightly one, the event, and a clean end.

The tests stand in the order in which a user would come to what they show, and share one server.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.corpora import data_bytes, machine_text, rows, write_corpus
from tests.support.served import PASSWORD, Served

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    base = tmp_path_factory.mktemp("served")
    mine = Served(base, OPENAI_API_KEY="sk-very-secret")
    write_corpus(mine.folder / "documents", 4)
    try:
        up = mine.clara("up")
        assert up.returncode == 0, up.stdout + up.stderr
        (base / "up.txt").write_text(up.stdout)
        yield mine
    finally:
        mine.clara("down")


def test_what_up_says_can_be_typed(served: Served) -> None:
    said = (served.home.parent / "up.txt").read_text()
    assert f"export PREFECT_API_URL={served.api_url}" in said
    assert "export PREFECT_API_AUTH_STRING=..." in said
    assert f"http://127.0.0.1:{served.port}" in said
    assert "prefect deployment run ingest/cpu -p source=" in said
    assert "nightly    off" in said
    assert "warning" not in (served.home / "workers" / "deploy.log").read_text().lower()


def test_a_deployed_run_makes_the_files_that_the_command_makes(served: Served) -> None:
    ran = served.prefect(
        *("deployment", "run", "ingest/cpu", "--watch"),
        *("-p", "source=documents", "-p", "output=deployed"),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Completed" in ran.stdout
    by_hand = served.clara("ingest", "documents", "--output", "by_hand")
    assert by_hand.returncode == 0, by_hand.stderr
    deployed = data_bytes(served.folder / "deployed")
    assert deployed == data_bytes(served.folder / "by_hand")
    assert len(deployed) > 5


def test_who_has_no_password_is_told_so(served: Served) -> None:
    stranger = {"PREFECT_SERVER_API_AUTH_STRING": "", "PREFECT_API_URL": served.api_url}
    said = served.clara("up", "--no-deploy", **stranger)
    assert said.returncode == 1
    assert "set PREFECT_API_AUTH_STRING" in said.stderr


def test_notify_wants_to_know_which_data_set(served: Served) -> None:
    said = served.clara("notify", "documents")
    assert said.returncode == 2
    assert "--output" in said.stderr


def test_a_second_up_changes_what_it_is_told_and_nothing_else(served: Served) -> None:
    first = served.status()
    aimed = served.clara("up", "--source", "documents", "--output", "nightly")
    assert aimed.returncode == 0, aimed.stderr
    assert "made" not in aimed.stdout and "brought up to date" not in aimed.stdout
    assert "cpu-pool: runs already" in aimed.stdout
    second = served.status()
    assert second["nightly"]["active"]
    assert second["nightly"]["parameters"] == {
        "source": str(served.folder / "documents"),
        "output": str(served.folder / "nightly"),
    }
    for name in ("workers_here", "deployments"):
        assert second[name] == first[name]
    pools = {pool["name"]: pool for pool in second["pools"]}
    assert pools["gpu-pool"]["limit"] == 1 and pools["cpu-pool"]["limit"] is None
    assert any(worker["online"] for worker in pools["cpu-pool"]["workers"])
    said = served.clara("status").stdout
    assert "prefect worker start --pool gpu-pool" in said
    assert str(served.folder / "nightly") in said


def test_the_schedule_and_the_event_take_in_what_was_added(served: Served) -> None:
    _schedule(served, "create", "--interval", "8", "--active", "--replace")
    try:
        made = served.wait_for_run(_completed("reingest"))
        assert made["auto_scheduled"]
        documents = served.folder / "documents"
        (documents / "north" / "late.txt").write_text(machine_text(77))
        removed = documents / "south" / "sheet-000.txt"
        kept = removed.read_text()
        removed.unlink()
        _wait_for(served, lambda files: "north/late.txt" in files)
        _wait_for(served, lambda files: "south/sheet-000.txt" not in files)
    finally:
        _schedule(served, "clear")
    removed.write_text(kept)
    said = served.clara("notify", "documents")
    assert said.returncode == 0, said.stderr
    _wait_for(served, lambda files: "south/sheet-000.txt" in files)


def test_down_ends_a_busy_worker_and_tells_the_server(served: Served) -> None:
    write_corpus(served.folder / "many", 400)
    served.prefect(
        *("deployment", "run", "ingest/cpu", "-p", "source=many", "-p", "output=stopped"),
    )
    served.wait_for_run(lambda run: run["name"] == "ingest many" and run["state_name"] == "Running")
    down = served.clara("down")
    assert down.returncode == 0, down.stderr
    assert "Ended a run with it: ingest many" in down.stdout
    assert served.processes() == []
    assert "Nothing of ours was running" in served.clara("down").stdout
    assert served.clara("status").returncode == 1
    written = [path.read_bytes() for path in served.home.rglob("*") if path.is_file()]
    assert len(written) > 5
    for secret in (b"sk-very-secret", PASSWORD.encode()):
        assert not any(secret in content for content in written)


def test_up_after_a_power_cut(served: Served) -> None:
    """The record names a process that is another program's now."""
    record = {
        "pool": "cpu-pool",
        "pid": os.getpid(),
        "process_started_at": 1.0,
        "api_url": served.api_url,
        "prefect_version": "0",
        "work_folder": str(served.folder),
    }
    (served.home / "workers" / "cpu-pool.json").write_text(json.dumps(record))
    up = served.clara("up")
    assert up.returncode == 0, up.stderr
    assert "cpu-pool: started" in up.stdout
    # Deployed anew, and told nothing of the nightly run: it keeps its folders.
    assert served.status()["nightly"]["parameters"]["output"] == str(served.folder / "nightly")
    runs = {run["name"]: run["state_name"] for run in served.runs()}
    assert runs["ingest many"] == "Crashed"


def _completed(flow: str) -> Callable[[dict[str, Any]], bool]:
    return lambda run: run["name"].startswith(flow) and run["state_name"] == "Completed"


def _schedule(served: Served, verb: str, *arguments: str) -> None:
    """The schedule in seconds instead of nights, or none."""
    done = served.prefect("deployment", "schedule", verb, "reingest/nightly", *arguments, "-y")
    assert done.returncode == 0, done.stdout + done.stderr


def _wait_for(served: Served, wanted: Callable[[set[str]], bool]) -> None:
    deadline = time.monotonic() + 240
    files: set[str] = set()
    while time.monotonic() < deadline:
        files = {row["file_path"] for row in rows(Path(served.folder / "nightly"), "raw_knowledge")}
        if wanted(files):
            return
        time.sleep(0.5)
    raise AssertionError(f"the data set has {files}, and the runs are {served.runs()}")

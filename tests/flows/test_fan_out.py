"""Prefect's part: retries that wait, results that come back as Cached, batches that are halved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client

from flows.fan_out import FanOut
from flows.watch import Watch
from tasks.cache import StepCache
from tasks.in_pool import run_job
from tasks.prefect_policy import step_policy
from tasks.storage import Location
from tasks.worker_pool import close_shared_pool
from tests.support.policy_jobs import Item, Result, TrialJob

pytestmark = pytest.mark.usefixtures("prefect_api")


@task(name="trial", **{**step_policy(), "retry_delay_seconds": 0.2, "retry_jitter_factor": None})
def trial(job: TrialJob) -> Any:
    return run_job(job)


@pytest.fixture(autouse=True)
def pool() -> Iterator[None]:
    yield
    close_shared_pool()


def fan_out(folder: Path, *keys: str, batch: bool = False, fresh: bool = False) -> dict[str, Any]:
    """Runs jobs in a flow: what failed, what each task run went through."""
    jobs = folder / "jobs"
    jobs.mkdir(exist_ok=True)
    cache = StepCache(Location(folder / "cache"))
    common: dict[str, Any] = {
        "cache_uri": str(folder / "cache"),
        "folder": str(jobs),
        "overwrite": fresh,
    }
    items = tuple(Item(key=key) for key in keys)
    groups = [items] if batch else [(item,) for item in items]

    @flow(persist_result=False)
    def run() -> dict[str, Any]:
        with Watch(None) as watch, watch.step("extract", len(keys)) as step:
            out = FanOut(
                trial,
                step,
                window=2,
                fresh=fresh,
                finished=lambda job: all(cache.has(job.step, key, Result) for key in job.item_keys),
            )
            failed = out.run([TrialJob(items=group, **common) for group in groups])
            return {
                "failed": {f.job.item_keys[0]: f.rejection for f in failed},
                "runs": [future.task_run_id for future in out.futures],
                "progress": step.done,
            }

    return run()


def states(run_id: Any) -> list[str]:
    """The names of the states that a task run went through, from the API."""
    with get_client(sync_client=True) as client:
        response = client.request("GET", "/task_run_states/", params={"task_run_id": str(run_id)})
        return [state["name"] for state in response.json()]


def tries(folder: Path, key: str) -> int:
    return int((folder / "jobs" / key).read_text())


def test_a_dead_worker_is_retried_after_a_wait(tmp_path: Path) -> None:
    result = fan_out(tmp_path, "die-1")
    assert result["failed"] == {}
    assert tries(tmp_path, "die-1") == 2
    seen = states(result["runs"][0])
    assert "AwaitingRetry" in seen
    assert seen[-1] == "Completed"


def test_a_worker_that_always_dies_is_one_failure_with_its_cause(tmp_path: Path) -> None:
    result = fan_out(tmp_path, "good-1", "die-9", "good-2")
    assert list(result["failed"]) == ["die-9"]
    assert result["failed"]["die-9"].reason == "worker_died"
    assert "SIGKILL" in result["failed"]["die-9"].detail
    assert tries(tmp_path, "die-9") == 4
    assert result["progress"] == 3


def test_a_bad_file_is_never_retried(tmp_path: Path) -> None:
    result = fan_out(tmp_path, "bad")
    assert result["failed"]["bad"].reason == "bad_file"
    assert tries(tmp_path, "bad") == 1


def test_what_was_done_comes_back_as_cached(tmp_path: Path) -> None:
    first = fan_out(tmp_path, "good-1")
    second = fan_out(tmp_path, "good-1")
    assert states(first["runs"][0])[-1] == "Completed"
    assert states(second["runs"][0])[-1] == "Cached"
    assert tries(tmp_path, "good-1") == 1


def test_a_result_that_only_prefect_remembers_is_made_again(tmp_path: Path) -> None:
    fan_out(tmp_path, "good-1")
    cached = tmp_path / "cache" / StepCache.name_of("extract", "good-1")
    cached.unlink()
    fan_out(tmp_path, "good-1")
    assert cached.exists()
    assert tries(tmp_path, "good-1") == 2


def test_fresh_makes_everything_again(tmp_path: Path) -> None:
    fan_out(tmp_path, "good-1")
    fan_out(tmp_path, "good-1", fresh=True)
    assert tries(tmp_path, "good-1") == 2


def test_one_bad_item_costs_a_batch_nothing_but_itself(tmp_path: Path) -> None:
    keys = ("good-1", "good-2", "bad", "good-3", "good-4")
    result = fan_out(tmp_path, *keys, batch=True)
    assert list(result["failed"]) == ["bad"]
    assert result["progress"] == 5
    assert all(tries(tmp_path, key) == 1 for key in keys if key != "bad")

"""A worker that hangs, crashes or eats memory takes nobody along."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tasks.errors import FileRejected, WorkerDied
from tasks.worker_pool import WorkerJobFailed, WorkerPool
from tests.support.corpora import ROOT

JOBS = "tests.support.pool_functions"


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(2, memory_limit_bytes=600 << 20) as pool:
        yield pool


def test_a_worker_stays_alive_between_jobs(pool: WorkerPool) -> None:
    first = pool.run(f"{JOBS}:process_id")
    assert first != os.getpid()
    assert pool.run(f"{JOBS}:process_id") == first
    assert pool.run(f"{JOBS}:double", 21) == 42


def test_a_worker_does_not_run_the_program_that_started_it(tmp_path: Path) -> None:
    """It may take seconds to import (prefect.engine does), and may lack `if __name__`."""
    program = tmp_path / "program.py"
    program.write_text(
        "print('the program runs')\n"
        "from tasks.worker_pool import WorkerPool\n"
        "with WorkerPool(1) as pool:\n"
        f"    print(pool.run('{JOBS}:double', 21, timeout_s=60))\n"
    )
    ran = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ran.stdout.splitlines() == ["the program runs", "42"], ran.stderr


def test_a_crash_is_reported_and_the_next_job_works(pool: WorkerPool) -> None:
    with pytest.raises(WorkerDied, match="SIGSEGV"):
        pool.run(f"{JOBS}:crash")
    with pytest.raises(WorkerDied, match="exit code 3"):
        pool.run(f"{JOBS}:leave", 3)
    assert pool.run(f"{JOBS}:double", 1) == 2


def test_neighbours_of_a_crash_are_unharmed(pool: WorkerPool) -> None:
    with ThreadPoolExecutor(2) as threads:
        neighbour = threads.submit(pool.run, f"{JOBS}:sleep", 1.0)
        victim = threads.submit(pool.run, f"{JOBS}:crash")
        with pytest.raises(WorkerDied):
            victim.result()
        assert neighbour.result() == 1.0


def test_a_hanging_job_is_killed_and_may_be_tried_another_time(pool: WorkerPool) -> None:
    with pytest.raises(FileRejected) as caught:
        pool.run(f"{JOBS}:sleep", 60.0, timeout_s=0.5)
    assert caught.value.reason == "timeout"
    assert caught.value.retryable
    assert pool.run(f"{JOBS}:double", 3) == 6


def test_a_job_that_eats_memory_is_killed(pool: WorkerPool) -> None:
    with pytest.raises(FileRejected) as caught:
        pool.run(f"{JOBS}:eat", 900)
    assert caught.value.reason == "out_of_memory"
    assert pool.run(f"{JOBS}:double", 4) == 8


def test_rejections_keep_their_reason_and_strange_errors_their_text(pool: WorkerPool) -> None:
    with pytest.raises(FileRejected) as caught:
        pool.run(f"{JOBS}:reject")
    assert (caught.value.reason, caught.value.retryable) == ("bad_thing", True)
    with pytest.raises(WorkerJobFailed, match="Unpicklable: cannot travel"):
        pool.run(f"{JOBS}:raise_unpicklable")


def test_workers_leave_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys\n"
        "from tasks.worker_pool import WorkerPool\n"
        "if __name__ == '__main__':\n"
        "    pool = WorkerPool(1)\n"
        f"    print(pool.run('{JOBS}:process_id'), flush=True)\n"
        f"    pool.run('{JOBS}:sleep', 120.0)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 15
    while psutil.pid_exists(worker) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not psutil.pid_exists(worker)

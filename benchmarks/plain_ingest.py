"""What `ingest` does, in plain Python: the same functions without Prefect around them.

    uv run python -m benchmarks.plain_ingest SOURCE OUT [--workers N]

Prints the seconds between the first file that is looked at and the manifest. Steps, batches,
processes and files are those of the flow; its tasks are replaced by calls, so nothing is
orchestrated: no server, no task runs, no states, no retries. benchmarks/orchestration.py compares.
"""

from __future__ import annotations

import argparse
import importlib
import time
from collections.abc import Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

# Each is `task.submit(job)` in the flow; here the function that the task wraps is called.
_TASKS = (
    "flows.ingest_run:discover_source",
    "tasks.export:export_rows",
    "tasks.stage_files:negatives_and_stage_files",
    "tasks.report:make_report",
)


class _Done:
    """What the steps ask of a future."""

    def __init__(self, future: Future[Any]) -> None:
        self.future, self.task_run_id = future, None

    @property
    def state(self) -> Any:
        completed = self.future.exception() is None
        name = "Completed" if completed else "Failed"
        return SimpleNamespace(name=name, message="", is_completed=lambda: completed)

    def result(self, raise_on_failure: bool = True) -> Any:
        error = self.future.exception()
        return error if error is not None and not raise_on_failure else self.future.result()


class PlainRunner:
    """Jobs in the same worker processes, without task runs."""

    def __init__(self, width: int) -> None:
        self.width = width
        self._threads = ThreadPoolExecutor(max_workers=width)

    def submit(self, task: Any, job: Any, upstream: Sequence[Any]) -> _Done:
        from tasks.worker_pool import shared_pool

        def run() -> dict[str, Any]:
            pool = shared_pool(job.workers)
            done = pool.run(job.function, job, timeout_s=job.timeout_s)
            return dict(done.model_dump())

        return _Done(self._threads.submit(run))

    def first_done(self, running: Collection[_Done], timeout_s: float) -> _Done | None:
        by_future = {done.future: done for done in running}
        finished, _ = wait(by_future, timeout=timeout_s, return_when=FIRST_COMPLETED)
        return by_future[next(iter(finished))] if finished else None


class _Called:
    """Stands in for a task: its function runs at once."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def submit(self, *arguments: Any, wait_for: Any = None) -> _Done:
        future: Future[Any] = Future()
        future.set_result(self._function(*arguments))
        return _Done(future)


def plain_ingest(source: str, output: str, workers: int) -> float:
    """Runs it and returns its seconds. Raises ClaraError."""
    from flows.ingest_run import run_ingest
    from flows.ingest_setup import check_places, output_lock
    from flows.watch import Watch
    from tasks.options import IngestOptions
    from tasks.worker_pool import close_shared_pool

    options = IngestOptions(workers=workers, extraction_mode="dict")
    patches = [
        patch("flows.ingest_run.url_for", lambda *_, **__: "nowhere"),
        patch("prefect.artifacts.create_markdown_artifact", lambda **_: None),
    ]
    for name in _TASKS:
        module, attribute = name.split(":")
        task = getattr(importlib.import_module(module), attribute)
        patches.append(patch(f"{module}.{attribute}", _Called(task.fn)))
    for one in patches:
        one.start()
    started = time.perf_counter()
    try:
        places = check_places(source, output, None, False)
        with output_lock(places), Watch(None) as watch:
            summary = run_ingest(places, options, watch, PlainRunner(workers))
        seconds = time.perf_counter() - started
    finally:
        close_shared_pool()
        for one in patches:
            one.stop()
    if summary["outcome"] != "done":
        raise SystemExit(f"the plain run ended with {summary['outcome']}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("output")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    print(f"{plain_ingest(given.source, given.output, given.workers):.3f}")


if __name__ == "__main__":
    main()

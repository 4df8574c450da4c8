"""Jobs to results, in their order, in this process or in several; a few jobs are under way at once.

Processes are spawned, not forked: a fork of a process with threads (torch, tokenizers) may hang.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice

from clara_model.data.building import BuildOptions, Done, Job, build
from clara_model.data.planning import PlannedJob
from clara_model.errors import ConfigError

FEW_JOBS = 40
"""Up to so many jobs (some 5,000 rows) are done here: starting processes takes longer."""
_MOST_WORKERS = 16

_options: BuildOptions | None = None


def built(
    jobs: Iterable[PlannedJob], options: BuildOptions, workers: int | None
) -> Iterator[tuple[PlannedJob, Done]]:
    """Builds `jobs` in their order. `workers`: processes; 0 for none, None to choose by itself.

    None takes one for each core that this process may use (16 at most), and none where there are
    at most FEW_JOBS jobs. Raises ConfigError where a worker dies.
    """
    waiting = iter(jobs)
    if workers is None:
        first = list(islice(waiting, FEW_JOBS + 1))
        cores = min(_MOST_WORKERS, _usable_cores())
        workers = cores if len(first) > FEW_JOBS and cores > 1 else 0
        waiting = chain(first, waiting)
    if workers < 1:
        return ((planned, build(planned.job, options)) for planned in waiting)
    return _in_processes(waiting, options, workers)


def _in_processes(
    jobs: Iterator[PlannedJob], options: BuildOptions, workers: int
) -> Iterator[tuple[PlannedJob, Done]]:
    under_way: deque[tuple[PlannedJob, Future[Done]]] = deque()
    with ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), initializer=_start, initargs=(options,)
    ) as pool:
        try:
            for planned in jobs:
                under_way.append((planned, pool.submit(_build_there, planned.job)))
                if len(under_way) > 2 * workers:
                    planned, result = under_way.popleft()
                    yield planned, result.result()
            while under_way:
                planned, result = under_way.popleft()
                yield planned, result.result()
        except BrokenProcessPool as error:
            raise ConfigError(
                "A process that tokenises rows died at once or was killed. A script that starts "
                'training needs its start under `if __name__ == "__main__":`; or tokenise in one '
                "process, with workers set to 0."
            ) from error
        finally:
            for _, result in under_way:
                result.cancel()


def _start(options: BuildOptions) -> None:
    global _options
    _options = options


def _build_there(job: Job) -> Done:
    assert _options is not None
    return build(job, _options)


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

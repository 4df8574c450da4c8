from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ClassVar, Self

import pytest

from clara_model.data import pool
from clara_model.data.building import BuildOptions, Done, Job
from clara_model.data.planning import PlannedJob
from clara_model.errors import ConfigError
from tests.clara_model.data.stage_rows import CONFIG, chat_tokens

OPTIONS = BuildOptions("compression", chat_tokens(), CONFIG, seed=0, decoder_max_length=64)


class FakeProcesses:
    """In place of the executor: a job is done at once, or its process dies."""

    started: ClassVar[list[int]] = []

    def __init__(self, workers: int, *_: Any, **__: Any) -> None:
        self.started.append(workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, _: object, job: Job) -> Future[Done]:
        future: Future[Done] = Future()
        if job.texts == ["dies"]:
            future.set_exception(BrokenProcessPool("killed"))
        else:
            future.set_result(Done([], []))
        return future


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(pool, "ProcessPoolExecutor", FakeProcesses)
    monkeypatch.setattr(pool, "_usable_cores", lambda: 3)
    FakeProcesses.started = []
    return FakeProcesses.started


def jobs(count: int, text: str = "a") -> Iterator[PlannedJob]:
    return (PlannedJob(Job([], [text]), [], [bytes([n])]) for n in range(count))


@pytest.mark.parametrize(
    ("count", "workers", "started"),
    [(3, None, []), (pool.FEW_JOBS + 1, None, [3]), (3, 2, [2]), (60, 0, [])],
)
def test_processes_are_started_where_they_are_worth_it(
    processes: list[int], count: int, workers: int | None, started: list[int]
) -> None:
    done = list(pool.built(jobs(count), OPTIONS, workers))
    assert [planned.digests for planned, _ in done] == [[bytes([n])] for n in range(count)]
    assert processes == started


def test_a_dead_process_is_explained() -> None:
    with pytest.raises(ConfigError, match="__main__"):
        list(pool.built(jobs(2, "dies"), OPTIONS, 2))

"""A job whose fate the test decides through files; it runs in a worker process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tasks.errors import FileRejected
from tasks.jobs import Done, Job
from tasks.records import Record


class Item(Record):
    key: str


class TrialJob(Job):
    step = "extract"
    function = "tests.support.policy_jobs:work"
    items_field = "items"

    items: tuple[Item, ...]
    folder: str


class Result(Record):
    key: str


def work(job: TrialJob) -> Done:
    """Each item: `die-N` crashes the first N times, `bad` is rejected, `good-*` is stored."""
    cache = job.cache()
    for item in job.items:
        if not job.overwrite and cache.has(job.step, item.key, Result):
            continue
        log = Path(job.folder) / item.key
        tries = int(log.read_text()) if log.exists() else 0
        log.write_text(str(tries + 1))
        if item.key.startswith("die-") and tries < int(item.key.split("-")[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        if item.key.startswith("bad"):
            raise FileRejected("bad_file", "it will never work", retryable=True)
        cache.put(job.step, item.key, Result(key=item.key))
    return Done(made=len(job.items))

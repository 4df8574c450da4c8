"""Runs a job's calls on this process's event loop, and tells whoever watches how far they are.

Calls wait for the network and not for a core: they need no worker process, and one place that
bounds them all.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from prefect.states import Completed, Failed

from tasks.jobs import Done, Job

Advance = Callable[[int], None]
_listeners: dict[str, Advance] = {}


def listen(step: str, advance: Advance | None) -> None:
    """From now on `advance` hears of each item that a job of `step` finishes; None: nobody."""
    if advance is None:
        _listeners.pop(step, None)
    else:
        _listeners[step] = advance


def run_job(job: Job) -> Any:
    """What the task returns: Done as JSON, or a state that holds the same: Waiting, Incomplete.

    Raises ClaraError for what stops the run; calls under way are answered and stored first.
    """
    from tasks.shared_calls import run, shared_client

    assert job.calls is not None
    module, name = (job.calling_function or job.function).split(":")
    function = getattr(importlib.import_module(module), name)
    client = shared_client(job.calls)

    def advance(count: int) -> None:
        if listener := _listeners.get(job.step):
            listener(count)

    done: Done = run(lambda: function(job, client, advance))
    if done.failures:
        # Failed, because Prefect remembers what is completed, and the next run is to try again.
        message = f"{len(done.failures)} of {job.size} items have no result"
        return Failed(name="Incomplete", message=message, data=done.model_dump())
    if done.pending:
        message = f"{done.pending} items wait for the answers of a batch"
        return Completed(name="Waiting", message=message, data=done.model_dump())
    return done.model_dump()

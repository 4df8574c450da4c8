"""The one event loop of a process on which all calls to endpoints are made, and their clients.

Tasks run in threads of their own; what they ask goes to this loop, so that one place bounds the
calls, shares the answers and counts the money of a run.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import suppress
from typing import Any, Generic, TypeVar

from tasks.endpoint.answers import AnswerStore
from tasks.endpoint.api_keys import api_key_for
from tasks.endpoint.budget import Budget
from tasks.endpoint.limiter import Limiter
from tasks.endpoint.options import Capabilities, EndpointOptions
from tasks.endpoint.spending import StepSpending
from tasks.endpoint.wire import Wire
from tasks.errors import ClaraError
from tasks.llm import LLMClient

Result = TypeVar("Result")

# A thread that waits looks up this often: only then does an interruption reach it.
_POLL_S = 0.25
_CLOSE_TIMEOUT_S = 10.0
_CLOSED = "the calls were closed while a task waited for them"


class CallsClosed(ClaraError):
    """The calls were closed while someone waited for them."""


class _Loop:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._serve, name="clara-calls", daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            self.loop.close()

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(timeout=_CLOSE_TIMEOUT_S)


class _Shared:
    """What a run's calls share. `lock` guards the rest."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.loop: _Loop | None = None
        self.clients: dict[str, LLMClient] = {}
        self.capabilities: dict[str, Capabilities] = {}
        self.budget: Budget | None = None


_shared = _Shared()


def shared_client(options: EndpointOptions, *, fresh: bool = False) -> LLMClient:
    """The client of an endpoint, made at the first call; `fresh` matters only then.

    Raises PreflightFailed where the key is missing.
    """
    name = _name_of(options)
    with _shared.lock:
        client = _shared.clients.get(name)
        if client is None:
            client = _shared.clients[name] = _new_client(options, fresh)
        return client


def shared_clients() -> tuple[LLMClient, ...]:
    """All clients of this process, in the order in which they were made."""
    with _shared.lock:
        return tuple(_shared.clients.values())


def set_capabilities(options: EndpointOptions, capabilities: Capabilities) -> None:
    """What preflight found out, for the client of this endpoint, there already or not yet."""
    name = _name_of(options)
    with _shared.lock:
        _shared.capabilities[name] = capabilities
        if client := _shared.clients.get(name):
            client.wire = client.wire.with_capabilities(capabilities)


def spending() -> tuple[StepSpending, ...]:
    """What all clients of this process spent so far."""
    return tuple(entry for client in shared_clients() for entry in client.spending())


def run(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Runs a coroutine on the loop and waits for it, from any thread but the loop's own.

    A caller that is interrupted cancels its coroutine. Raises CallsClosed where the loop was
    stopped in the meantime.
    """
    with _shared.lock:
        if _shared.loop is None:
            _shared.loop = _Loop()
        shared = _shared.loop
        if threading.current_thread() is shared.thread:
            raise RuntimeError("run() was called on the loop that it waits for: await instead")
        job = _Job(shared.loop, work)
    try:
        while not wait([job.outcome], timeout=_POLL_S).done:
            if not shared.thread.is_alive():
                raise CallsClosed(_CLOSED)
    except BaseException:
        if shared.thread.is_alive():
            job.cancel()
            wait([job.outcome], timeout=_CLOSE_TIMEOUT_S)
        raise
    if job.outcome.cancelled():
        raise CallsClosed(_CLOSED)
    return job.outcome.result()


class _Job(Generic[Result]):
    """A coroutine on the loop, and its outcome for another thread: done when it has ended."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, Result]]
    ) -> None:
        self.outcome: Future[Result] = Future()
        self._loop = loop
        self._work = work
        self._task: asyncio.Task[Result] | None = None
        loop.call_soon_threadsafe(self._start)

    def cancel(self) -> None:
        # Comes after the start, which the loop was asked for before. A closed loop has no tasks.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())

    def _start(self) -> None:
        try:
            self._task = self._loop.create_task(self._work())
        except Exception as error:
            self.outcome.set_exception(error)
        else:
            self._task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[Result]) -> None:
        if task.cancelled():
            self.outcome.cancel()
            self.outcome.set_running_or_notify_cancel()
        elif (error := task.exception()) is not None:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(task.result())


def close_shared_calls() -> None:
    """Ends every call, closes the clients, and forgets them. Safe to call twice."""
    with _shared.lock:
        loop, clients = _shared.loop, list(_shared.clients.values())
        _shared.loop, _shared.budget = None, None
        _shared.clients, _shared.capabilities = {}, {}
    if loop is None:
        return

    async def close() -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for task in calls:
            task.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        for client in clients:
            await client.close()

    future = asyncio.run_coroutine_threadsafe(close(), loop.loop)
    wait([future], timeout=_CLOSE_TIMEOUT_S)
    loop.stop()


def _name_of(options: EndpointOptions) -> str:
    """Which client serves: what decides an answer, where it comes from and where it is kept."""
    decisive = {"need", "base_url", "model", "extra_body", "batch", "cache_uri"}
    return json.dumps(options.model_dump(mode="json", include=decisive), sort_keys=True)


def _new_client(options: EndpointOptions, fresh: bool) -> LLMClient:
    if _shared.budget is None:
        _shared.budget = Budget(options.max_cost)
    capabilities = _shared.capabilities.get(_name_of(options), Capabilities())
    return LLMClient(
        options,
        Wire(options, api_key_for(options), capabilities),
        AnswerStore(options.cache_uri),
        Limiter(options.concurrency),
        _shared.budget,
        fresh=fresh,
    )

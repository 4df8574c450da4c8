"""Two equal pieces of work at the same time are done once, for both who want them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class _Flight(Generic[Result]):
    def __init__(self, task: asyncio.Task[Result]) -> None:
        self.task = task
        self.waiting = 0


class SingleFlight(Generic[Result]):
    """Work by key, of one event loop. It is given up when nobody waits for it any more."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[Result]] = {}

    async def do(self, key: str, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """What `work` returns or raises, or what the same work under way does."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.create_task(work()))
            flight.task.add_done_callback(lambda _: self._forget(key, flight))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                # Forgotten first: whoever asks from now on must not join what is cancelled.
                self._forget(key, flight)
                flight.task.cancel()

    def _forget(self, key: str, flight: _Flight[Result]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

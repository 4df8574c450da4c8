"""How many calls are under way at once: as many as allowed, fewer while the endpoint objects.

Additive increase, multiplicative decrease: a 429 halves the number, answers bring it back one by
one. A burst of 429s is one objection: calls that were sent before the last halving do not halve
again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from tasks.endpoint.clock import Clock

LONGEST_PAUSE_S = 60.0
# A pause is looked at this often, so that one that is lifted ends.
_PAUSE_STEP_S = 1.0


@dataclass(frozen=True)
class Slot:
    """Leave to make one call. `epoch`: the halvings before it."""

    epoch: int


class Limiter:
    """A semaphore of one event loop, first come first served, whose size moves."""

    def __init__(self, most: int, clock: Clock | None = None) -> None:
        self.most = most
        self.allowed = most
        self.running = 0
        self._clock = clock or Clock()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._epoch = 0
        self._answers = 0
        self._paused_until = 0.0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[Slot]:
        """Waits for its turn, and for the end of a pause."""
        await self._enter()
        try:
            while (left := self._paused_until - self._clock.now()) > 0:
                await self._clock.sleep(min(left, _PAUSE_STEP_S))
            yield Slot(epoch=self._epoch)
        finally:
            self._leave()

    def answered(self) -> None:
        """A call went well: after as many as are allowed, one more is."""
        self._answers += 1
        if self._answers >= self.allowed and self.allowed < self.most:
            self.allowed += 1
            self._answers = 0
            self._wake()

    def objected(self, slot: Slot, retry_after_s: float | None) -> None:
        """A call was refused for the number of calls."""
        if slot.epoch == self._epoch:
            self.allowed = max(1, self.allowed // 2)
            self._epoch += 1
            self._answers = 0
        if retry_after_s:
            until = self._clock.now() + min(retry_after_s, LONGEST_PAUSE_S)
            self._paused_until = max(self._paused_until, until)

    def resume(self) -> None:
        """Lifts a pause, so that nobody waits for calls that will not be made."""
        self._paused_until = 0.0

    async def _enter(self) -> None:
        if self.running < self.allowed and not self._waiting:
            self.running += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # the turn came, and nobody was there to take it
            else:
                with suppress(ValueError):
                    self._waiting.remove(turn)
            raise

    def _leave(self) -> None:
        self.running -= 1
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self.running < self.allowed:
            turn = self._waiting.popleft()
            if not turn.done():
                self.running += 1
                turn.set_result(None)

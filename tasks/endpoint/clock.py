"""Time, as the client sees it: a test puts one in its place that does not wait."""

from __future__ import annotations

import asyncio
import time


class Clock:
    def now(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

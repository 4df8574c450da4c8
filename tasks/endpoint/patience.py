"""How often and after how long a call is made again."""

from __future__ import annotations

from random import Random

from tasks.endpoint.failures import TransientFailure
from tasks.endpoint.limiter import LONGEST_PAUSE_S

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
# A model that answers three times with something else than JSON has had its chances.
MALFORMED_ATTEMPTS = 3
# Limits are counted by the minute or longer: this long nobody must have been answered.
LIMITED_PATIENCE_S = 300.0


class Patience:
    """The failed attempts of one call."""

    def __init__(self, attempts: int, answers: int, now: float, random: Random) -> None:
        """`answers`: how many calls the endpoint has answered so far, whoever made them."""
        self._attempts = attempts
        self._random = random
        self._answers_seen = answers
        self._quiet_since = now
        self.failures = 0
        self.counted = 0
        self.malformed = 0

    def count(self, failure: TransientFailure, answers: int, now: float) -> None:
        self.failures += 1
        progress = answers != self._answers_seen
        self._answers_seen = answers
        if progress:
            self._quiet_since = now
        if failure.kind == "malformed_json":
            self.malformed += 1
        # Being told to wait while others are served is no failure: its turn will come.
        if not (failure.limited and progress):
            self.counted += 1

    def is_malformed(self) -> bool:
        return self.malformed >= MALFORMED_ATTEMPTS

    def is_over(self, failure: TransientFailure, now: float) -> bool:
        if self.counted < self._attempts:
            return False
        return not failure.limited or now - self._quiet_since >= LIMITED_PATIENCE_S

    def delay_s(self, failure: TransientFailure) -> float:
        """Full jitter, so that calls that failed together do not come back together.

        Where the endpoint is overloaded, at least half of it, and what it asks for.
        """
        ceiling = min(FIRST_DELAY_S * 2 ** min(self.failures - 1, 16), LONGEST_DELAY_S)
        delay = self._random.uniform(ceiling / 2 if failure.limited else 0.0, ceiling)
        return max(delay, min(failure.retry_after_s or 0.0, LONGEST_PAUSE_S))

"""What is done beside a training, now and then, and must neither stop it nor hold it up."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

Say = Callable[[str], None]

_END_WAIT_S = 5.0


@dataclass(frozen=True)
class Chore:
    """Something to do every `every_s` seconds; `what` begins the sentence about its failure."""

    what: str
    every_s: float
    do: Callable[[], None]


class Chores:
    """Each chore in a thread of its own, from entering the block to leaving it.

    A chore that fails is tried again at its next turn; what went wrong is said once, and once more
    when it goes well again. A chore that hangs is left behind at the end.
    """

    def __init__(self, chores: Sequence[Chore], say: Say) -> None:
        self._say = say
        self._over = threading.Event()
        # Prefect's calls find their flow run in the context.
        self._threads = [
            threading.Thread(
                target=contextvars.copy_context().run,
                args=(self._repeat, chore),
                name=chore.what,
                daemon=True,
            )
            for chore in chores
        ]

    def __enter__(self) -> Chores:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(_END_WAIT_S)

    def _repeat(self, chore: Chore) -> None:
        failing = False
        while not self._over.wait(chore.every_s):
            try:
                chore.do()
            except Exception as error:
                if not failing:
                    self._say(f"{chore.what} failed ({describe(error)}): training goes on.")
                failing = True
            else:
                if failing:
                    self._say(f"{chore.what} works again.")
                failing = False


def attempt(what: str, do: Callable[[], None], say: Say) -> bool:
    """Does something that is worth no failure; says where it failed."""
    try:
        do()
    except Exception as error:
        say(f"{what} failed ({describe(error)}).")
        return False
    return True


def describe(error: Exception) -> str:
    """An error in one line."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__

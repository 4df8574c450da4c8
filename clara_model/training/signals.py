"""SIGTERM and Ctrl-C during training: noted, and answered where nothing is half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class AskedToStop(BaseException):
    """Raised inside `Interruption.at_once`; never leaves the training loop."""


class Interruption:
    """A context in which SIGTERM and SIGINT only set `asked`; a second Ctrl-C ends at once.

    Does nothing outside of the main thread, where Python takes no signals.
    """

    def __init__(self) -> None:
        self.asked = False
        self._raises = False
        self._before: dict[int, Any] = {}

    @contextmanager
    def at_once(self, allowed: bool) -> Iterator[None]:
        """Inside, where `allowed`, a signal raises AskedToStop: nothing here is worth finishing.

        A pass of a large model takes longer than the seconds that come between SIGTERM and SIGKILL.
        """
        if allowed and self.asked:
            raise AskedToStop
        self._raises = allowed
        try:
            yield
        finally:
            self._raises = False

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
        if self._raises:
            self._raises = False
            raise AskedToStop

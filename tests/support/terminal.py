"""A command behind a real pseudo-terminal: what a person types, and what they see."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from types import TracebackType
from typing import Self

from tests.support.corpora import ROOT

_DEADLINE_S = 30.0
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


class Terminal:
    """Runs Python code with a terminal of its own as its controlling one."""

    def __init__(self, code: str, *, columns: int = 80, rows: int = 40, **environment: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        # What belongs to the tests' own terminal must not reach this one.
        inherited = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**inherited, "TERM": "xterm-256color", **environment},
        )
        os.close(slave)
        self.raw = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    @property
    def seen(self) -> str:
        """Everything so far, without colours."""
        return _CONTROL.sub("", self.raw).replace("\r\n", "\n")

    def wait_for(self, text: str, times: int = 1) -> str:
        """What is seen, once `text` is in it so many times. Fails after half a minute."""
        deadline = time.monotonic() + _DEADLINE_S
        while self.seen.count(text) < times:
            if not self._read(deadline):
                raise AssertionError(f"{text!r} did not appear in:\n{self.seen}")
        return self.seen

    def wait_until_it_reads(self) -> None:
        """Waits until the process sleeps, and goes on sleeping: it waits for a key.

        A prompt is seen a moment before that, while readline still fills the line in, and Python
        drops a Ctrl-C of that moment.
        """
        import psutil

        process, still = psutil.Process(self.process.pid), 0
        deadline = time.monotonic() + _DEADLINE_S
        while still < 10 and time.monotonic() < deadline:
            still = still + 1 if process.status() == psutil.STATUS_SLEEPING else 0
            time.sleep(0.02)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        """Everything up to the end, and the exit code."""
        deadline = time.monotonic() + _DEADLINE_S
        while self._read(deadline):
            pass
        return self.process.wait(timeout=_DEADLINE_S)

    def _read(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._master], [], [], left)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says so where the other side is closed
            return False
        self.raw += self._decoder.decode(data)
        return bool(data)

"""A trainer's lines: written by it into a file, followed from here, without what is secret.

A file and no pipe: a pipe that nobody empties stops the trainer, and one whose reader died breaks
its next line. The file also keeps what was said while the server was away.
"""

from __future__ import annotations

import re
import signal
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

Say = Callable[[str], None]

LOG_FILE = "trainer.log"
NEEDED_SECRETS = frozenset({"WANDB_API_KEY"})
"""The only secrets that a trainer is given: it reads local files, and its flow does the rest."""

_SECRET_WORDS = frozenset(
    {"KEY", "APIKEY", "SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL", "CREDENTIALS", "AUTH"}
)
_SHORTEST_SECRET = 6
_USER_IN_URL = re.compile(r"(?<=://)[^/\s@]+:[^/\s@]+(?=@)")
_LINES_KEPT = 400
_HIDDEN = "***"
_ERROR_MARK = "Error: "
_CHILD_SIGNAL = re.compile(r"exitcode\s*:\s*(?:-(\d+)|130)|Signal (\d+) \(SIG\w+\) received")


def is_secret(variable: str) -> bool:
    """Whether an environment variable of this name holds a key."""
    return not _SECRET_WORDS.isdisjoint(variable.upper().split("_"))


class Redaction:
    """Takes the values of secret variables, and users and passwords in URLs, out of a line."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        values = {
            value
            for name, value in environment.items()
            if is_secret(name) and len(value) >= _SHORTEST_SECRET
        }
        self._values = sorted(values, key=len, reverse=True)

    def __call__(self, line: str) -> str:
        for value in self._values:
            line = line.replace(value, _HIDDEN)
        return _USER_IN_URL.sub(_HIDDEN, line)


class TrainerLog:
    """Follows the file that a trainer writes; each whole line goes to `say` once, in order."""

    def __init__(self, path: Path, say: Say, redaction: Redaction) -> None:
        self.path = path
        self._say = say
        self._redaction = redaction
        # What earlier attempts wrote was said by them.
        self._position = path.stat().st_size if path.exists() else 0
        self._rest = b""
        self.lines: deque[str] = deque(maxlen=_LINES_KEPT)
        """The newest lines."""

    def follow(self) -> None:
        """Says what is new."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._position)
            data = file.read()
        self._position += len(data)
        *whole, self._rest = (self._rest + data).split(b"\n")
        for line in whole:
            self._tell(line)

    def finish(self) -> None:
        """Says the rest, and half a line at its end too."""
        self.follow()
        if self._rest:
            self._tell(self._rest)
            self._rest = b""

    def _tell(self, raw: bytes) -> None:
        line = self._redaction(raw.decode("utf-8", errors="replace").rstrip())
        # A line that draws over itself is what it was last.
        line = line.rsplit("\r", 1)[-1]
        if line:
            self.lines.append(line)
            self._say(line)

    def error_sentence(self) -> str | None:
        """What the trainer said of its own failure; None where it named none."""
        lines = list(self.lines)
        for number in reversed(range(len(lines))):
            if lines[number].startswith(_ERROR_MARK):
                return lines[number].removeprefix(_ERROR_MARK)
        return None

    def child_signal(self) -> int | None:
        """The signal that ended a process of several, as their launcher told it."""
        for line in reversed(self.lines):
            if found := _CHILD_SIGNAL.search(line):
                # 130 is how a trainer ends that was interrupted.
                return int(found[1] or found[2] or signal.SIGTERM)
        return None

"""Where a review's commands come from: single keys of a terminal, or lines of a pipe."""

from __future__ import annotations

import os
import sys
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from tasks.errors import UsageError
from tasks.reporting.display import readable

_ESCAPE = b"\x1b"
_END_OF_INPUT = "\x04"
# How long the rest of an arrow key's sequence may take to arrive.
_SEQUENCE_S = 0.02


class Commands(ABC):
    """The next command, and the text of an edit. Both raise EOFError at the end of input."""

    interactive: bool

    @abstractmethod
    def next(self) -> str:
        """A letter, or what was given in its place; never empty."""

    @abstractmethod
    def line(self, label: str, text: str) -> str:
        """The text as the person wants it; they may keep what is there."""

    def listening(self) -> AbstractContextManager[None]:
        """As long as commands are taken."""
        return nullcontext()

    def as_usual(self) -> AbstractContextManager[None]:
        """While another program, an editor say, has the terminal."""
        return nullcontext()

    def edited(self, label: str, text: str) -> str:
        """A text of several lines is edited as one, its newlines written as `\\n`."""
        if "\n" not in text:
            return self.line(label, text)
        escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
        return _unescaped(self.line(f"{label} (\\n is a new line)", escaped))


class TerminalKeys(Commands):
    """Single keys, without Enter. A full-width letter of a Chinese input method counts too."""

    interactive = True

    def __init__(self) -> None:
        self._descriptor = sys.stdin.fileno()
        self._usual: list[Any] | None = None

    def next(self) -> str:
        while True:
            key = unicodedata.normalize("NFKC", self._key())
            if key == _END_OF_INPUT or not key:
                raise EOFError
            if key.isprintable() and not key.isspace():
                return key

    def line(self, label: str, text: str) -> str:
        with self.as_usual():
            try:
                import readline
            except ImportError:
                print(f"{label}: {readable(text)}")
                return input(f"{label}, Enter keeps it: ") or text
            readline.set_auto_history(False)
            readline.set_startup_hook(lambda: readline.insert_text(text))
            try:
                return input(f"{label}: ")
            finally:
                readline.set_startup_hook(None)

    @contextmanager
    def listening(self) -> Iterator[None]:
        try:
            import termios
        except ImportError:
            yield
            return
        self._usual = termios.tcgetattr(self._descriptor)
        try:
            self._hide_keys()
            yield
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._usual)

    @contextmanager
    def as_usual(self) -> Iterator[None]:
        if self._usual is None:
            yield
            return
        import termios

        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._usual)
        try:
            yield
        finally:
            self._hide_keys()

    def _hide_keys(self) -> None:
        """No Enter, and no echo: what is typed ahead must not stand in the middle of a chunk."""
        import termios
        import tty

        # Not TCSAFLUSH: it would throw away what was typed ahead.
        tty.setcbreak(self._descriptor, termios.TCSADRAIN)

    def _key(self) -> str:
        if self._usual is None:
            return input("> ").strip()[:1] or " "
        # Again for each key: a shell that continued a suspended job has set its own mode.
        self._hide_keys()
        first = os.read(self._descriptor, 1)
        if first == _ESCAPE:
            _discard_sequence(self._descriptor)
            return " "
        return (first + _rest_of_character(self._descriptor, first)).decode("utf-8", "replace")


class PipedLines(Commands):
    """A command a line; an edit takes the two lines after it, an empty one keeps what is there."""

    interactive = False

    def next(self) -> str:
        while True:
            if command := self._line().strip():
                return unicodedata.normalize("NFKC", command)

    def line(self, label: str, text: str) -> str:
        return self._line().strip() or text

    def _line(self) -> str:
        data = sys.stdin.buffer.readline()
        if not data:
            raise EOFError
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UsageError(
                f"a line of the commands is no UTF-8 text ({data!r}): decisions before it are kept"
            ) from error


def commands() -> Commands:
    """Keys where a person sits at a terminal, else lines."""
    return TerminalKeys() if sys.stdin.isatty() and sys.stdout.isatty() else PipedLines()


def _rest_of_character(descriptor: int, first: bytes) -> bytes:
    """The bytes that follow the first byte of a UTF-8 character."""
    if not first:
        return b""
    lead = first[0]
    return b"".join(
        os.read(descriptor, 1) for _ in range((lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0))
    )


def _discard_sequence(descriptor: int) -> None:
    """The rest of what an arrow or a function key sends; an Escape alone has none."""
    import select

    def following() -> bytes:
        ready = select.select([descriptor], [], [], _SEQUENCE_S)[0]
        return os.read(descriptor, 1) if ready else b""

    if following() in (b"[", b"O"):
        while (byte := following()) and not b"@" <= byte <= b"~":
            pass


def _unescaped(line: str) -> str:
    """Turns `\\n` and `\\\\` back; any other backslash is one."""
    pieces = line.split("\\\\")
    return "\\".join(piece.replace("\\n", "\n") for piece in pieces)

"""A reviewer's commands carried out: one pair after another, until the queue or the input ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from flows.review_editor import EditorFailed, edit_in_editor
from flows.review_input import Commands
from tasks.errors import StorageError
from tasks.reviewing.screen import PairScreen
from tasks.reviewing.session import Session, ShownPair, edit_of, newly_broken


class Sitting:
    """Commands, one after another, until the queue or the input ends."""

    def __init__(self, session: Session, screen: PairScreen, given: Commands) -> None:
        self._session = session
        self._screen = screen
        self._commands = given
        self._pictures_opened = 0

    def run(self) -> None:
        """Raises KeyboardInterrupt; everything decided before is kept."""
        with self._commands.listening():
            self._walk()

    def _walk(self) -> None:
        while (shown := self._session.current()) is not None:
            self._screen.show(shown)
            if self._commands.interactive:
                self._screen.keys()
            self._pictures_opened = 0
            try:
                while not self._moves_on(self._commands.next(), shown):
                    pass
            except EOFError:
                return
        self._screen.say("That was the last pair.")

    def _moves_on(self, command: str, shown: ShownPair) -> bool:
        """Does what was asked; whether another pair is to be shown. Raises EOFError for quit."""
        try:
            return self._do(command if command == "E" else command.lower(), shown)
        except (EditorFailed, StorageError) as error:
            # What was decided before is kept; this pair can be decided again.
            self._screen.say(str(error), style="red")
            if not self._commands.interactive and isinstance(error, StorageError):
                raise
            return False

    def _do(self, command: str, shown: ShownPair) -> bool:
        session, screen = self._session, self._screen
        match command:
            case "a":
                session.accept(shown)
                screen.say("accepted", style="green")
                return True
            case "d":
                session.drop(shown)
                screen.say("dropped", style="red")
                return True
            case "s":
                session.skip()
                return True
            case "e" | "E":
                return self._edit(shown, in_editor=command == "E")
            case "u":
                undone = session.undo()
                screen.say(
                    "Nothing was decided in this sitting."
                    if undone is None
                    else f"taken back: {undone.choice}"
                )
                return undone is not None
            case "q":
                raise EOFError
            case "m":
                screen.more()
            case "o":
                self._open_picture(shown)
            case "?" | "h":
                screen.help()
            case _:
                screen.say(f"{command[:20]!r} is no command: ? lists them")
        return False

    def _edit(self, shown: ShownPair, *, in_editor: bool) -> bool:
        pair, screen = shown.pair, self._screen
        try:
            if in_editor:
                with self._commands.as_usual():
                    question, answer = edit_in_editor(pair.question, pair.answer)
            else:
                question = self._commands.edited("Question", pair.question).strip()
                answer = self._commands.edited("Answer", pair.answer).strip()
        except KeyboardInterrupt:
            screen.say("The edit was given up; nothing is changed.")
            return False
        except EOFError:
            screen.say("The edit was not finished and is not kept.")
            if self._commands.interactive:
                return False
            raise
        if (question, answer) == (pair.question.strip(), pair.answer.strip()):
            screen.say("Nothing was changed: a accepts the pair as it is.")
            return False
        if complaint := _unusable(question, answer):
            screen.say(complaint, style="red")
            return False
        broken = newly_broken(shown, edit_of(shown, question, answer))
        screen.warn(broken)
        if broken and self._commands.interactive:
            screen.say("Keep it all the same? y keeps it, any other key does not.")
            if self._commands.next().lower() != "y":
                screen.say("The edit is not kept.")
                return False
        self._session.edit(shown, question, answer)
        screen.say("edited", style="green")
        return True

    def _open_picture(self, shown: ShownPair) -> None:
        paths = self._screen.picture_paths(shown.row)
        if not paths:
            self._screen.say("This chunk has no picture.")
            return
        self._screen.show_paths(shown.row)
        opener = _opener() if self._commands.interactive else None
        path = paths[self._pictures_opened % len(paths)]
        if opener is None or not os.path.isfile(path):  # noqa: PTH113 (a URI is no file)
            return
        self._pictures_opened += 1
        try:
            subprocess.Popen(
                [opener, path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            self._screen.say(f"{opener} does not start: {error}", style="yellow")


def _unusable(question: str, answer: str) -> str | None:
    """Why the texts cannot be written to the file at all."""
    for name, text in (("question", question), ("answer", answer)):
        if not text:
            return f"The {name} would be blank: d drops the pair."
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return f"The {name} holds characters that the terminal did not send as UTF-8."
    return None


def _opener() -> str | None:
    """The program that opens a picture in a window, where there are windows."""
    if sys.platform == "darwin":
        return shutil.which("open")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return shutil.which("xdg-open")
    return None

"""A pair in the person's own editor: a text file with the question, a line, and the answer."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from tasks.errors import UsageError

_BETWEEN = "=== above: the question. below: the answer. leave this line as it is ==="


class EditorFailed(UsageError):
    """No editor is named, it did not start, or what it left is no pair."""


def edit_in_editor(question: str, answer: str) -> tuple[str, str]:
    """Question and answer as the editor leaves them. Raises EditorFailed."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not command:
        raise EditorFailed("no editor is named: set EDITOR, or edit with e")
    with tempfile.TemporaryDirectory(prefix="clara-review-") as folder:
        file = Path(folder) / "pair.txt"
        file.write_text(f"{question}\n{_BETWEEN}\n{answer}\n", encoding="utf-8")
        try:
            done = subprocess.run([*shlex.split(command), str(file)], check=False)
        except (OSError, ValueError) as error:
            raise EditorFailed(f"the editor {command!r} does not start: {error}") from error
        if done.returncode:
            raise EditorFailed(f"the editor {command!r} ended with {done.returncode}: not changed")
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise EditorFailed(f"what the editor saved cannot be read: {error}") from error
    question, line, answer = text.partition(_BETWEEN)
    if not line:
        raise EditorFailed("the line between question and answer is gone: not changed")
    return question.strip(), answer.strip()

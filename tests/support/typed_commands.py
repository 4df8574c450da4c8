"""The commands that a page tells people to type, held to the `clara` command itself."""

from __future__ import annotations

import re
import shlex

import typer

from flows.cli import app
from tests.support.pages import code_blocks


def commands(text: str) -> list[str]:
    """Lines of blocks to type, and what stands between backticks, where it is a command of ours."""
    lines = [line for block in code_blocks(text, "bash") for line in block.splitlines()]
    quoted = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return [line for line in (*lines, *quoted) if line.startswith(("clara ", "uv run clara "))]


def parse(line: str) -> None:
    """What `clara` does with a line before it runs anything. Raises AssertionError."""
    words = shlex.split(line.removeprefix("uv run "))[1:]
    command = typer.main.get_command(app)
    while inner := getattr(command, "commands", None):
        assert words[0] in inner, line
        command = inner[words.pop(0)]
    try:
        command.make_context("clara", words)
    except Exception as error:  # of a module of typer's that has no public name
        raise AssertionError(f"{line}: {error}") from error

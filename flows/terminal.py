"""Whether a person watches this process: the command says so, a Prefect worker does not."""

from __future__ import annotations

from rich.console import Console

_watching: dict[str, Console] = {}


def show_on_terminal() -> Console:
    """Called by the command: steps and sentences go to stderr, which leaves stdout to --json."""
    console = _watching["console"] = Console(stderr=True)
    return console


def current_console() -> Console | None:
    """Where to draw; None under a worker, whose only reader is the run's log."""
    return _watching.get("console")

"""Where a flow's sentences go: to the run's log, and to the terminal where a person watches."""

from __future__ import annotations

from collections.abc import Callable

from prefect import get_run_logger

from flows.terminal import current_console


def run_teller() -> Callable[[str], None]:
    """Says a sentence for the flow run that this is called in, from any of its threads."""
    logger, console = get_run_logger(), current_console()

    def say(sentence: str) -> None:
        if console is not None:
            console.print(sentence, markup=False, highlight=False, soft_wrap=True)
        logger.info("%s", sentence)

    return say

"""What `clara ingest` does around the flow: check first, connect, run, sum up."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

from flows.terminal import show_on_terminal
from tasks.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_NOTHING_PRODUCED,
    ClaraError,
    UsageError,
)
from tasks.options import checked_options
from tasks.settings import settings


def run_ingest(
    source: str | None,
    output: str | None,
    cache: str | None,
    json_summary: bool,
    values: dict[str, Any],
) -> int:
    """Runs the flow and returns the exit code. Raises ClaraError."""
    options = checked_options(values)
    source = source or settings().raw_data_dir
    if not source:
        raise UsageError("name the folder of documents: clara ingest SOURCE --output OUT")
    if not output:
        raise UsageError("name the folder of the data set: --output OUT")
    # Before the server is started: a wrong path is answered at once.
    from flows.ingest_setup import check_places

    check_places(source, output, cache, options.offline)
    console = show_on_terminal()
    from flows.local_server import connect

    with console.status("connecting to the Prefect server"):
        connect()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        summary = _run_flow(source, output, cache, options.model_dump())
    except KeyboardInterrupt:
        print("clara: interrupted; the same command continues where it stopped", file=sys.stderr)
        return EXIT_INTERRUPTED
    facts = summary.pop("facts", None)
    if facts is not None:
        from tasks.reporting.console import summary_table
        from tasks.reporting.statistics import RunFacts

        shown = RunFacts.model_validate(facts)
        console.print(summary_table(shown, report=summary["report"]))
    else:
        console.print(f"report: {summary['report']}", highlight=False, soft_wrap=True)
    if json_summary:
        print(json.dumps(summary, ensure_ascii=False, indent=2))
    if summary["outcome"] == "nothing_produced":
        print("clara: nothing was produced; rejects.jsonl in the output says why", file=sys.stderr)
        return EXIT_NOTHING_PRODUCED
    return EXIT_DONE


def _run_flow(
    source: str, output: str, cache: str | None, options: dict[str, Any]
) -> dict[str, Any]:
    from flows.ingest import ingest

    try:
        summary: dict[str, Any] = ingest(source=source, output=output, cache=cache, **options)
    except (ClaraError, KeyboardInterrupt):
        raise
    except BaseException as error:
        # Prefect wraps an interruption in errors of its own.
        if type(error).__name__ in ("TerminationSignal", "Abort", "CancelledError"):
            raise KeyboardInterrupt from error
        if isinstance(error, Exception):
            raise ClaraError(
                f"the run failed: {type(error).__name__}: {error}. Its page in the Prefect UI "
                "has the details"
            ) from error
        raise
    return summary


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt

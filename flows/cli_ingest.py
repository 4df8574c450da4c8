"""What `clara ingest` does around the flow: check first, connect, run, sum up."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any

from flows.terminal import show_on_terminal
from tasks.errors import (
    EXIT_DONE,
    EXIT_NOTHING_PRODUCED,
    ClaraError,
    Interrupted,
    UsageError,
)
from tasks.options import IngestOptions, checked_options
from tasks.settings import settings

if TYPE_CHECKING:
    from rich.console import Console

_INTERRUPTIONS = frozenset(
    {"KeyboardInterrupt", "TerminationSignal", "Abort", "CancelledError", "CancelledRun"}
)


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
    console = connected(source, output, cache, options)
    summary = _run_flow(source, output, cache, options.model_dump())
    if summary["outcome"] == "waiting":
        if json_summary:
            print(json.dumps(summary, ensure_ascii=False, indent=2))
        print(f"clara: nothing was produced yet. {summary['waiting']}", file=sys.stderr)
        return EXIT_NOTHING_PRODUCED
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


def connected(source: str, output: str, cache: str | None, options: IngestOptions) -> Console:
    """Checks what can be checked at once, then starts or finds the Prefect server.

    Raises ClaraError: a wrong path or a missing key is answered before the server is started.
    """
    from flows.ingest_setup import check_places
    from tasks.endpoint.configured import choose_description, choose_synthesis
    from tasks.prompting import load_prompts

    places = check_places(source, output, cache, options.offline)
    for choose in (choose_description, choose_synthesis):
        choose(options, cache_uri=places.cache_uri, offline=options.offline)
    load_prompts(options.prompts)
    console = show_on_terminal()
    from flows.local_server import connect

    with console.status("connecting to the Prefect server"):
        connect()
    signal.signal(signal.SIGTERM, _interrupt)
    return console


def _run_flow(
    source: str, output: str, cache: str | None, options: dict[str, Any]
) -> dict[str, Any]:
    from flows.ingest import ingest

    return run_quietly(ingest, source=source, output=output, cache=cache, **options)


def run_quietly(flow: Any, **parameters: Any) -> dict[str, Any]:
    """Runs a flow. Raises ClaraError, ModelError, Interrupted for what Prefect makes of one."""
    from clara_model.errors import ModelError

    try:
        result: dict[str, Any] = flow(**parameters)
    except (ClaraError, ModelError):
        raise
    except BaseException as error:
        name = type(error).__name__
        if name in _INTERRUPTIONS:
            raise Interrupted("interrupted; the same command continues where it stopped") from error
        if isinstance(error, Exception):
            raise ClaraError(
                f"the run failed: {name}: {error}. Its page in the Prefect UI has the details"
            ) from error
        raise
    return result


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt

"""What `clara plan` and `clara preview` do around their flows: check, connect, run, show."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from flows.cli_ingest import connected, run_quietly
from tasks.errors import EXIT_DONE, EXIT_NOTHING_PRODUCED, UsageError
from tasks.options import checked_options
from tasks.settings import settings


def run_plan(
    source: str | None,
    output: str | None,
    cache: str | None,
    json_summary: bool,
    values: dict[str, Any],
) -> int:
    """Counts the calls of an ingest run and prints them. Raises ClaraError."""
    source, output = _places(source, output)
    connected(source, output, cache, checked_options(values))
    from flows.plan import plan
    from flows.planner import Plan

    result = run_quietly(plan, source=source, output=output, cache=cache, options=values)
    found = Plan.model_validate(result)
    if json_summary:
        print(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        _show(found)
    return EXIT_DONE


def run_preview(
    source: str | None,
    output: str | None,
    cache: str | None,
    chunks: int,
    values: dict[str, Any],
) -> int:
    """Runs a few chunks through and prints what happens to them. Raises ClaraError."""
    source, output = _places(source, output)
    console = connected(source, output, cache, checked_options(values))
    from flows.preview import preview
    from tasks.reporting.preview import Preview, show_preview

    result = run_quietly(
        preview, source=source, output=output, cache=cache, chunks=chunks, options=values
    )
    found = Preview.model_validate(result)
    show_preview(found, Console(soft_wrap=True, highlight=False, markup=False))
    if found.spending:
        console.print(found.spending, highlight=False)
    return EXIT_DONE if found.chunks else EXIT_NOTHING_PRODUCED


def _places(source: str | None, output: str | None) -> tuple[str, str]:
    """Without OUT, what is extracted is kept in CLARA_HOME, by SOURCE."""
    source = source or settings().raw_data_dir
    if not source:
        raise UsageError("name the folder of documents: clara plan SOURCE")
    if output is None:
        name = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        output = str(settings().home / "plans" / name)
    return source, output


def _show(plan: Any) -> None:
    """The plan as two tables. On stdout: it is what the command was asked for."""
    out = Console(highlight=False, markup=False, soft_wrap=True)
    for sentence in plan.engines:
        out.print(sentence)
    out.print()
    for name, value in (
        ("Documents", f"{plan.documents:,}"),
        ("Pages", f"{plan.pages:,}"),
        ("Pictures", f"{plan.pictures:,} ({plan.pictures_described:,} need no call)"),
        ("Chunks", f"{plan.chunks:,} ({plan.chunks_synthesized:,} need no call)"),
        ("Rejects", f"{plan.rejects:,}"),
    ):
        out.print(f"{name:<10} {value}")
    out.print()
    if not any(step.calls for step in plan.steps):
        out.print("An ingest run would make no call.")
        return
    out.print(_table(plan))
    out.print(
        f"Time of the calls: about {_duration(plan.seconds)}, at most about "
        f"{_duration(plan.seconds_at_most)}."
    )
    out.print(
        "Tokens, money and time are estimates: four letters a token, 0.8 tokens a Han character, "
        "50 tokens a second. `--max-cost` bounds the money for certain."
    )
    if any(step.cost is None for step in plan.steps):
        out.print("For money, give the prices of a million tokens: --price-input, --price-output.")


def _table(plan: Any) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("Step", "Model"):
        table.add_column(name)
    for name in ("Calls", "Tokens in", "Tokens out", f"Cost {plan.currency or ''}".rstrip()):
        table.add_column(name, justify="right")

    def row(name: str, model: str, steps: list[Any]) -> None:
        costs = [step.cost for step in steps]
        cost = "?" if any(c is None for c in costs) else f"{sum(costs):,.4f}"
        table.add_row(
            *map(
                Text,
                (
                    name,
                    model,
                    f"{sum(s.calls for s in steps):,}",
                    f"{sum(s.prompt_tokens for s in steps):,}",
                    f"{sum(s.completion_tokens for s in steps):,}",
                    cost,
                ),
            )
        )

    for step in plan.steps:
        if step.calls:
            row(f"{step.step}, at most" if step.at_most else step.step, step.model, [step])
    row("expected", "", list(plan.expected))
    row("at most", "", list(plan.steps))
    return table


def _duration(seconds: float) -> str:
    from tasks.reporting.labels import duration

    return duration(seconds)

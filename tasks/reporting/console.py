"""The summary that ends a run in the terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from tasks.reporting.calls import call_lines
from tasks.reporting.display import one_line
from tasks.reporting.labels import duration, number, plural
from tasks.reporting.marks import flagged_sentence
from tasks.reporting.statistics import RunFacts

REASON_LIMIT = 12


def summary_table(facts: RunFacts, report: str | None = None) -> Table:
    """Two columns: what, and how much. `report` is the path or URI that the last row shows.

    Values of the run are `Text`: rich reads no markup in a file name.
    """
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")

    def row(name: str, value: str, style: str = "") -> None:
        table.add_row(Text(name), Text(one_line(value), style=style))

    row("Documents", _with_parts(facts.documents, facts.documents_by_language))
    row("Pages", number(facts.pages))
    row(
        "Pictures",
        _with_parts(
            facts.embedded_pictures + facts.standalone_images,
            {"in documents": facts.embedded_pictures, "standalone": facts.standalone_images},
        ),
    )
    row("Chunks", _with_parts(facts.chunks, facts.chunks_by_language))
    row(
        "Pairs",
        _with_parts(
            facts.pairs, {name: sum(by.values()) for name, by in facts.pairs_by_type.items()}
        ),
    )
    for index, file in enumerate(facts.run.files):
        row("Rows" if index == 0 else "", f"{number(file.rows):>9}  {file.name}")
    row("Rejects", number(facts.rejects), "red" if facts.rejects else "")
    for group in facts.reject_groups[:REASON_LIMIT]:
        row("", f"{number(group.count):>9}  {group.reason} ({group.step})")
    if len(facts.reject_groups) > REASON_LIMIT:
        row("", f"and {plural(len(facts.reject_groups) - REASON_LIMIT, 'more reason')}")
    if facts.flagged:
        row("Flagged", flagged_sentence(facts.flagged), "yellow")
    for name, value in call_lines(facts.run.usage, facts.run.cost):
        row(name, value)
    row("Time", _time(facts))
    row("Report", report or f"{facts.run.output.rstrip('/')}/report.html", "cyan")
    return table


def _with_parts(total: int, parts: dict[str, int]) -> str:
    named = [f"{name} {number(count)}" for name, count in parts.items() if count]
    return f"{number(total)} ({', '.join(named)})" if named else number(total)


def _time(facts: RunFacts) -> str:
    longest = sorted(facts.run.steps, key=lambda step: -step.seconds)[:3]
    steps = ", ".join(f"{step.name} {duration(step.seconds)}" for step in longest)
    total = duration(facts.run.seconds)
    return f"{total} ({steps})" if steps else total

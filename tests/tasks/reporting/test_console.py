from __future__ import annotations

import io

import pytest
from rich.console import Console

from tasks.records import Reject
from tasks.reporting.console import summary_table
from tasks.reporting.labels import money
from tasks.reporting.statistics import OutputFile, StepFacts
from tests.tasks.reporting.builders import (
    document_row,
    facts_of,
    flagged,
    ingest_run,
    pair,
    spending_run,
    training_row,
)


def _printed(*arguments: object) -> str:
    console = Console(file=io.StringIO(), width=100)
    console.print(summary_table(*arguments))  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_summary_says_what_came_out_and_where() -> None:
    facts = facts_of(
        documents=[document_row("a.pdf"), document_row("b.pdf", "zh")],
        training_rows=[training_row("a.pdf", "text", [pair("q", "a"), pair("q", "a")])],
        rejects=[Reject(file_path="c", step="extract", reason="truncated", detail="d")],
        run=ingest_run(
            files=(OutputFile(name="pretrain_data.jsonl", rows=1234),),
            steps=(StepFacts(name="extract", seconds=61),),
        ),
    )

    text = _printed(facts, "out/report.html")

    for line in (
        "Documents  2 (en 1, zh 1)",
        "Pairs      2 (fact 2)",
        "1,234  pretrain_data.jsonl",
        "1  truncated (extract)",
        "1 min 05 s (extract 1 min 01 s)",
        "Report     out/report.html",
    ):
        assert line in text


def test_names_are_neither_markup_nor_terminal_commands() -> None:
    facts = facts_of(run=ingest_run(output="[red]out[/red]\x1b[2J\n"))

    assert "[red]out[/red]\\x1b[2J\\n/report.html" in _printed(facts)


def test_calls_tokens_and_cost_have_a_row_each_where_there_were_calls() -> None:
    rows = [flagged(training_row("a.pdf", "text"))]
    text = " ".join(_printed(facts_of(training_rows=rows, run=spending_run())).split())

    for line in (
        "Calls 1,200 (41 reused, 1 failed attempt)",
        "Tokens 2,000,000 in, 500,000 out now; 3,005,000 in, 600,100 out for all",
        "Cost 9.00 USD now; 12.01 USD for all that the data set holds",
        "Flagged 1 chunk gives orders to a model",
    ):
        assert line in text
    plain = _printed(facts_of())
    assert not any(name in plain for name in ("Calls", "Tokens", "Cost", "Flagged"))
    assert "Cost unknown now; unknown for all" in " ".join(
        _printed(facts_of(run=spending_run(priced=False))).split()
    )


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        (1234.5, "USD", "1,234.50 USD"),
        (0.0031, "CNY", "0.0031 CNY"),
        (0.0, None, "0"),
        (0.00001, "USD", "under 0.0001 USD"),
        (None, "USD", "unknown"),
    ],
)
def test_money_is_written_so_that_small_sums_are_seen(
    value: float | None, currency: str | None, shown: str
) -> None:
    assert money(value, currency) == shown

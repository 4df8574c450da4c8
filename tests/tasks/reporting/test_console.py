from __future__ import annotations

import io

from rich.console import Console

from tasks.records import Reject
from tasks.reporting.console import summary_table
from tasks.reporting.statistics import OutputFile, StepFacts
from tests.tasks.reporting.builders import document_row, facts_of, ingest_run, pair, training_row


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

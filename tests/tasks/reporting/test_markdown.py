from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from tasks.records import Reject
from tasks.reporting.markdown import escape, render_markdown
from tasks.reporting.statistics import StepFacts
from tests.tasks.reporting.builders import (
    chinese_facts,
    facts_of,
    flagged,
    graded,
    ingest_run,
    pair,
    spending_run,
    training_row,
)

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@pytest.mark.parametrize(
    "text",
    [
        "a|b",
        "line\nbreak",
        "`code` ``x``",
        "<script>alert(1)</script> &amp;",
        "[x](javascript:alert(1)) ![y](z)",
        "__a__ _b_ *c* ~~d~~ a_b_c",
        "# heading",
        "- item",
        "12. item",
        "---",
        "> quote",
        "back\\slash \\| \\",
        "水泵|手册",
    ],
)
def test_untrusted_text_stays_text_in_a_cell(text: str) -> None:
    table = READER.render(f"| a | b |\n| --- | --- |\n| {escape(text)} | end |")
    paragraph = READER.parse(escape(text))

    shown = text.replace("\n", "\\n")
    plain = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"<td>{plain}</td>\n<td>end</td>" in table
    assert [token.type for token in paragraph] == ["paragraph_open", "inline", "paragraph_close"]


@pytest.mark.parametrize(
    "text", ["https://evil.example", "_http://e.example", "www.e.example", "a@b.c"]
)
def test_bare_addresses_do_not_become_links(text: str) -> None:
    escaped = escape(text)

    assert "&#" in escaped
    assert text.lower() not in escaped.lower()
    assert text in READER.render(escaped)


def test_tables_have_a_row_for_each_step_and_reason() -> None:
    html = READER.render(render_markdown(chinese_facts()))

    for text in ("提取文本", "空文件", "损坏/空文件.pdf", "语料很小"):
        assert text in html
    assert html.count("<table>") == 9


def test_an_enormous_run_stays_below_100_kb() -> None:
    rejects = [
        Reject(
            file_path="|" * 4000 + str(n), step="s", reason=f"reason-{n}" * 50, detail="<" * 9000
        )
        for n in range(3000)
    ]
    steps = tuple(StepFacts(name="step" * 100, seconds=1e9, done=n) for n in range(12))
    run = ingest_run(steps=steps, notices=("<" * 5000,) * 500, source="|" * 9000)

    text = render_markdown(facts_of(rejects=rejects, run=run))

    assert len(text.encode()) < 100_000
    assert "2,960 more lines in `rejects.jsonl`" in text
    assert "too long for this page" in text


def test_an_empty_run_has_an_artifact() -> None:
    assert "0 documents" in render_markdown(facts_of())


def test_calls_grades_and_flags_have_tables_where_there_are_any() -> None:
    row = flagged(training_row("a|b.pdf", "text", [graded(pair("q", "a"), 5, 3)], id="0123"))
    html = READER.render(render_markdown(facts_of(training_rows=[row], run=spending_run())))

    for text in ("qwen|turbo", '<td style="text-align:right">9.00 USD</td>', "a|b.pdf", "0123"):
        assert text in html
    for title in (
        "Calls and cost of this run",
        "What the answers in the data set took",
        "Grades of the judge",
        "Chunks that address the model",
    ):
        assert f"<h2>{title}</h2>" in html
        assert title not in render_markdown(chinese_facts())
    assert "1 chunk gives orders to a model" in html

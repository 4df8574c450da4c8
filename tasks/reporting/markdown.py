"""The report in short, as the GitHub markdown that Prefect's UI draws for an artifact."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tasks.reporting.calls import NOW_HEADERS, TOTAL_HEADERS, call_tables
from tasks.reporting.display import one_line
from tasks.reporting.labels import duration, moment, number, plural, setting, size
from tasks.reporting.marks import GRADES, flagged_sentence
from tasks.reporting.statistics import LANGUAGES, RunFacts

REJECT_ROW_LIMIT = 40
REASON_LIMIT = 40
LIST_LIMIT = 20
MAXIMUM_BYTES = 95_000
TEXT_LIMIT = 200

# What means something inside a line; an underscore inside a word does not.
_INLINE = re.compile(r"[\\`*{}\[\]|~$]|(?<![^\W_])_|_(?![^\W_])")
# What means something at the start of a line: headings, lists, quotes, rules.
_AT_START = re.compile(r"^([#+\-=]|\d+(?=[.)]))")
# GitHub's extensions make links of bare addresses: an entity in their middle prevents it.
_BARE_ADDRESS = re.compile(r"(?i)(?<![a-z0-9])((https?|ftp|mailto|xmpp)(?=:)|www(?=\.))")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"})


def render_markdown(facts: RunFacts) -> str:
    """A page of tables, below 100 KB whatever the corpus; all text of the run is escaped."""
    run = facts.run
    parts = [
        f"# Ingest report: {escape(run.source)}",
        f"{plural(facts.documents, 'document')} and {plural(facts.standalone_images, 'image')} "
        f"became {plural(facts.chunks, 'chunk')} with {plural(facts.pairs, 'pair')}; "
        f"{plural(facts.rejects, 'reject')}. Started {moment(run.started_at)}, "
        f"{duration(run.seconds)}, written to {escape(run.output)}.",
        _bullets([*_flagged(facts), *run.notices[:LIST_LIMIT]]),
        _table(
            ["Documents", "Pages", "Pictures", "Chunks", "Summaries", "Pairs", "Rejects"],
            [
                [
                    number(facts.documents),
                    number(facts.pages),
                    number(facts.embedded_pictures + facts.standalone_images),
                    number(facts.chunks),
                    number(facts.summaries),
                    number(facts.pairs),
                    number(facts.rejects),
                ]
            ],
            numbers_from=0,
        ),
        *_section(
            "Engines",
            ["Need", "Engine", "Why"],
            [[escape(e.need), escape(e.engine), escape(e.reason, 400)] for e in run.engines],
        ),
        *_section(
            "Steps",
            ["Step", "Time", "Done now", "Reused"],
            [
                [escape(s.name), duration(s.seconds), number(s.done), number(s.reused)]
                for s in run.steps
            ],
            numbers_from=1,
        ),
        *_calls(facts),
        *_section("Languages", ["", *LANGUAGES], _language_rows(facts), numbers_from=1),
        *_section(
            "Output files",
            ["File", "Rows", "Size"],
            [
                [
                    escape(f.name),
                    number(f.rows),
                    "" if f.size_bytes is None else size(f.size_bytes),
                ]
                for f in run.files
            ],
            numbers_from=1,
        ),
        *_section("Grades of the judge", ["", *map(str, GRADES)], _grade_rows(facts), 1),
        *_section(
            "Chunks that address the model",
            ["File", "Pages", "Chunk"],
            [
                [escape(c.file_path), escape(", ".join(map(str, c.pages))), escape(c.id)]
                for c in facts.flagged_chunks
            ],
        ),
        *_rejects(facts),
        *_section(
            "Options",
            ["Option", "Value"],
            [[escape(name), escape(setting(value))] for name, value in run.options.items()],
        ),
        *_section(
            "Versions",
            ["Package", "Version"],
            [[escape(name), escape(version)] for name, version in run.versions.items()],
        ),
    ]
    return _bounded(part for part in parts if part)


def _bounded(parts: Iterable[str]) -> str:
    """The parts that fit, a blank line between them, and a word about those that do not."""
    page, used, left_out = [], 0, 0
    for part in parts:
        size_bytes = len(part.encode("utf-8")) + 2
        if used + size_bytes > MAXIMUM_BYTES:
            left_out += 1
            continue
        page.append(part)
        used += size_bytes
    if left_out:
        page.append(f"{plural(left_out, 'part')} too long for this page: see `report.html`.")
    return "\n\n".join(page) + "\n"


def escape(text: str, limit: int = TEXT_LIMIT) -> str:
    """Text that no markdown reader takes for markup, a table border, a tag or a link."""
    escaped = one_line(text, limit).translate(_ENTITIES)
    escaped = _INLINE.sub(r"\\\g<0>", escaped)
    escaped = _AT_START.sub(_entity_of_first, escaped)
    return _BARE_ADDRESS.sub(_entity_of_first, escaped)


def _entity_of_first(match: re.Match[str]) -> str:
    found = match.group()
    return f"&#{ord(found[0])};{found[1:]}"


def _language_rows(facts: RunFacts) -> list[list[str]]:
    counted = {
        "Documents": facts.documents_by_language,
        "Chunks": facts.chunks_by_language,
        **{f"Questions, {escape(name)}": by for name, by in facts.pairs_by_type.items()},
    }
    return [
        [name, *(number(by.get(language, 0)) for language in LANGUAGES)]
        for name, by in counted.items()
    ]


def _flagged(facts: RunFacts) -> list[str]:
    return [flagged_sentence(facts.flagged)] if facts.flagged else []


def _grade_rows(facts: RunFacts) -> list[list[str]]:
    return [
        [escape(name), *(number(by.get(grade, 0)) for grade in GRADES)]
        for name, by in facts.grades.items()
    ]


def _calls(facts: RunFacts) -> Iterable[str]:
    tables = call_tables(facts.run.usage, facts.run.cost)
    for title, headers, rows in (
        ("Calls and cost of this run", NOW_HEADERS, tables.now),
        ("What the answers in the data set took", TOTAL_HEADERS, tables.total),
    ):
        yield from _section(title, headers, [[*map(escape, cells)] for cells in rows], 2)
    if tables.remarks:
        yield _bullets(tables.remarks)


def _rejects(facts: RunFacts) -> Iterable[str]:
    yield from _section(
        "Rejects",
        ["Step", "Reason", "Count"],
        [
            [escape(group.step), escape(group.reason), number(group.count)]
            for group in facts.reject_groups[:REASON_LIMIT]
        ],
        numbers_from=2,
    )
    examples = [reject for group in facts.reject_groups for reject in group.examples]
    shown = examples[:REJECT_ROW_LIMIT]
    if shown:
        yield _table(
            ["File", "Reason", "What happened"],
            [[escape(r.file_path), escape(r.reason), escape(r.detail, 300)] for r in shown],
        )
    if facts.rejects > len(shown):
        yield f"{plural(facts.rejects - len(shown), 'more line', 'more lines')} in `rejects.jsonl`."


def _section(
    title: str, headers: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 99
) -> list[str]:
    return [f"## {title}", _table(headers, rows, numbers_from)] if rows else []


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 99) -> str:
    """Cells are markdown already. Columns from `numbers_from` on are aligned to the right."""
    rules = ["---:" if index >= numbers_from else "---" for index in range(len(headers))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headers, rules, *rows))


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {escape(sentence, 600)}" for sentence in sentences)

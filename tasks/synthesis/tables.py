"""Questions about table cells and key-value lines: a value is asked by what names it.

A fact asks for one cell by its row and column. A reasoning question weighs two numbers of one
column against each other and is answered by a cell that names a row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import AskedIn, Candidate, Frame
from tasks.synthesis.english.lexicon import FINITE
from tasks.synthesis.labels import (
    answerable,
    column_name,
    good_header,
    has_han,
    inside,
    is_attribute,
    is_measure,
    label_column,
    numbered,
    plain,
    plural,
    row_name,
    with_article,
    wordy,
)
from tasks.synthesis.passage import Passage, Span, Table
from tasks.synthesis.topic import Topic
from tasks.synthesis.wordlist import words

_NUMBER = re.compile(r"(?P<number>[-−]?\d[\d,]*(?:\.\d+)?)\s*(?P<unit>[^\d\s/]*)$")
_VALUE_HEADERS = frozenset(
    words("""
        value values data specification specifications spec detail details content parameter 值
        数值 参数值 参数 规格 内容 数据 取值 指标
    """)
)
_TEXT_HEADERS = frozenset(
    words("""
        description meaning function purpose explanation remark remarks note notes comment
        comments 说明 描述 含义 功能 作用 意义 解释 备注 注释 用途
    """)
)
_DATES = re.compile(r"(?:1[5-9]|20)\d\d$")
_HIGH_ZH = re.compile(r"价|率|温|压|度|级|分|速|频|成本|收入|功|费|额")
_HIGH_EN = re.compile(
    r"price|rate|temperature|voltage|pressure|speed|frequency|cost|revenue|score|level|share|power"
    r"|percent|limit|dose|concentration|fee",
    re.IGNORECASE,
)
_MAX_ROWS = 40


def table_candidates(passage: Passage, topic: Topic) -> Iterator[Candidate]:
    for table in passage.tables:
        yield from _cells(passage.text, table, topic)
        yield from _two_cells(passage.text, table)


def _cells(text: str, table: Table, topic: Topic) -> Iterator[Candidate]:
    header = [column_name(cell.of(text)) for cell in table.header]
    label = label_column(header, text, table)
    if label is None:
        return
    if len(set(header)) < len(header):
        return
    labels = [row_name(text, row, label) for row in table.rows]
    numeric = {column for column in range(label + 1, len(header)) if _numeric(text, table, column)}
    key_value = len(header) - label == 2 and header[-1].lower() in _VALUE_HEADERS
    for row, name in zip(table.rows[:_MAX_ROWS], labels, strict=False):
        if not name or labels.count(name) > 1 or len(row) != len(table.header):
            continue
        for column in range(label + 1, len(row)):
            value = row[column].of(text)
            if not answerable(value) or value == name or row[column].of(text) == name:
                continue
            if key_value:
                if topic.owns:
                    yield ask_attribute(name, topic.entity, row[column], value, 0.9, "cell")
                elif topic.nearest:
                    yield ask_in_context(name, topic, row[column], value)
            elif good_header(header[column]):
                shown = numbered(name, header[label])
                if shown:
                    yield _cell(
                        shown, header, column, label, row[column], value, topic, column in numeric
                    )


def _numeric(text: str, table: Table, column: int) -> bool:
    """Whether most cells of the column begin with a number."""
    cells = [row[column].of(text) for row in table.rows if column < len(row)]
    return 2 * sum(bool(re.match(r"[~≈约≤≥<>±]?\s*\d", cell)) for cell in cells) > len(cells)


def _cell(
    name: str,
    header: list[str],
    column: int,
    label: int,
    answer: Span,
    value: str,
    topic: Topic,
    numeric: bool,
) -> Candidate:
    attribute = header[column]
    if attribute.lower() not in _TEXT_HEADERS:
        if numeric and not is_attribute(attribute):
            return _under(name, attribute, answer, topic, value)
        return ask_attribute(attribute, name, answer, value, 0.92, "cell")
    kind = header[label]
    frame = Frame("matrix", name, attribute, value[:1].isdigit(), topic.nearest)
    if has_han(attribute + name):
        named = f"{kind}“{name}”" if has_han(kind) else f"“{name}”"
        question = f"{named}的{attribute}是什么？"
        return Candidate("fact", question, answer, "zh", 0.8, "cell", frame)
    noun = f"the {inside(kind)} " if 1 <= len(kind.split()) <= 3 and kind.isascii() else ""
    verb = "are" if plural(attribute) else "is"
    question = f"What {verb} the {inside(attribute)} of {noun}“{name}”?"
    return Candidate("fact", question, answer, "en", 0.8, "cell", frame)


def _under(name: str, header: str, answer: Span, topic: Topic, value: str) -> Candidate:
    """A cell of a table whose columns are things as its rows are."""
    frame = Frame("matrix", name, header, value[:1].isdigit(), topic.nearest)
    if has_han(name + header):
        lead = f"就{topic.nearest}而言，" if topic.nearest else ""
        asked = "数值是多少" if value[:1].isdigit() else "内容是什么"
        question = f"{lead}{name}对应“{header}”的{asked}？"
        return Candidate("fact", question, answer, "zh", 0.8, "matrix", frame)
    plain = topic.nearest and not has_han(topic.nearest)
    lead = f"In the context of {topic.context}, what" if plain else "What"
    question = f"{lead} is the value for “{name}” under “{header}”?"
    return Candidate("fact", question, answer, "en", 0.8, "matrix", frame)


def ask_in_context(key: str, topic: Topic, answer: Span, value: str) -> Candidate:
    frame = Frame("given", key, topic=topic.nearest)
    if has_han(key):
        how = "是多少" if value[:1].isdigit() and not _DATES.search(value) else "是什么"
        question = f"就{topic.nearest}而言，{key}{how}？"
        return Candidate("fact", question, answer, "zh", 0.8, "pair", frame)
    verb = "are" if plural(key) else "is"
    asked = key if key.isupper() else f"the {inside(key)}"
    question = f"In the context of {topic.context}, what {verb} {asked}?"
    return Candidate("fact", question, answer, "en", 0.8, "pair", frame)


def ask_attribute(
    key: str, owner: str, answer: Span, value: str, weight: float, source: str
) -> Candidate:
    """ "What is the KEY of OWNER?" in the language of the key."""
    frame = Frame("value", owner, key, value[:1].isdigit())
    if has_han(key) or (has_han(owner) and not wordy(key)):
        how = "是多少" if value[:1].isdigit() and not _DATES.search(value) else "是什么"
        link = "" if key.startswith(("对", "在", "与", "是否")) else "的"
        question = f"{owner}{link}{key}{how}？"
        return Candidate("fact", question, answer, "zh", weight, source, frame)
    verb, *rest = key.split()
    form = FINITE.get(verb.lower())
    if form is not None and form.tense == "present_s" and (rest or verb.endswith("es")):
        # A header that is a verb ("Holds back") is asked as one.
        asked = " ".join((form.base, *rest))
        question = f"What does {with_article(owner)} {asked}?"
        return Candidate("fact", question, answer, "en", weight - 0.1, source)
    verb = "are" if plural(key) else "is"
    question = f"What {verb} the {inside(key)} of {with_article(owner)}?"
    return Candidate("fact", question, answer, "en", weight, source, frame)


def _two_cells(text: str, table: Table) -> Iterator[Candidate]:
    header = [column_name(cell.of(text)) for cell in table.header]
    label = label_column(header, text, table)
    if label is None or len(table.rows) < 2:
        return
    for column in range(label + 1, len(header)):
        if not good_header(header[column]) or header[column].lower() in _TEXT_HEADERS:
            continue
        if not is_measure(header[column]):
            continue
        numbers = _column_numbers(text, table, label, column)
        if len(numbers) < 2 or len(numbers) < len(table.rows) * 0.6:
            continue
        ordered = sorted(numbers, key=lambda item: (item[0], item[1].start))
        (low, low_cell), (high, high_cell) = ordered[0], ordered[-1]
        names = plain(low_cell.of(text)), plain(high_cell.of(text))
        if low == high or names[0] == names[1] or not all(names):
            continue
        first, second = (names[0], names[1]) if low_cell.start < high_cell.start else names[::-1]
        attribute = header[column]
        if has_han(attribute + first):
            more = "更高" if _HIGH_ZH.search(attribute) else "更大"
            question = f"{first}和{second}相比，哪一个的{attribute}{more}？"
            asked: AskedIn = "zh"
        else:
            more = "higher" if _HIGH_EN.search(attribute) else "greater"
            either = f"{with_article(first)} or {with_article(second)}"
            question = f"Which has the {more} {inside(attribute)}, {either}?"
            asked = "en"
        yield Candidate("reasoning", question, high_cell, asked, 0.85, "two-cells")


def _column_numbers(text: str, table: Table, label: int, column: int) -> list[tuple[float, Span]]:
    """Numbers of a column that share one unit, with the cells that name their rows."""
    found: list[tuple[float, Span]] = []
    units: set[str] = set()
    for row in table.rows:
        if len(row) != len(table.header):
            continue
        match = _NUMBER.fullmatch(plain(row[column].of(text)))
        if match is None or not row_name(text, row, label):
            continue
        units.add(match["unit"])
        number = match["number"].replace(",", "").replace("−", "-")
        if match["unit"] == "" and _DATES.fullmatch(number):
            return []
        found.append((float(number), row[label]))
    return found if len(units) == 1 else []

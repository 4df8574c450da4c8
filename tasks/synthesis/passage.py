"""A chunk's markdown as units with offsets: sentences, list items, table rows, key-value lines.

Every span counts code points of the chunk, end exclusive, so that an answer taken from a unit
is verbatim. What is no language of its own (markers, code, rules of tables) becomes no unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from tasks.text import sentence_spans

UnitKind = Literal["sentence", "item", "heading", "row", "pair"]

_HEADING = re.compile(r"\s{0,3}(#{1,6})\s+(?P<text>.+?)\s*#*\s*$")
_TABLE_ROW = re.compile(r"\s*\|.*\|\s*$")
_TABLE_RULE = re.compile(r"\s*\|[\s:|-]*-[\s:|-]*\|\s*$")
_FENCE = re.compile(r"\s*(```|~~~)")
_MARKER = re.compile(r"\s*\[IMAGE[^\]\n]*\]")
_ITEM = re.compile(
    r"\s*(?:[-*+•·▪◦]|\(?\d{1,2}[.)]|[（(]\d{1,2}[)）]|\d{1,2}、|[①-⑳]|[a-z][.)])\s+(?=\S)"
    r"|\s*(?:[（(]\d{1,2}[)）]|\d{1,2}、|[①-⑳])(?=\S)"
)
_PAIR = re.compile(
    r"(?P<mark>\*{0,2})(?P<key>[^\W\d_][^:：|*\n。！？!?;；]{0,48}?)"
    r"\s*(?:(?::\*{0,2}|\*{2}:)(?=\s)|：\*{0,2}|\*{2}：)\s*(?P<value>\S[^\n]{0,160})$"
)


@dataclass(frozen=True)
class Span:
    start: int
    end: int

    def of(self, text: str) -> str:
        return text[self.start : self.end]


@dataclass(frozen=True)
class Unit:
    """One sentence, item, row, heading or key-value line. `block` numbers the paragraph."""

    kind: UnitKind
    span: Span
    block: int
    key: Span | None = None
    value: Span | None = None


@dataclass(frozen=True)
class Table:
    """Cells with their spans; the first row is the header when a rule follows it."""

    header: tuple[Span, ...]
    rows: tuple[tuple[Span, ...], ...]
    block: int


@dataclass
class Passage:
    text: str
    units: list[Unit] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)

    def sentences(self) -> Iterator[Unit]:
        return (unit for unit in self.units if unit.kind in ("sentence", "item"))


@dataclass(frozen=True)
class _Line:
    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def _lines(text: str) -> Iterator[_Line]:
    position = 0
    for raw in text.split("\n"):
        yield _Line(position, raw)
        position += len(raw) + 1


def strip_span(text: str, start: int, end: int) -> Span:
    """The span without white space at its ends."""
    while start < end and (text[start].isspace() or text[start] == "\u200b"):
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end)


def table_cells(line_text: str, offset: int) -> tuple[Span, ...]:
    """Spans of a markdown row's cells; an escaped bar belongs to its cell."""
    bars = [m.start() for m in re.finditer(r"(?<!\\)\|", line_text)]
    return tuple(
        strip_span_at(line_text, left + 1, right, offset) for left, right in pairwise(bars)
    )


def strip_span_at(text: str, start: int, end: int, offset: int) -> Span:
    span = strip_span(text, start, end)
    return Span(span.start + offset, span.end + offset)


class _Reader:
    """Walks the lines once, collecting paragraphs and tables as it goes."""

    def __init__(self, text: str) -> None:
        self.passage = Passage(text)
        self.block = 0
        self.paragraph: list[_Line] = []
        self.table: list[_Line] = []

    def read(self) -> Passage:
        in_code = False
        for line in _lines(self.passage.text):
            if _FENCE.match(line.text):
                self._flush()
                in_code = not in_code
            elif not in_code:
                self._line(line)
        self._flush()
        self.passage.units.sort(key=lambda unit: unit.span.start)
        return self.passage

    def _line(self, line: _Line) -> None:
        if _TABLE_ROW.match(line.text):
            self._flush_paragraph()
            self.table.append(line)
            return
        self._flush_table()
        if not line.text.strip():
            self._flush_paragraph()
        elif marker := _MARKER.match(line.text):
            self._flush_paragraph()
            rest = line.text[marker.end() :]
            if rest.strip():
                self.paragraph.append(_Line(line.start + marker.end(), rest))
        elif heading := _HEADING.match(line.text):
            self._flush_paragraph()
            start, end = heading.span("text")
            self._add("heading", Span(line.start + start, line.start + end))
            self.block += 1
        elif item := _ITEM.match(line.text):
            self._flush_paragraph()
            self._text(line.start + item.end(), line.end, "item")
            self.block += 1
        elif self._pair(line.start, line.end):
            self._flush_paragraph()
            self._text(line.start, line.end, "sentence")
            self.block += 1
        else:
            self.paragraph.append(line)

    def _flush(self) -> None:
        self._flush_paragraph()
        self._flush_table()

    def _flush_paragraph(self) -> None:
        if self.paragraph:
            self._text(self.paragraph[0].start, self.paragraph[-1].end, "sentence")
            self.paragraph = []
            self.block += 1

    def _text(self, start: int, end: int, kind: UnitKind) -> None:
        if pair := self._pair(start, end):
            key, value = pair
            self.passage.units.append(
                Unit("pair", strip_span(self.passage.text, start, end), self.block, key, value)
            )
            return
        for left, right in sentence_spans(self.passage.text[start:end]):
            span = strip_span(self.passage.text, start + left, start + right)
            if span.end > span.start:
                self._add(kind, span)

    def _pair(self, start: int, end: int) -> tuple[Span, Span] | None:
        text = self.passage.text[start:end]
        lead = len(text) - len(text.lstrip())
        match = _PAIR.match(text, lead)
        if match is None or "://" in text or not _short_key(match["key"]):
            return None
        # Output of a command, quoted over several lines, is no property of anything.
        before = self.passage.text[self.paragraph[0].start : start] if self.paragraph else ""
        if before.count("`") % 2 or text.count("`") % 2:
            return None
        value = strip_span(self.passage.text, start + match.start("value"), start + match.end())
        return Span(start + match.start("key"), start + match.end("key")), value

    def _flush_table(self) -> None:
        lines, self.table = self.table, []
        if not lines:
            return
        has_header = len(lines) > 1 and bool(_TABLE_RULE.match(lines[1].text))
        body = [line for line in lines if not _TABLE_RULE.match(line.text)]
        rows = tuple(table_cells(line.text, line.start) for line in body)
        for line in body:
            self._add("row", strip_span(self.passage.text, line.start, line.end))
        if has_header and rows:
            self.passage.tables.append(Table(rows[0], rows[1:], self.block))
        self.block += 1

    def _add(self, kind: UnitKind, span: Span) -> None:
        self.passage.units.append(Unit(kind, span, self.block))


def _short_key(key: str) -> bool:
    """A key names one thing: a few words, or a dozen Han characters, and no sentence."""
    words = key.split()
    if words[0].lower() in ("this", "that", "these", "it", "he", "she", "they", "there", "the"):
        return False
    return len(words) <= 5 and "," not in key and "，" not in key and len(key) <= 40


def read_passage(text: str) -> Passage:
    """Units and tables of a chunk's markdown, in order of their place."""
    return _Reader(text).read()

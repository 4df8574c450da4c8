"""Markdown tables: compact, and cut between rows with their header kept.

Cells are padded for people in the document's content; padding is tokens, so a chunk does without
it. A row that is longer than a chunk is cut between cells, and a cell between sentences: each
part is a row of its own with the other cells empty, so that what is left stays in its column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tasks.chunking.splitting import Measure, cut_text

_SEPARATOR = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*")
_CELL_BORDER = re.compile(r"(?<!\\)\|")

# What a filled cell has beyond an empty one and its text.
_CELL_SPACE = 2


@dataclass(frozen=True)
class TablePart:
    """Lines that stay together. `header` is repeated where a chunk begins with this part."""

    text: str
    header: str = ""
    is_header: bool = False


@dataclass(frozen=True)
class Table:
    before: str
    header: str
    columns: int
    rows: tuple[str, ...]
    after: str

    @property
    def markdown(self) -> str:
        return "\n".join(filter(None, (self.header, *self.rows)))


def read_table(markdown: str) -> Table | None:
    """The table in `markdown`, compact; None if there is none."""
    lines = markdown.splitlines()
    inside = [number for number, line in enumerate(lines) if line.lstrip().startswith("|")]
    if not inside:
        return None
    first, last = inside[0], inside[-1] + 1
    body = [line for line in lines[first:last] if line.strip()]
    columns = len(_cells(body[0]))
    header = ""
    if len(body) > 1 and _SEPARATOR.fullmatch(body[1]):
        header = _row(_cells(body[0])) + "\n|" + "---|" * columns
        body = body[2:]
    return Table(
        before="\n".join(lines[:first]).strip(),
        header=header,
        columns=columns,
        rows=tuple(_row(_cells(line)) for line in body),
        after="\n".join(lines[last:]).strip(),
    )


def cut_table(table: Table, room: int, maximum: int, measure: Measure) -> list[TablePart]:
    """Parts of a table that is too long for one chunk.

    `room` is what the first part may take (its heading stands above it), `maximum` what every
    other part may take together with the header. A header that leaves less than half of that
    to its rows is repeated only above rows that fit below it, and one that is longer than a
    chunk is cut like a row.
    """
    parts: list[TablePart] = []
    header_size = measure(table.header) if table.header else 0
    if table.header and not table.rows:
        return [TablePart(text) for text in _cut_row(table.header.split("\n")[0], room, measure)]
    if header_size > room:
        line = table.header.split("\n")[0]
        parts += [TablePart(text, is_header=True) for text in _cut_row(line, room, measure)]
    for row in table.rows:
        first = not parts
        bound = room if first else maximum
        parts += _row_parts(row, table.header, header_size, first, bound, measure)
    return parts


def _row_parts(
    row: str, header: str, header_size: int, first: bool, bound: int, measure: Measure
) -> list[TablePart]:
    if not header:
        return [TablePart(text) for text in _cut_row(row, bound, measure)]
    if measure(f"{header}\n{row}") <= bound:
        return [TablePart(f"{header}\n{row}" if first else row, header)]
    if header_size > bound // 2:
        rows = [TablePart(text) for text in _cut_row(row, bound, measure)]
        return [TablePart(header, is_header=True), *rows] if first else rows
    texts = _cut_row(row, bound - header_size - measure("\n"), measure)
    parts = [TablePart(text, header) for text in texts]
    if first:
        parts[0] = TablePart(f"{header}\n{parts[0].text}", header)
    return parts


def _cut_row(row: str, size: int, measure: Measure) -> list[str]:
    """`row` as rows no longer than `size`; as plain text where even empty cells are too long."""
    if measure(row) <= size:
        return [row]
    cells = _cells(row)
    empty = measure(_row([""] * len(cells)))
    if empty > size // 2:
        return [row[cut.start : cut.end] for cut in cut_text(row, size, measure)]
    rows: list[str] = []
    group: dict[int, str] = {}
    for number, cell in enumerate(cells):
        if not cell:
            continue
        if group and measure(_aligned(group | {number: cell}, len(cells))) > size:
            rows.append(_aligned(group, len(cells)))
            group = {}
        if not group and measure(_aligned({number: cell}, len(cells))) > size:
            rows += [
                _aligned({number: cell[cut.start : cut.end]}, len(cells))
                for cut in cut_text(cell, size - empty - _CELL_SPACE, measure)
            ]
            continue
        group[number] = cell
    return [*rows, _aligned(group, len(cells))] if group else rows


def _aligned(cells: dict[int, str], columns: int) -> str:
    return _row([cells.get(number, "") for number in range(columns)])


def _cells(line: str) -> list[str]:
    line = line.strip()
    cells = [cell.strip() for cell in _CELL_BORDER.split(line)]
    if line.startswith("|"):
        cells = cells[1:]
    if len(cells) > 1 and not cells[-1]:
        cells = cells[:-1]
    return cells


def _row(cells: list[str]) -> str:
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)

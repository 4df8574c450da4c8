"""Markdown tables: compact, and cut between rows with their header kept.

Cells are padded for people in the document's content; padding is tokens, so a chunk does without
it. A row that is longer than a chunk is cut between cells, and a cell between sentences: each
part is a row of its own with the other cells empty, so that what is left stays in its column.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tasks.chunking.passages import Ids, Passage

_SEPARATOR = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*")
_CELL_BORDER = re.compile(r"(?<!\\)\|")

# What a filled cell has beyond an empty one and its text.
_CELL_SPACE = 2


@dataclass(frozen=True)
class TablePart:
    """Lines that stay together. `header` is repeated where a chunk begins with this part.

    `image_ids` names the picture whose description was cut, if the part holds a piece of it.
    """

    text: str
    header: str = ""
    is_header: bool = False
    image_ids: Ids = ()


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


def cut_table(table: Table, room: int, maximum: int, passage: Passage) -> list[TablePart]:
    """Parts of a table that is too long for one chunk.

    `room` is what the first part may take (its heading stands above it), `maximum` what every
    other part may take together with the header. A header that leaves less than half of that
    to its rows is repeated only above rows that fit below it, and one that is longer than a
    chunk is cut like a row.
    """
    parts: list[TablePart] = []
    header_size = passage.measure(table.header) if table.header else 0
    if table.header and not table.rows:
        return _cut_row(table.header.split("\n")[0], room, passage)
    if header_size > room:
        cut = _cut_row(table.header.split("\n")[0], room, passage)
        parts += [replace(part, is_header=True) for part in cut]
    for row in table.rows:
        first = not parts
        bound = room if first else maximum
        parts += _row_parts(row, table.header, header_size, first, bound, passage)
    return parts


def _row_parts(
    row: str, header: str, header_size: int, first: bool, bound: int, passage: Passage
) -> list[TablePart]:
    if not header:
        return _cut_row(row, bound, passage)
    if passage.measure(f"{header}\n{row}") <= bound:
        return [TablePart(f"{header}\n{row}" if first else row, header)]
    if header_size > bound // 2:
        rows = _cut_row(row, bound, passage)
        return [TablePart(header, is_header=True), *rows] if first else rows
    rows = _cut_row(row, bound - header_size - passage.measure("\n"), passage)
    parts = [replace(part, header=header) for part in rows]
    if first:
        parts[0] = replace(parts[0], text=f"{header}\n{parts[0].text}")
    return parts


def _cut_row(row: str, size: int, passage: Passage) -> list[TablePart]:
    """`row` as rows no longer than `size`; as plain text where even empty cells are too long."""
    if passage.measure(row) <= size:
        return [TablePart(row)]
    cells = _cells(row)
    empty = passage.measure(_row([""] * len(cells)))
    if empty > size // 2:
        return [TablePart(part.raw, image_ids=part.image_ids) for part in passage.cut(row, size)]
    rows: list[TablePart] = []
    group: dict[int, str] = {}
    for number, cell in enumerate(cells):
        if not cell:
            continue
        if group and passage.measure(_aligned(group | {number: cell}, len(cells))) > size:
            rows.append(TablePart(_aligned(group, len(cells))))
            group = {}
        if not group and passage.measure(_aligned({number: cell}, len(cells))) > size:
            rows += [
                TablePart(_aligned({number: part.raw}, len(cells)), image_ids=part.image_ids)
                for part in passage.cut(cell, size - empty - _CELL_SPACE)
            ]
            continue
        group[number] = cell
    return [*rows, TablePart(_aligned(group, len(cells)))] if group else rows


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

"""Pieces into chunks: the cheapest way to cut a document, found by dynamic programming.

Greedy filling leaves a crumb wherever a section is a little longer than a chunk. Here every
chunk costs 1, an unfilled one a little more, a tiny one much more; ending a chunk costs more
the less of a border there is; and running across the border of a section costs about what a
chunk does, so that sections share a chunk where they are small.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from tasks.chunking.pieces import Piece
from tasks.tokenizer import LengthLimit

# A chunk below this share of the limit joins a neighbour wherever both fit into one.
TINY = 0.2
_TINY_COST = 3.0
_UNFILLED_COST = 0.6
_HEADING_LEFT_BEHIND = 1000.0
_ACROSS_SECTION = {1: 1.6, 2: 1.4}
_ACROSS_SUBSECTION = 1.2
# Tokens of a joined text are about the sum of the tokens of its pieces, rarely more. Nearer to
# the limit than this the joined text is measured, and every chunk at the end.
_SURE_BELOW = 0.97


def pack(pieces: Sequence[Piece], limit: LengthLimit) -> list[Sequence[Piece]]:
    """`pieces` as consecutive groups, a group a chunk, none longer than the limit.

    The only chunk that is longer is a single piece that is longer (a character that cannot be
    cut), with the headings before it.
    """
    packer = _Packer(pieces, limit)
    while True:
        groups = packer.cheapest()
        too_long = [span for span in groups if not packer.allowed(*span, exactly=True)]
        if not too_long:
            return [pieces[start:end] for start, end in groups]
        packer.distrust(too_long)


def joined(pieces: Sequence[Piece]) -> str:
    """The text of a chunk."""
    first = pieces[0]
    text = f"{first.header}\n" if first.header and not first.text.startswith(first.header) else ""
    text += first.text + "".join(piece.glue + piece.text for piece in pieces[1:])
    return text.rstrip() if first.is_code else text.strip()


class _Packer:
    def __init__(self, pieces: Sequence[Piece], limit: LengthLimit) -> None:
        self._pieces = pieces
        self._limit = limit
        self._exact: dict[tuple[int, int], int] = {}
        self._unsure_from: float = _SURE_BELOW * limit.maximum
        alone = 2 * limit.measure("a")
        glues = {
            glue: max(limit.measure(f"a{glue}a") - alone, 0) for glue in {p.glue for p in pieces}
        }
        self._glue = [glues[piece.glue] for piece in pieces]
        headers = {head: limit.measure(f"{head}\n") for head in {p.header for p in pieces}}
        self._header = [0 if p.text.startswith(p.header) else headers[p.header] for p in pieces]
        self._longest_header = max(self._header)
        sizes = [piece.size + glue for piece, glue in zip(pieces, self._glue, strict=True)]
        self._until = [0, *accumulate(sizes)]
        self._across = [0.0, *accumulate(self._price_across(n) for n in range(len(pieces)))]

    def cheapest(self) -> list[tuple[int, int]]:
        """Spans of the cheapest way, as far as is known which spans are too long."""
        count = len(self._pieces)
        best = [0.0] + [float("inf")] * count
        start_of = [0] * (count + 1)
        for end in range(1, count + 1):
            for start in range(end - 1, -1, -1):
                if not self.allowed(start, end):
                    if self._size(start, end) > self._limit.maximum + self._longest_header:
                        break
                    continue
                cost = best[start] + self._border(start) + self._cost(start, end)
                if cost < best[end]:
                    best[end], start_of[end] = cost, start
        spans = []
        end = count
        while end:
            spans.append((start_of[end], end))
            end = start_of[end]
        return spans[::-1]

    def allowed(self, start: int, end: int, *, exactly: bool = False) -> bool:
        """Whether these pieces may be one chunk."""
        last = self._pieces[end - 1]
        if end - start == 1 or (
            last.size > self._limit.maximum
            and all(piece.lead for piece in self._pieces[start : end - 1])
        ):
            return True
        size = self._exact.get((start, end), self._size(start, end))
        unsure = exactly or size >= self._unsure_from
        if size <= self._limit.maximum and unsure and (start, end) not in self._exact:
            size = self._limit.measure(joined(self._pieces[start:end]))
            self._exact[start, end] = size
        return size <= self._limit.maximum

    def distrust(self, spans: list[tuple[int, int]]) -> None:
        """Measures, from now on, whatever has an estimate like that of these, which were wrong."""
        smallest = min(self._size(start, end) for start, end in spans)
        self._unsure_from = min(self._unsure_from, smallest)

    def _size(self, start: int, end: int) -> int:
        """An estimate: the sizes of the pieces and of what joins them."""
        return self._until[end] - self._until[start] - self._glue[start] + self._header[start]

    def _cost(self, start: int, end: int) -> float:
        fill = min(self._size(start, end) / self._limit.maximum, 1.0)
        tiny = _TINY_COST * (2 - fill / TINY) / 2 if fill < TINY else 0.0
        across = self._across[end] - self._across[start + 1]
        return 1.0 + tiny + _UNFILLED_COST * (1 - fill) ** 2 + across

    def _border(self, start: int) -> float:
        if start == 0:
            return 0.0
        if self._pieces[start - 1].lead:
            return _HEADING_LEFT_BEHIND
        return self._pieces[start].border

    def _price_across(self, number: int) -> float:
        """What it costs to have the border before this piece inside a chunk."""
        piece = self._pieces[number]
        if not piece.is_heading or number == 0 or self._pieces[number - 1].lead:
            return 0.0
        return _ACROSS_SECTION.get(piece.level, _ACROSS_SUBSECTION)

"""Cut a chunk at the borders of its answers' evidence, so that each piece can be marked.

Evidence spans overlap, nest and repeat (two questions may share a sentence); HTML elements may
not. So the text is cut at every border, and each piece knows the pairs that it serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tasks.records import Evidence, Record


class Piece(Record):
    text: str
    pairs: tuple[int, ...] = ()
    ending: tuple[int, ...] = ()

    @property
    def marked(self) -> bool:
        return bool(self.pairs)


def pieces(text: str, evidence: Sequence[Evidence | None]) -> tuple[Piece, ...]:
    """The text in order, cut at evidence borders; pair numbers count from 1.

    `pairs` are the pairs whose evidence covers the piece, `ending` those whose evidence ends with
    it. Offsets are code points, which Python's strings count too. Evidence outside of the text
    marks nothing (`is_inside` tells); joined, the pieces are always the text.
    """
    spans = [
        (number, span.start, span.end)
        for number, span in enumerate(evidence, start=1)
        if span is not None and is_inside(span, text)
    ]
    borders = sorted({0, len(text), *(s for _, s, _ in spans), *(e for _, _, e in spans)})
    return tuple(
        Piece(
            text=text[start:end],
            pairs=tuple(n for n, first, last in spans if first <= start and end <= last),
            ending=tuple(n for n, _, last in spans if last == end),
        )
        for start, end in pairwise(borders)
    )


def is_inside(span: Evidence, text: str) -> bool:
    """Whether the span holds at least one character of the text and none beyond it."""
    return 0 <= span.start < span.end <= len(text)

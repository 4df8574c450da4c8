"""Cutting a text that is longer than a chunk: at sentences, then clauses, then words.

Each level is used only inside a piece that the level above could not make short enough. A
picture reference is never cut: one whose description is too long is a piece of its own, and the
description is cut in its place (passages.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.chunking.enrich import REFERENCE
from tasks.text import clause_spans, sentence_spans

Measure = Callable[[str], int]
Level = Literal["sentence", "clause", "word"]
Span = tuple[int, int]

# A sentence without clauses is cut into pieces this much shorter than a chunk, so that they can
# still be packed evenly.
_WORD_PIECES = 4
_MIN_WORD_PIECE = 8
# An emoji of a family is seven code points; longer sequences are noise and may be cut.
_LONGEST_CLUSTER = 16
_JOINERS = frozenset("-/\\_.,;:=&?+|)]}>，、；：。！？）】》…—")


@dataclass(frozen=True)
class Cut:
    """A piece of a text: its span, and the level of the border before it."""

    start: int
    end: int
    level: Level


def cut_text(text: str, size: int, measure: Measure) -> list[Cut]:
    """Pieces of `text` no longer than `size`, in order; whitespace between them is left out."""
    references = [match.span() for match in REFERENCE.finditer(text)]
    cuts: list[Cut] = []
    for start, end in _keep_whole(sentence_spans(text), references):
        if measure(text[start:end]) <= size:
            cuts.append(Cut(start, end, "sentence"))
            continue
        level: Level = "sentence"
        for first, last in _keep_whole(_shifted(clause_spans(text[start:end]), start), references):
            if measure(text[first:last]) <= size:
                cuts.append(Cut(first, last, level))
                level = "clause"
                continue
            for span in _word_spans(text, first, last, references, size, measure):
                cuts.append(Cut(*span, level))
                level = "word"
            level = "clause"
    return cuts


def _shifted(spans: Sequence[Span], by: int) -> list[Span]:
    return [(start + by, end + by) for start, end in spans]


def _keep_whole(spans: Sequence[Span], references: Sequence[Span]) -> list[Span]:
    """`spans`, joined where the border between two lies inside a reference."""
    kept: list[Span] = []
    for start, end in spans:
        if kept and any(first < start and kept[-1][1] < last for first, last in references):
            kept[-1] = (kept[-1][0], end)
        else:
            kept.append((start, end))
    return kept


def _word_spans(
    text: str, start: int, end: int, references: Sequence[Span], size: int, measure: Measure
) -> list[Span]:
    spans: list[Span] = []
    position = start
    for first, last in [*references, (end, end)]:
        if first < position or first > end:
            continue
        spans.extend(_cut_words(text, position, first, size, measure))
        if last > first:
            spans.append((first, last))
        position = last
    return spans


def _cut_words(text: str, start: int, end: int, size: int, measure: Measure) -> list[Span]:
    """Groups of words no longer than a share of `size`; a longer word is cut into characters."""
    target = max(size // _WORD_PIECES, min(size, _MIN_WORD_PIECE))
    spans: list[Span] = []
    room = 0
    for word in re.compile(r"\S+").finditer(text, start, end):
        length = measure(word[0]) + 1
        if length > target:
            spans.extend(_cut_characters(text, *word.span(), target, measure))
            room = 0
        elif length > room:
            spans.append(word.span())
            room = target - length
        else:
            spans[-1] = (spans[-1][0], word.end())
            room -= length
    return spans


def _cut_characters(text: str, start: int, end: int, target: int, measure: Measure) -> list[Span]:
    """Pieces of a word of about `target`, never longer than it unless one character is.

    The time is linear in the word: documents hold rows of ten thousand dashes, and base64.
    """
    length = measure(text[start:end])
    if length <= target:
        return [(start, end)]
    step = max(1, (end - start) * target // length)
    spans: list[Span] = []
    while start < end:
        border = _cluster_end(text, _after_joiner(text, start, min(start + step, end)), end)
        if border - start > 1 and step > 1 and measure(text[start:border]) > target:
            middle = _cluster_end(text, start + (border - start) // 2, border)
            halves = [(start, middle), (middle, border)]
            for first, last in halves if middle < border else ():
                spans.extend(_cut_characters(text, first, last, target, measure))
            if middle == border:
                spans.append((start, border))
        else:
            spans.append((start, border))
        start = border
    return spans


def _after_joiner(text: str, start: int, end: int) -> int:
    """`end`, moved back behind a sign that joins words (paths, addresses), if one is near."""
    for border in range(end, start + (end - start) * 3 // 4, -1):
        if text[border - 1] in _JOINERS:
            return border
    return end


def _cluster_end(text: str, border: int, end: int) -> int:
    """`border`, moved behind what belongs to the character before it (accents, emoji parts)."""
    for _ in range(_LONGEST_CLUSTER):
        if border >= end:
            break
        before, after = text[border - 1], text[border]
        joined = (
            unicodedata.category(after) in ("Mn", "Mc", "Me")
            or after == "\u200d"
            or before == "\u200d"
            or "\U0001f3fb" <= after <= "\U0001f3ff"
        )
        if not joined:
            break
        border += 1
    return border

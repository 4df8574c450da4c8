"""A dense summary: the passage's key sentences, verbatim and in their order."""

from __future__ import annotations

import math
import re
from collections import Counter

from tasks.records import TextChunk
from tasks.synthesis.passage import Passage, Unit, table_cells
from tasks.synthesis.rules import SUMMARY_LEAST, SUMMARY_MOST, check_summary
from tasks.text import search_terms

_AIM = 0.66
_WORTH_KEEPING = re.compile(r"\w")


def summarise(passage: Passage, chunk: TextChunk) -> str | None:
    """Between 50 and 80 % of the chunk's characters, or None where its sentences cannot give it."""
    units = [
        unit
        for unit in passage.units
        if unit.kind != "heading" and _WORTH_KEEPING.search(unit.span.of(passage.text))
    ]
    if len(units) < 2:
        return None
    size = len(passage.text)
    chosen: set[int] = set()
    total = 0
    scores = _centrality(passage, units)
    # Sentences first: a table's rows are only there to make up the length.
    order = sorted(range(len(units)), key=lambda i: (units[i].kind == "row", -scores[i], i))
    for index in order:
        length = len(_shown(passage, units[index])) + 1
        if total + length > SUMMARY_MOST * size + 1:
            continue
        chosen.add(index)
        total += length
        if total >= _AIM * size:
            break
    if not chosen:
        return None
    summary = _join(passage, [units[i] for i in sorted(chosen)])
    if len(summary) < SUMMARY_LEAST * size or len(summary) > SUMMARY_MOST * size:
        return None
    return summary if check_summary(summary, chunk) is None else None


def _centrality(passage: Passage, units: list[Unit]) -> list[float]:
    """Mean weight of a unit's terms: frequent in the passage, and the first sentences first."""
    terms = [search_terms(unit.span.of(passage.text)) for unit in units]
    spread = Counter(term for found in terms for term in set(found))
    scores: list[float] = []
    for index, found in enumerate(terms):
        own = sorted(set(found))
        weight = sum(math.log1p(spread[t]) * min(len(t), 6) for t in own if len(t) > 1)
        score = weight / math.sqrt(len(own) + 4) if own else 0.0
        lead = 1.25 if index == 0 else 1.0
        prose = 0.8 if units[index].kind == "row" else 1.0
        scores.append(score * lead * prose)
    return scores


def _shown(passage: Passage, unit: Unit) -> str:
    """A row's cells side by side, without the bars of markdown; anything else as it stands."""
    text = unit.span.of(passage.text)
    if unit.kind != "row":
        return text
    cells = table_cells(text, 0)
    return "; ".join(cell.of(text) for cell in cells if cell.end > cell.start)


def _join(passage: Passage, units: list[Unit]) -> str:
    """Sentences of a paragraph side by side, everything else on lines of its own."""
    parts: list[str] = []
    for index, unit in enumerate(units):
        text = _shown(passage, unit)
        if index:
            before = units[index - 1]
            if unit.block != before.block or unit.kind in ("row", "item", "pair"):
                parts.append("\n")
            elif text[:1].isascii() and parts[-1][-1:].isascii():
                parts.append(" ")
        parts.append(text)
    return "".join(parts)

"""Headings that are questions: the passage answers them in its next sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate
from tasks.synthesis.labels import has_han
from tasks.synthesis.passage import Passage, Span, Unit
from tasks.synthesis.topic import clean_heading

_CAUSE = re.compile(
    r"\b(?:because|due to|so that|therefore)\b|因为|由于|所以|因此|为了|导致|从而|原因"
)
_HOW = re.compile(r"\bhow\b|如何|怎[么样]", re.IGNORECASE)
_WHY = re.compile(r"\bwhy\b|为什么|为何", re.IGNORECASE)
_ANSWER_CHARACTERS = 220


def faq_candidates(passage: Passage) -> Iterator[Candidate]:
    """The heading as it stands, answered by the sentences that follow it in one paragraph."""
    units = passage.units
    for index, unit in enumerate(units):
        if unit.kind != "heading":
            continue
        question = clean_heading(unit.span.of(passage.text))
        if not question.endswith(("?", "？")) or not 8 <= len(question) <= 120:
            continue
        answer = _answer(passage, units[index + 1 :])
        if answer is None:
            continue
        text = answer.of(passage.text)
        if re.search(r"提到|你说|您说|you (?:said|mentioned)", question):
            continue
        # "How do I ...? Because ...": the paragraph begins elsewhere.
        if _HOW.search(question) and re.match(r"因为|由于|Because\b", text):
            continue
        zh = has_han(question)
        why = _WHY.search(question) and _CAUSE.search(text)
        yield Candidate(
            "reasoning" if why else "fact", question, answer, "zh" if zh else "en", 0.94, "heading"
        )


def _answer(passage: Passage, following: list[Unit]) -> Span | None:
    """As many sentences of the next paragraph as fit; none where something else stands there."""
    if not following or following[0].kind != "sentence":
        return None
    first, end = following[0], 0
    for unit in following:
        if unit.kind != "sentence" or unit.block != first.block:
            break
        if end and unit.span.end - first.span.start > _ANSWER_CHARACTERS:
            break
        end = unit.span.end
    span = Span(first.span.start, end)
    text = span.of(passage.text)
    if text.endswith((":", "：", "?", "？")) or not 8 <= len(text) <= 2 * _ANSWER_CHARACTERS:
        return None
    return span

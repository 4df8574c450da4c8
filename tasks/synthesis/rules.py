"""DATA.md's rules for pairs and summaries, in code: for this engine and for any other.

What breaks a rule comes back as a `DroppedPair` with a slug and a sentence. A rule needs to know
only how a pair was worded: `template` pairs never explain a pronoun, and their evidence is the
answer; whoever words a pair freely explains what he points at, answers in his own words, and
quotes as evidence what proves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from tasks.records import DroppedPair, Language, QAPair, TextChunk
from tasks.synthesis.free_rules import (
    asked_twice,
    check_free_pair,
    check_free_summary,
    is_translated,
)
from tasks.synthesis.rule_patterns import BLANK, MARKS
from tasks.synthesis.template_rules import (
    alike,
    check_template_pair,
    dangling_pronoun,
    near_duplicate_of_templates,
    question_is_in,
)

Wording = Literal["template", "free"]

MIN_PAIRS, MAX_PAIRS = 3, 5
SUMMARY_LEAST, SUMMARY_MOST = 0.5, 0.8
SUMMARY_CHECKED_FROM = 200

__all__ = [
    "BLANK",
    "MAX_PAIRS",
    "MIN_PAIRS",
    "SUMMARY_CHECKED_FROM",
    "SUMMARY_LEAST",
    "SUMMARY_MOST",
    "Wording",
    "alike",
    "check_pair",
    "check_set",
    "check_summary",
    "dangling_pronoun",
    "is_translated",
    "near_duplicate",
    "question_is_in",
    "wanted_question_languages",
]


def check_pair(
    pair: QAPair, chunk: TextChunk, *, wording: Wording = "template"
) -> list[DroppedPair]:
    """Every rule that this pair breaks by itself; empty for a valid one."""
    check = check_template_pair if wording == "template" else check_free_pair
    return [DroppedPair(reason=reason, detail=detail) for reason, detail in check(pair, chunk)]


def check_summary(
    summary: str, chunk: TextChunk, *, wording: Wording = "template"
) -> DroppedPair | None:
    """None for a summary of 50 to 80 % of the chunk's characters, and for a short chunk's.

    One that is worded freely is plain sentences to their end, however short the chunk is.
    """
    if not summary.strip():
        return DroppedPair(reason="summary-empty", detail="The summary has no text.")
    if MARKS.search(summary) and "[IMAGE" in summary:
        return DroppedPair(reason="summary-marker", detail="The summary holds a picture's marker.")
    share = len(summary) / len(chunk.text)
    if len(chunk.text) < SUMMARY_CHECKED_FROM or SUMMARY_LEAST <= share <= SUMMARY_MOST:
        broken = check_free_summary(summary, chunk) if wording == "free" else None
        return DroppedPair(reason=broken[0], detail=broken[1]) if broken else None
    return DroppedPair(
        reason="summary-length",
        detail=f"The summary has {share:.0%} of the chunk's characters, not 50 to 80 %.",
    )


def check_set(
    pairs: Sequence[QAPair], chunk: TextChunk, *, wording: Wording = "template"
) -> list[DroppedPair]:
    """What the pairs of a chunk lack together. Nothing is dropped for it: it is counted."""
    found: list[tuple[str, str]] = []
    if not MIN_PAIRS <= len(pairs) <= MAX_PAIRS:
        found.append(("pair-count", f"{len(pairs)} pairs, not {MIN_PAIRS} to {MAX_PAIRS}."))
    types = {pair.type for pair in pairs}
    for wanted in ("fact", "reasoning"):
        if wanted not in types:
            found.append((f"no-{wanted}", f"No pair of type {wanted}."))
    asked = {pair.question_language for pair in pairs}
    for language in wanted_question_languages(chunk.language):
        if language not in asked:
            found.append(("no-cross-lingual", f"No question in {language}."))
    for index, pair in enumerate(pairs):
        if any(near_duplicate(pair, other, wording=wording) for other in pairs[:index]):
            found.append(("near-duplicate", f"Asked twice: {pair.question}"))
    return [DroppedPair(reason=reason, detail=detail) for reason, detail in found]


def wanted_question_languages(language: Language) -> tuple[Language, ...]:
    """Languages that at least one question of a chunk must have beyond the chunk's own."""
    other: dict[Language, tuple[Language, ...]] = {"en": ("zh",), "zh": ("en",)}
    return other.get(language, ("en", "zh") if language == "mixed" else ())


def near_duplicate(one: QAPair, other: QAPair, *, wording: Wording = "template") -> bool:
    """Whether two pairs of one question language ask the same."""
    if one.question_language != other.question_language:
        return False
    same = near_duplicate_of_templates if wording == "template" else asked_twice
    return same(one, other)

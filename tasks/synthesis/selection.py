"""Which candidates become the chunk's pairs: valid, varied, and as many as DATA.md wants."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tasks.records import DroppedPair, Evidence, Language, QAPair, TextChunk
from tasks.synthesis.candidates import Candidate
from tasks.synthesis.rules import MAX_PAIRS, MIN_PAIRS, alike, check_pair, near_duplicate
from tasks.text import language_of, weighted_length

_CROSS_LINGUAL_MOST = 1
_REASONING_MOST = 2
_OVERLAP = 0.6
# Weighted characters: about 120 tokens.
_LONG = 450


def select(
    candidates: Sequence[Candidate], chunk: TextChunk, seed: int
) -> tuple[tuple[QAPair, ...], tuple[DroppedPair, ...]]:
    """At most five pairs: the best reason, the best cross-lingual one, and facts around them."""
    ranked = sorted(
        candidates, key=lambda c: (-c.weight, _shuffle(c, seed), c.answer.start, c.question)
    )
    dropped: list[DroppedPair] = []
    valid: list[tuple[Candidate, QAPair]] = []
    for candidate in ranked:
        if not _whole(candidate.answer.of(chunk.text)):
            continue
        pair = to_pair(candidate, chunk)
        broken = check_pair(pair, chunk)
        dropped.extend(broken[:1])
        if not broken:
            valid.append((candidate, pair))
    chosen: list[tuple[Candidate, QAPair]] = []
    completions = [item for item in valid if item[0].quotes is not None]
    valid = [item for item in valid if item[0].quotes is None]
    _take(chosen, valid, "reasoning", 1)
    _take(chosen, valid, "cross_lingual", _CROSS_LINGUAL_MOST)
    _take(chosen, valid, "fact", MAX_PAIRS - len(chosen))
    _take(chosen, valid, "reasoning", min(_REASONING_MOST, MAX_PAIRS - len(chosen) + 1))
    if len(chosen) < 3:
        _take(chosen, valid, "cross_lingual", 2)
    _fill_up(chosen, completions, _wanted(chunk))
    chosen.sort(key=lambda item: (item[0].answer.start, item[0].answer.end, item[1].question))
    return tuple(pair for _, pair in chosen), tuple(dropped)


def _wanted(chunk: TextChunk) -> int:
    """Completion questions fill a chunk up to as many pairs as this."""
    length = weighted_length(chunk.text)
    return MIN_PAIRS + (length >= _LONG)


def _fill_up(
    chosen: list[tuple[Candidate, QAPair]],
    completions: list[tuple[Candidate, QAPair]],
    most: int,
) -> None:
    """One question across languages where there is none, then facts, a sentence each."""
    crossing = [item for item in completions if item[1].type == "cross_lingual"]
    facts = [item for item in completions if item[1].type == "fact"]
    across = any(pair.type == "cross_lingual" for _, pair in chosen)
    room = 0 if across or not crossing else 1
    # First sentences that nobody has asked about yet.
    for fresh in (True, False):
        for candidate, pair in facts:
            if len(chosen) >= min(most, MAX_PAIRS - room):
                break
            _add(chosen, candidate, pair, fresh)
    for fresh in (True, False):
        for candidate, pair in crossing if room and len(chosen) < MAX_PAIRS else []:
            if not any(other.type == "cross_lingual" for _, other in chosen):
                _add(chosen, candidate, pair, fresh)
    for candidate, pair in facts:
        if len(chosen) < most + room:
            _add(chosen, candidate, pair, False)


def _add(
    chosen: list[tuple[Candidate, QAPair]], candidate: Candidate, pair: QAPair, fresh: bool
) -> None:
    if any(near_duplicate(pair, other) for _, other in chosen):
        return
    shown = candidate.quotes
    for other, other_pair in chosen:
        same_tongue = candidate.asked_in == other.asked_in
        if _clashes(candidate, other, True) and (fresh or same_tongue):
            return
        # A long chunk of few sentences: the second blank of a sentence comes last.
        if fresh and other.quotes == shown and other_pair.type == pair.type:
            return
        inside = shown is not None and shown.start <= other.answer.start < shown.end
        if fresh and inside:
            return
    chosen.append((candidate, pair))


def _whole(answer: str) -> bool:
    """No quotation, bracket or code that the span cuts through."""
    pairs = (("(", ")"), ("（", "）"), ("[", "]"), ("“", "”"), ("《", "》"))
    return all(answer.count(a) == answer.count(b) for a, b in pairs) and not (
        answer.count("`") % 2 or answer.count('"') % 2
    )


def to_pair(candidate: Candidate, chunk: TextChunk) -> QAPair:
    answer = candidate.answer.of(chunk.text)
    return QAPair(
        type=candidate.type,
        question=" ".join(candidate.question.split()),
        answer=answer,
        question_language=candidate.asked_in,
        answer_language=_answer_language(answer, candidate, chunk),
        evidence=Evidence(start=candidate.answer.start, end=candidate.answer.end),
    )


def _answer_language(answer: str, candidate: Candidate, chunk: TextChunk) -> Language:
    """The passage's language; inside a mixed passage, what the answer itself shows."""
    if chunk.language in ("en", "zh"):
        return chunk.language
    own = language_of(answer)
    if own in ("en", "zh"):
        return own
    return candidate.asked_in if candidate.type != "cross_lingual" else own


def _shuffle(candidate: Candidate, seed: int) -> str:
    """Breaks ties between equally good questions, the same way for the same seed."""
    text = f"{seed}\x1f{candidate.question}\x1f{candidate.answer.start}"
    return hashlib.sha256(text.encode()).hexdigest()


def _take(
    chosen: list[tuple[Candidate, QAPair]],
    valid: list[tuple[Candidate, QAPair]],
    kind: str,
    most: int,
) -> None:
    have = sum(pair.type == kind for _, pair in chosen)
    # First pass: answers that nothing chosen overlaps; second pass: any that is no duplicate.
    for strict in (True, False):
        for candidate, pair in valid:
            if have >= most or len(chosen) >= MAX_PAIRS:
                return
            if pair.type != kind or any(pair is other for _, other in chosen):
                continue
            if any(near_duplicate(pair, other) for _, other in chosen):
                continue
            if any(_clashes(candidate, other, strict) for other, _ in chosen):
                continue
            chosen.append((candidate, pair))
            have += 1


def _clashes(one: Candidate, other: Candidate, strict: bool) -> bool:
    left = max(one.answer.start, other.answer.start)
    right = min(one.answer.end, other.answer.end)
    shorter = min(one.answer.end - one.answer.start, other.answer.end - other.answer.start)
    overlaps = right - left > _OVERLAP * shorter
    if strict:
        return overlaps
    if one.asked_in != other.asked_in:
        return False
    return overlaps and alike(one.question, other.question, same_answer=True)

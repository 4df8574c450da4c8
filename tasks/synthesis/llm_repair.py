"""What of a first answer is asked for again, in words to act on, and what was lost for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.records import DroppedPair, QAPair, TextChunk
from tasks.synthesis.llm_answer import Draft
from tasks.synthesis.llm_checks import CheckedPair, CheckedSummary, PassageChecks, repeats
from tasks.synthesis.llm_request import summary_bounds
from tasks.synthesis.rules import MAX_PAIRS
from tasks.text import normalise

# What to do about a fault. The fault's own detail says what was found.
_ADVICE = {
    "question-form": "Write one question on one line that ends with a question mark.",
    "question-refers-to-text": "Ask about the thing itself; never mention a text, figure or table.",
    "question-dangling": "Name the thing, person or place instead of pointing at it.",
    "question-markup": "Write plain text without marks.",
    "question-about-file": "Ask about what is said, not about files or pages.",
    "question-language": "Write the question in English or in Chinese.",
    "answer-empty": "Ask only what the passage answers.",
    "answer-markup": "Write plain text without marks.",
    "answer-refers-to-text": "Answer directly, without mentioning the text.",
    "answer-length": "Answer in one or two short sentences.",
    "answer-in-question": "Take the answer out of the question, or ask something else.",
    "answer-language": "Write the answer in the passage's language.",
    "ungrounded": "Use only what the passage says, with its own names and numbers.",
    "bilingual-mismatch": "Give the same numbers, units and names in both languages.",
    "near-duplicate": "Ask about something else.",
}


@dataclass(frozen=True)
class Checked:
    """An answer after its checks. `summary` is None where none was wanted or given."""

    summary: CheckedSummary
    pairs: tuple[CheckedPair, ...]

    @property
    def valid(self) -> tuple[QAPair, ...]:
        return tuple(checked.pair for checked in self.pairs if not checked.faults)

    @property
    def failed(self) -> tuple[CheckedPair, ...]:
        return tuple(checked for checked in self.pairs if checked.faults)


def check_first(draft: Draft, checks: PassageChecks) -> Checked:
    """A first answer against its passage."""
    return Checked(
        summary=checks.check_summary(draft.summary),
        pairs=tuple(checks.check_pairs(draft.pairs, ())),
    )


def beside(first: Checked, neighbours: Sequence[QAPair]) -> Checked:
    """The same answer, with a fault for each valid pair that the chunk before asks as well."""
    pairs = tuple(
        checked if checked.faults else CheckedPair(checked.pair, repeats(checked.pair, neighbours))
        for checked in first.pairs
    )
    return Checked(summary=first.summary, pairs=pairs)


def check_second(
    draft: Draft, checks: PassageChecks, first: Checked, before: Sequence[QAPair]
) -> Checked:
    """Replacements, which must not ask again what is asked already."""
    summary = first.summary
    if summary.fault is not None and draft.summary is not None:
        summary = checks.check_summary(draft.summary)
    pairs = checks.check_pairs(draft.pairs, (*before, *first.valid))
    return Checked(summary=summary, pairs=tuple(pairs))


def complaints(first: Checked, checks: PassageChecks, chunk: TextChunk) -> str | None:
    """What the model is told about its first answer; None where nothing needs to be made again."""
    lines: list[str] = []
    lacking = checks.lacking(first.valid)
    # A sixth pair that failed is not missed.
    room = MAX_PAIRS - len(first.valid)
    if room > 0:
        for number, checked in enumerate(first.pairs, start=1):
            if checked.faults:
                lines.append(f"Pair {number}: {_complaint(checked.faults)}")
    if first.summary.fault is not None:
        lines.append(f"dense_summary: {_about_summary(first.summary.fault, chunk)}")
    if lacking:
        lines.append(f"Missing: {'; '.join(lacking)}.")
    if not lines:
        return None
    new = max(len(lacking), min(room, len(first.failed)))
    lines.append(f"New pairs to write: {new}.")
    return "\n".join(f"- {line}" for line in lines)


@dataclass(frozen=True)
class Outcome:
    """What became of the pairs that failed first: made good, or lost."""

    replaced: tuple[DroppedPair, ...]
    lost: tuple[DroppedPair, ...]


def outcome(first: Checked, second: Checked | None) -> Outcome:
    """A valid replacement makes one failure good; of the others each fault is told.

    What a replacement has in common with what failed first is told once, and a model that sends
    a kept pair once more has lost nothing by it.
    """
    earlier = tuple(checked.faults[0] for checked in first.failed)
    if second is None:
        return Outcome((), earlier)
    good = len(second.valid)
    kept = {_words(pair) for pair in (*first.valid, *second.valid)}
    later = tuple(
        checked.faults[0]
        for checked in second.failed
        if not (checked.faults[0].reason == "near-duplicate" and _words(checked.pair) in kept)
    )
    lost = earlier[good:]
    return Outcome(earlier[:good], lost + tuple(fault for fault in later if fault not in lost))


def _words(pair: QAPair) -> tuple[str, str]:
    return normalise(pair.question), normalise(pair.answer)


def _complaint(faults: Sequence[DroppedPair]) -> str:
    parts = []
    for fault in faults:
        detail = " ".join(fault.detail.split()).rstrip(".")
        parts.append(f"{detail}. {_ADVICE.get(fault.reason, '')}".strip())
    return " ".join(parts)


def _about_summary(fault: DroppedPair, chunk: TextChunk) -> str:
    detail = " ".join(fault.detail.split())
    if fault.reason == "summary-length":
        least, most = summary_bounds(chunk)
        return f"{detail} Write {least} to {most} characters."
    if fault.reason == "summary-form":
        return f"{detail} Write plain text in whole sentences, and end the last one."
    if fault.reason == "summary-ungrounded":
        return f"{detail} {_ADVICE['ungrounded']}"
    return detail

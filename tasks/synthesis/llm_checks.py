"""A drafted pair or summary held against its passage: what it is, and which rules it breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.records import DroppedPair, Evidence, Language, QAPair, QuestionType, TextChunk
from tasks.synthesis.alignment import align, align_answer
from tasks.synthesis.bilingual import differences
from tasks.synthesis.grounding import Ground
from tasks.synthesis.llm_answer import DraftPair, question_language
from tasks.synthesis.llm_request import base_language, least_pairs
from tasks.synthesis.rules import (
    MAX_PAIRS,
    SUMMARY_CHECKED_FROM,
    check_pair,
    check_summary,
    is_translated,
    near_duplicate,
    wanted_question_languages,
)
from tasks.text import language_of


@dataclass(frozen=True)
class CheckedPair:
    """A pair with the rules it breaks; a valid one breaks none."""

    pair: QAPair
    faults: tuple[DroppedPair, ...] = ()


@dataclass(frozen=True)
class CheckedSummary:
    text: str | None
    fault: DroppedPair | None


class PassageChecks:
    """The checks of one chunk."""

    def __init__(self, chunk: TextChunk) -> None:
        self.language = base_language(chunk)
        # What pairs are written in decides, also where the chunk is a table of numbers.
        self._chunk = chunk.model_copy(update={"language": self.language})
        self._ground = Ground(chunk.text, chunk.headings)

    def check_pairs(
        self, drafts: Sequence[DraftPair], others: Sequence[QAPair]
    ) -> list[CheckedPair]:
        """Each draft by itself, and against those before it and the `others`."""
        checked: list[CheckedPair] = []
        asked = list(others)
        for draft in drafts:
            made = self._check_pair(draft)
            if not made.faults:
                made = CheckedPair(made.pair, repeats(made.pair, asked))
            if not made.faults:
                asked.append(made.pair)
            checked.append(made)
        return checked

    def check_summary(self, summary: str | None) -> CheckedSummary:
        """The first rule that a summary breaks."""
        if not summary:
            empty = DroppedPair(reason="summary-empty", detail="The summary has no text.")
            return CheckedSummary(None, empty)
        fault = check_summary(summary, self._chunk, wording="free")
        if fault is None and is_translated(summary, self._chunk):
            fault = DroppedPair(
                reason="summary-language", detail=f"The summary is not in {self.language}."
            )
        if fault is None and (missing := self._ground.missing(summary)):
            fault = DroppedPair(
                reason="summary-ungrounded",
                detail=f"Not in the passage: {_listed(missing)}.",
            )
        return CheckedSummary(summary if fault is None else None, fault)

    def lacking(self, pairs: Sequence[QAPair]) -> list[str]:
        """What valid pairs lack together, each as a request: types, languages, number."""
        wanted: list[str] = []
        if len(self._chunk.text) >= SUMMARY_CHECKED_FROM:
            types = {pair.type for pair in pairs}
            wanted += [f'a pair of type "{t}"' for t in ("fact", "reasoning") if t not in types]
            asked = {pair.question_language for pair in pairs}
            for language in wanted_question_languages(self.language):
                if language not in asked:
                    name = "English" if language == "en" else "Chinese"
                    kind = "" if self.language == "mixed" else ' (type "cross_lingual")'
                    wanted.append(f"a pair whose question is in {name}{kind}")
        least = least_pairs(self._chunk)
        more = least - len(pairs) - len(wanted)
        if more > 0:
            wanted.append(f"{more} more {'pair' if more == 1 else 'pairs'} of any type")
        return wanted

    def choose(self, pairs: Sequence[QAPair]) -> tuple[QAPair, ...]:
        """At most five, in their order: one of each type and language that is wanted, then more."""
        chosen: list[int] = []

        def take(fits: Sequence[bool]) -> None:
            if any(fits[index] for index in chosen):
                return
            chosen.extend([index for index, fit in enumerate(fits) if fit][:1])

        take([pair.type == "fact" for pair in pairs])
        take([pair.type == "reasoning" for pair in pairs])
        for language in wanted_question_languages(self.language):
            take([pair.question_language == language for pair in pairs])
        rest = [index for index in range(len(pairs)) if index not in chosen]
        kept = sorted((*chosen, *rest[: max(0, MAX_PAIRS - len(chosen))]))
        return tuple(pairs[index] for index in kept)

    def _check_pair(self, draft: DraftPair) -> CheckedPair:
        chunk = self._chunk
        evidence = align(draft.quote, chunk.text)
        if evidence is None:
            evidence = align_answer(draft.answer, chunk.text, draft.question)
        asked_in = question_language(draft.question)
        own = self._own_language(evidence)
        pair = QAPair(
            type=_type(draft, asked_in, own),
            question=draft.question,
            answer=draft.answer,
            question_language=asked_in,
            answer_language=self._answer_language(draft.answer, own, asked_in),
            evidence=evidence,
        )
        faults = check_pair(pair, chunk, wording="free") or self._check_facts(pair, draft, own)
        return CheckedPair(pair, tuple(faults))

    def _check_facts(self, pair: QAPair, draft: DraftPair, own: Language) -> list[DroppedPair]:
        """What only the passage can tell: whether it says all this."""
        missing = self._ground.missing(pair.answer, pair.question)
        if missing:
            return [_ungrounded(f"{_listed(missing)} of the answer", pair)]
        if pair.evidence is None and pair.type == "fact":
            return [_ungrounded("neither the quote nor the answer", pair)]
        if pair.question_language in (own, "other"):
            return []
        strange = self._ground.missing_numbers(pair.question)
        if strange:
            return [_ungrounded(f"{_listed(strange)} of the question", pair)]
        counterpart = draft.counterpart
        if counterpart is None or question_language(counterpart) == pair.question_language:
            return []
        if differing := differences(pair.question, counterpart):
            detail = f"The two languages differ in {_listed(differing)}: {pair.question}"
            return [DroppedPair(reason="bilingual-mismatch", detail=detail)]
        return []

    def _own_language(self, evidence: Evidence | None) -> Language:
        """The language of the part of the passage that a pair is about."""
        if self.language != "mixed":
            return self.language
        if evidence is None:
            return "mixed"
        return language_of(self._chunk.text[evidence.start : evidence.end])

    def _answer_language(self, answer: str, own: Language, asked_in: Language) -> Language:
        if self.language in ("en", "zh"):
            return self.language
        found = language_of(answer)
        if found in ("en", "zh"):
            return found
        return own if own in ("en", "zh") else asked_in


def repeats(pair: QAPair, others: Sequence[QAPair]) -> tuple[DroppedPair, ...]:
    """The fault of a pair that asks what one of the others asks; empty where none does."""
    same = next((other for other in others if near_duplicate(pair, other, wording="free")), None)
    if same is None:
        return ()
    detail = f"Asks the same as “{same.question}”: {pair.question} {pair.answer[:120]}"
    return (DroppedPair(reason="near-duplicate", detail=detail),)


def _type(draft: DraftPair, asked_in: Language, own: Language) -> QuestionType:
    """The label that is true: a question in the other language is cross-lingual, whatever it says.

    Where a mixed passage does not tell its part's language, the model's own word is taken.
    """
    if own in ("en", "zh") and asked_in in ("en", "zh"):
        if asked_in != own:
            return "cross_lingual"
        return "fact" if draft.type == "cross_lingual" else draft.type
    return draft.type


def _ungrounded(what: str, pair: QAPair) -> DroppedPair:
    detail = f"Not in the passage: {what}: {pair.question} {pair.answer[:120]}"
    return DroppedPair(reason="ungrounded", detail=detail)


def _listed(things: Sequence[str]) -> str:
    return ", ".join(f"“{thing}”" for thing in things[:5])

"""Synthesis by a model: one call a chunk, one more for what the checks found, one for the judge.

A chunk's second call waits for its own first answer and for that of the chunk before it, and for
nothing else: what it is told is the same, whenever the answers arrive. All checks are code; the
same answers give the same pairs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.cache import content_key
from tasks.endpoint.chat import AnswerPending, Asker, ChatAnswer, ChatRequest
from tasks.errors import FileRejected
from tasks.prompting import PromptName, Prompts
from tasks.records import DroppedPair, QAPair, Synthesis, Synthesizer, TextChunk, Usage
from tasks.synthesis.llm_answer import read_answer
from tasks.synthesis.llm_checks import PassageChecks, repeats
from tasks.synthesis.llm_judge import graded_pairs, judge_request, not_judged, read_grades
from tasks.synthesis.llm_repair import (
    Checked,
    beside,
    check_first,
    check_second,
    complaints,
    outcome,
)
from tasks.synthesis.llm_request import repair_request, synthesize_request

# Raised when the same answers would give other pairs or another summary.
VERSION = 2

Advance = Callable[[int], None]


@dataclass
class ChunkTrace:
    """How a chunk's pairs came about, for a person who tunes prompts."""

    index: int
    complaints: str | None = None
    replaced: tuple[DroppedPair, ...] = ()


@dataclass(frozen=True)
class _First:
    """A chunk's first answer and what is right in it, or why there is none."""

    request: ChatRequest
    checks: PassageChecks
    answer: ChatAnswer | None = None
    checked: Checked | None = None
    refused: FileRejected | None = None

    @property
    def valid(self) -> tuple[QAPair, ...]:
        return self.checked.valid if self.checked else ()


class LLMSynthesizer:
    """Summaries and pairs by the model `model`, behind whatever endpoint the asker knows.

    `extra_body` reaches the provider with every call and so is part of the identity. With
    `judge_min` a second call grades each pair, and those below it are dropped.
    """

    def __init__(
        self,
        model: str,
        prompts: Prompts,
        extra_body: Mapping[str, Any],
        judge_min: int | None,
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._extra_body = dict(extra_body)
        self._judge_min = judge_min
        names: tuple[PromptName, ...] = ("synthesize", "repair")
        judge: tuple[PromptName, ...] = ("judge",) if judge_min is not None else ()
        self._prompt_hash = prompts.hash_of(*names, *judge)

    @property
    def synthesizer(self) -> Synthesizer:
        """Written into every row."""
        return Synthesizer(engine="llm", model=self._model, prompt_hash=self._prompt_hash)

    @property
    def cache_identity(self) -> str:
        """Changes whenever the same chunk could get another answer."""
        key = content_key(
            "llm",
            VERSION,
            model=self._model,
            prompts=self._prompt_hash,
            extra_body=self._extra_body,
            judge_min=self._judge_min,
        )
        return f"llm/{VERSION} {key}"

    def first_request(self, chunk: TextChunk) -> ChatRequest:
        """The one call that every chunk needs."""
        return synthesize_request(chunk, self._prompts["synthesize"])

    async def synthesize_document(
        self,
        chunks: Sequence[TextChunk],
        asker: Asker,
        advance: Advance | None = None,
        *,
        trace: Callable[[ChunkTrace], None] | None = None,
    ) -> tuple[Synthesis, ...]:
        """A Synthesis a chunk, in order. `advance` hears of each chunk that is done.

        Every chunk is carried as far as its answers allow before this raises: AnswerPending where
        one waits for a batch, ClaraError where the run must stop. A FileRejected is the reason
        why its chunk has no pairs.
        """
        firsts = [asyncio.ensure_future(self._first(chunk, asker)) for chunk in chunks]

        async def run(index: int, chunk: TextChunk) -> Synthesis:
            first = await firsts[index]
            neighbours = (await firsts[index - 1]).valid if index else ()
            traced = ChunkTrace(index)
            made = await self._rest(chunk, first, neighbours, asker, traced)
            if trace is not None:
                trace(traced)
            if advance is not None:
                advance(1)
            return made

        runs = [run(index, chunk) for index, chunk in enumerate(chunks)]
        results = await asyncio.gather(*runs, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            raise min(failures, key=_urgency)
        return tuple(_without_repeats([r for r in results if isinstance(r, Synthesis)]))

    async def _first(self, chunk: TextChunk, asker: Asker) -> _First:
        request, checks = self.first_request(chunk), PassageChecks(chunk)
        answer: ChatAnswer | None = None
        if checks.language == "other":
            return _First(request, checks, refused=_unsupported(chunk))
        try:
            answer = await asker.ask(request)
            checked = check_first(read_answer(answer), checks)
        except FileRejected as refused:
            return _First(request, checks, answer, refused=refused)
        return _First(request, checks, answer, checked)

    async def _rest(
        self,
        chunk: TextChunk,
        first: _First,
        neighbours: tuple[QAPair, ...],
        asker: Asker,
        traced: ChunkTrace,
    ) -> Synthesis:
        """What becomes of a chunk whose first answer, or the refusal of it, is there.

        A refusal that may pass leaves it unsettled: a later run asks again.
        """
        usages = [first.answer.usage] if first.answer else []
        refusals = [first.refused] if first.refused else []
        if first.refused is not None:
            refusal = DroppedPair(reason=first.refused.reason, detail=first.refused.detail)
            return self._synthesis(None, (), [refusal], usages, refusals)
        assert first.answer is not None and first.checked is not None
        checked = beside(first.checked, neighbours)
        traced.complaints = complaints(checked, first.checks, chunk)
        second: Checked | None = None
        if traced.complaints is not None:
            request = repair_request(
                first.request, first.answer.text, traced.complaints, chunk, self._prompts["repair"]
            )
            try:
                answer = await asker.ask(request)
                usages.append(answer.usage)
                second = check_second(read_answer(answer), first.checks, checked, neighbours)
            except FileRejected as refused:
                refusals.append(refused)  # what the first answer gave is kept
        ended = outcome(checked, second)
        traced.replaced = ended.replaced
        summary = (second or checked).summary
        dropped = [*((summary.fault,) if summary.fault else ()), *ended.lost]
        pairs = first.checks.choose((*checked.valid, *(second.valid if second else ())))
        if self._judge_min is not None and pairs:
            judging = self._judged(chunk, pairs, self._judge_min, asker, usages, refusals)
            pairs, low = await judging
            dropped += low
        return self._synthesis(summary.text, pairs, dropped, usages, refusals)

    async def _judged(
        self,
        chunk: TextChunk,
        pairs: tuple[QAPair, ...],
        least: int,
        asker: Asker,
        usages: list[Usage | None],
        refusals: list[FileRejected],
    ) -> tuple[tuple[QAPair, ...], list[DroppedPair]]:
        try:
            answer = await asker.ask(judge_request(chunk, pairs, self._prompts["judge"]))
            usages.append(answer.usage)
            return graded_pairs(pairs, read_grades(answer, len(pairs)), least)
        except FileRejected as refused:
            refusals.append(refused)
            return (), not_judged(pairs, refused)

    def _synthesis(
        self,
        summary: str | None,
        pairs: tuple[QAPair, ...],
        dropped: Sequence[DroppedPair],
        usages: Sequence[Usage | None],
        refusals: Sequence[FileRejected],
    ) -> Synthesis:
        return Synthesis(
            dense_summary=summary,
            qa_pairs=pairs,
            dropped=tuple(dropped),
            synthesizer=self.synthesizer,
            usage=_sum(usages),
            settled=not any(refused.retryable for refused in refusals),
        )


def _unsupported(chunk: TextChunk) -> FileRejected:
    start = " ".join(chunk.text.split())[:60]
    detail = f"Pairs are made of English and Chinese text only, and this is neither: {start}"
    return FileRejected("language-unsupported", detail)


def _without_repeats(made: Sequence[Synthesis]) -> list[Synthesis]:
    """The finished chunks in order, none asking again what the one before it asks."""
    found: list[Synthesis] = []
    before: tuple[QAPair, ...] = ()
    for one in made:
        faults = [repeats(pair, before) for pair in one.qa_pairs]
        before = tuple(pair for pair, fault in zip(one.qa_pairs, faults, strict=True) if not fault)
        lost = tuple(found_fault for fault in faults for found_fault in fault)
        if lost:
            one = one.model_copy(update={"qa_pairs": before, "dropped": (*one.dropped, *lost)})
        found.append(one)
    return found


def _urgency(failure: BaseException) -> int:
    """What stops the run comes first, then what waits for a batch."""
    return int(isinstance(failure, AnswerPending))


def _sum(usages: Sequence[Usage | None]) -> Usage | None:
    """Tokens of all calls that told them; None where none did."""
    told = [usage for usage in usages if usage is not None]
    if not told:
        return None
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in told),
        completion_tokens=sum(usage.completion_tokens for usage in told),
    )

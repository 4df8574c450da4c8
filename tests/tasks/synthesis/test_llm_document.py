"""The chunks of one document: neighbours, the order of answers, refusals."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tasks.endpoint.chat import AnswerPending, ChatRequest
from tasks.errors import CostLimitReached, FileRejected
from tests.support.drafted_answers import (
    ENGLISH,
    chunk,
    english_answer,
    pair,
)
from tests.support.scripted_asker import ScriptedAsker
from tests.support.synthesis_runs import EN, LLM, NOTHING, made, reasons

_TWIN = ENGLISH.replace("drinking water filter", "filter for drinking water")


def _neighbours(request: ChatRequest) -> dict[str, Any]:
    return english_answer() if request.step == "synthesize" else NOTHING


def test_a_chunk_must_not_ask_what_the_one_before_it_asks() -> None:
    (first, second), asker = made(_neighbours, EN, chunk(_TWIN, "en"))
    assert first.dropped == () and len(first.qa_pairs) == 3
    assert set(reasons(second)) == {"near-duplicate"} and second.qa_pairs == ()
    (repair,) = asker.of_step("repair")
    assert _TWIN in repair.messages[-3].text
    assert "Ask about something else" in repair.messages[-1].text


def test_replacements_are_held_against_the_finished_neighbour() -> None:
    """Both second calls give the same new pair: neither knew of the other's."""
    new = pair("fact", "Who introduced the Marlin 20?", "Tavira Instruments.", "Tavira Instruments")
    other = pair("reasoning", "Why must hot water not enter?", "It softens the block.", "softens")

    def script(request: ChatRequest) -> dict[str, Any]:
        if request.step == "repair":
            return {"dense_summary": None, "pairs": [new]}
        answer = english_answer()
        twin = _TWIN in request.messages[-1].text
        answer["pairs"] = [other] if twin else answer["pairs"][1:]
        return answer

    (first, second), _ = made(script, EN, chunk(_TWIN, "en"))
    assert new["question"] in [p.question for p in first.qa_pairs]
    assert new["question"] not in [p.question for p in second.qa_pairs]
    assert "near-duplicate" in reasons(second)


@pytest.mark.parametrize("seed", range(6))
def test_the_result_does_not_depend_on_when_answers_arrive(seed: int) -> None:
    texts = [f"{ENGLISH} Its serial number is {n}." for n in range(6)]
    chunks = [chunk(text, "en") for text in texts]

    def script(request: ChatRequest) -> dict[str, Any]:
        text = request.messages[1].text
        number = int(re.search(r"serial number is (\d)", text)[1])  # type: ignore[index]
        answer = english_answer()
        if request.step == "repair":
            return {"dense_summary": None, "pairs": answer["pairs"][number % 3 :]}
        answer["pairs"] = answer["pairs"][: 1 + number % 3]
        return answer

    def delay(request: ChatRequest) -> int:
        return zlib.crc32(f"{seed} {request.messages[-1].text}".encode()) % 40

    def asked(asker: ScriptedAsker) -> set[str]:
        return {request.key("scripted", {}) for request in asker.requests}

    at_once, first = made(script, *chunks)
    delayed, later = made(script, *chunks, delay=delay)
    assert delayed == at_once
    assert asked(later) == asked(first)


def test_a_second_call_waits_for_no_more_than_its_neighbour() -> None:
    texts = [f"{ENGLISH} Its serial number is {n}." for n in range(3)]

    def script(request: ChatRequest) -> dict[str, Any]:
        return {**english_answer(), "pairs": []} if request.step == "synthesize" else NOTHING

    def delay(request: ChatRequest) -> int:
        return 500 if "number is 2" in request.messages[1].text else 0

    _, asker = made(script, *(chunk(text, "en") for text in texts), delay=delay)
    order = [(r.step, r.messages[1].text.split("serial number is ")[1][0]) for r in asker.answered]
    assert order.index(("repair", "1")) < order.index(("synthesize", "2"))


def _refusing(step: str, **more: Any) -> Callable[[ChatRequest], dict[str, Any]]:
    def script(request: ChatRequest) -> dict[str, Any]:
        if request.step == step:
            raise FileRejected("content_refused", "the provider's inspection refused it", **more)
        answer = english_answer()
        answer["pairs"] = answer["pairs"][:2]
        return answer

    return script


def test_a_refused_chunk_has_no_pairs_and_says_why() -> None:
    (synthesis,), _ = made(_refusing("synthesize"), EN)
    assert synthesis.qa_pairs == () and synthesis.dense_summary is None
    assert reasons(synthesis) == ["content_refused"]
    assert "inspection" in synthesis.dropped[0].detail
    assert synthesis.usage is None


def test_a_refused_chunk_does_not_hold_up_its_neighbours() -> None:
    def script(request: ChatRequest) -> dict[str, Any]:
        if _TWIN in request.messages[1].text:
            raise FileRejected("context_too_long", "too long")
        return english_answer()

    (first, second), _ = made(script, chunk(_TWIN, "en"), EN)
    assert reasons(first) == ["context_too_long"]
    assert len(second.qa_pairs) == 3 and second.dropped == ()


def test_a_refused_second_call_costs_only_what_it_should_mend() -> None:
    (synthesis,), _ = made(_refusing("repair"), EN)
    assert len(synthesis.qa_pairs) == 2 and synthesis.dense_summary is not None


@pytest.mark.parametrize("step", ["synthesize", "repair"])
def test_a_failure_that_may_pass_leaves_its_chunk_unsettled(step: str) -> None:
    (synthesis,), _ = made(_refusing(step, retryable=True), EN)
    assert not synthesis.settled
    (synthesis,), _ = made(_refusing(step), EN)
    assert synthesis.settled


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"pairs": 3}', '{"pairs": [{"question": 1}]}'])
def test_an_answer_that_is_something_else_refuses_the_chunk(text: str) -> None:
    (synthesis,), _ = made(lambda request: text, EN)
    assert reasons(synthesis) == ["answer_malformed"]


def test_every_chunk_is_asked_before_a_pending_answer_is_raised() -> None:
    def script(request: ChatRequest) -> dict[str, Any]:
        if "number is 1" in request.messages[1].text:
            raise AnswerPending
        return english_answer()

    chunks = [chunk(f"{ENGLISH} Its serial number is {n}.", "en") for n in range(4)]
    asker = ScriptedAsker(script)
    with pytest.raises(AnswerPending):
        asyncio.run(LLM.synthesize_document(chunks, asker))
    assert len(asker.of_step("synthesize")) == 4
    # Chunk 3 has all that it needs; chunk 2 waits for what chunk 1 asks.
    assert len(asker.of_step("repair")) == 1


def test_what_stops_the_run_is_raised_before_what_waits() -> None:
    def script(request: ChatRequest) -> dict[str, Any]:
        if "number is 1" in request.messages[1].text:
            raise CostLimitReached("the limit is reached")
        raise AnswerPending

    chunks = [chunk(f"{ENGLISH} Its serial number is {n}.", "en") for n in range(3)]
    with pytest.raises(CostLimitReached):
        asyncio.run(LLM.synthesize_document(chunks, ScriptedAsker(script)))

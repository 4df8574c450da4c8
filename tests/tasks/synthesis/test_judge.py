"""The second opinion: what the judge is shown, and what its grades do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasks.endpoint.chat import ChatRequest
from tasks.errors import FileRejected
from tasks.records import Grade, Usage
from tasks.synthesis.llm import LLMSynthesizer
from tests.support.drafted_answers import ENGLISH, english_answer
from tests.support.synthesis_runs import EN, LLM, NOTHING, PROMPTS, made, reasons

JUDGED = LLMSynthesizer("scripted", PROMPTS, {}, 4)


def grades(*both: tuple[int, int]) -> dict[str, Any]:
    return {
        "grades": [
            {"number": number, "faithfulness": faithfulness, "answerability": answerability}
            for number, (faithfulness, answerability) in enumerate(both, start=1)
        ]
    }


TWO = grades((5, 5), (5, 5))


def judged(said: Any, **more: Any) -> Any:
    answers = {"synthesize": english_answer(), "judge": said}
    return made(answers, EN, llm=JUDGED, **more)


def test_the_judge_sees_passage_and_pairs_and_nothing_else() -> None:
    _, asker = judged(grades((5, 5), (5, 5), (5, 5)))
    (request,) = asker.of_step("judge")
    user = request.messages[-1].text
    assert ENGLISH in user
    for drafted in english_answer()["pairs"]:
        assert json.dumps(drafted["question"], ensure_ascii=False) in user
        assert drafted["answer"] in user
    assert "cross_lingual" not in user and "counterpart" not in user
    assert all(message.role != "assistant" for message in request.messages)
    assert request.temperature == 0


def test_grades_are_kept_and_low_ones_go() -> None:
    (synthesis,), _ = judged(grades((5, 4), (3, 5), (5, 3)))
    (kept,) = synthesis.qa_pairs
    assert kept.grade == Grade(faithfulness=5, answerability=4)
    assert reasons(synthesis) == ["judged_low", "judged_low"]
    assert "Faithfulness 3, answerability 5" in synthesis.dropped[0].detail
    assert "Faithfulness 5, answerability 3" in synthesis.dropped[1].detail


@pytest.mark.parametrize("least", [1, 3, 5])
def test_the_least_grade_is_the_users(least: int) -> None:
    llm = LLMSynthesizer("scripted", PROMPTS, {}, least)
    answers = {"synthesize": english_answer(), "judge": grades((5, 5), (3, 3), (1, 1))}
    (synthesis,), _ = made(answers, EN, llm=llm)
    assert len(synthesis.qa_pairs) == {1: 3, 3: 2, 5: 1}[least]


@pytest.mark.parametrize(
    "said",
    [
        grades((5, 5), (5, 5)),
        grades((5, 5), (5, 5), (9, 5)),
        grades((5, 5), (5, 5), (5, 0)),
        {
            "grades": [
                *TWO["grades"],
                {**TWO["grades"][0], "number": 7},
            ]
        },
    ],
)
def test_a_pair_without_a_grade_is_dropped(said: Any) -> None:
    (synthesis,), asker = judged(said)
    assert len(synthesis.qa_pairs) == 2
    assert reasons(synthesis) == ["not_judged"]
    assert len(asker.of_step("judge")) == 1


@pytest.mark.parametrize("said", ["no JSON", {"grades": [{"number": "one"}]}, {"grades": []}])
def test_a_judge_that_says_something_else_drops_all(said: Any) -> None:
    (synthesis,), _ = judged(said)
    assert synthesis.qa_pairs == () and set(reasons(synthesis)) == {"not_judged"}
    assert len(synthesis.dropped) == 3
    assert synthesis.dense_summary is not None


def test_a_refused_judge_drops_all_with_the_reason() -> None:
    def script(request: ChatRequest) -> dict[str, Any]:
        if request.step == "judge":
            raise FileRejected("content_refused", "the provider's inspection refused it")
        return english_answer()

    (synthesis,), _ = made(script, EN, llm=JUDGED)
    assert set(reasons(synthesis)) == {"not_judged"}
    assert "inspection" in synthesis.dropped[0].detail


def test_pairs_are_judged_after_they_are_mended() -> None:
    bad = english_answer()
    bad["pairs"][0]["answer"] = "70 months."
    repair = {"dense_summary": None, "pairs": english_answer()["pairs"][:1]}
    answers = {"synthesize": bad, "repair": repair, "judge": grades((5, 5), (5, 5), (5, 5))}
    usage = Usage(prompt_tokens=10, completion_tokens=1)
    (synthesis,), asker = made(answers, EN, llm=JUDGED, usage=usage)
    assert [request.step for request in asker.requests] == ["synthesize", "repair", "judge"]
    assert len(synthesis.qa_pairs) == 3
    assert "70 months" not in asker.requests[-1].messages[-1].text
    assert synthesis.usage == Usage(prompt_tokens=30, completion_tokens=3)


def test_nothing_to_judge_is_no_call() -> None:
    answers = {"synthesize": {**english_answer(), "pairs": []}, "repair": NOTHING}
    (synthesis,), asker = made(answers, EN, llm=JUDGED)
    assert synthesis.qa_pairs == () and not asker.of_step("judge")


def test_without_a_least_grade_nobody_is_asked() -> None:
    (synthesis,), asker = made({"synthesize": english_answer()}, EN)
    assert not asker.of_step("judge")
    assert all(pair.grade is None for pair in synthesis.qa_pairs)


def test_the_judges_prompt_is_part_of_the_row_where_it_was_asked() -> None:
    assert JUDGED.synthesizer.prompt_hash == PROMPTS.hash_of("synthesize", "repair", "judge")
    assert JUDGED.synthesizer != LLM.synthesizer

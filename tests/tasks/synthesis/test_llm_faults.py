"""What models do wrong: asked for again once, then dropped with its reason."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tasks.records import TextChunk
from tasks.synthesis.llm import ChunkTrace
from tests.support.drafted_answers import (
    CHINESE,
    ENGLISH,
    chinese_answer,
    chunk,
    english_answer,
    pair,
)
from tests.support.scripted_asker import ScriptedAsker
from tests.support.synthesis_runs import EN, LLM, NOTHING, ZH, made, one, reasons

ENGLISH_FAULTS = [
    ("question", "What is its price?", "question-dangling"),
    ("question", "According to the passage, how long does the cartridge last?", "refers-to-text"),
    ("question", "What does this document say about the Marlin 20?", "refers-to-text"),
    ("question", "How long does the cartridge in marlin.pdf last?", "question-about-file"),
    ("question", "Describe the Marlin 20.", "question-form"),
    ("question", "Combien de temps dure la cartouche ?", "question-language"),
    ("question", "Does the Marlin 20 last 12 months, or 15,000 litres?", ""),
    ("answer", "13 months, or 15,000 litres.", "ungrounded"),
    ("answer", "12 months, as Dr. Helen Carter showed.", "ungrounded"),
    ("answer", "The passage does not say how long it lasts.", "answer-empty"),
    ("answer", "According to the text, 12 months.", "answer-refers-to-text"),
    ("answer", "滤芯的寿命是十二个月。", "answer-language"),
    ("answer", "", "answer-empty"),
    ("answer", "| months | 12 |\n| --- | --- |", "answer-markup"),
    ("answer", ENGLISH[:380], "answer-length"),
]
CHINESE_FAULTS = [
    ("question", "它的日供水能力是多少？", "question-dangling"),
    ("question", "该水厂的日供水能力是多少？", "question-dangling"),
    ("question", "根据文章，日供水能力是多少？", "refers-to-text"),
    ("question", "文中提到的净水厂日供水能力是多少？", "refers-to-text"),
    ("question", "云岭净水厂的资料在第几页？", "question-about-file"),
    ("answer", "1.6万立方米。", "ungrounded"),
    ("answer", "1.5万立方米，陈建国教授说。", "ungrounded"),
    ("answer", "1.5万立方米，见《水质年鉴》。", "ungrounded"),
    ("answer", "文中没有提到。", "answer-empty"),
    ("answer", "根据原文，是1.5万立方米。", "answer-refers-to-text"),
    ("answer", "Fifteen thousand cubic metres every day.", "answer-language"),
]


def _with_fault(answer: dict[str, Any], part: str, text: str) -> dict[str, Any]:
    answer["pairs"][0][part] = text
    return answer


@pytest.mark.parametrize(
    ("of", "answer", "part", "text", "reason"),
    [
        *((EN, english_answer, *fault) for fault in ENGLISH_FAULTS),
        *((ZH, chinese_answer, *fault) for fault in CHINESE_FAULTS),
    ],
)
def test_a_fault_is_asked_for_again_once_and_then_dropped(
    of: TextChunk, answer: Any, part: str, text: str, reason: str
) -> None:
    bad = _with_fault(answer(), part, text)
    (synthesis,), asker = made(
        {"synthesize": bad, "repair": {"dense_summary": None, "pairs": bad["pairs"][:1]}}, of
    )
    if not reason:
        assert synthesis.dropped == ()
        return
    assert [request.step for request in asker.requests] == ["synthesize", "repair"]
    assert len(synthesis.dropped) == 1
    assert reason in synthesis.dropped[0].reason
    assert len(synthesis.qa_pairs) == 2
    said = asker.requests[1].messages[-1].text
    assert "Pair 1:" in said and 'Missing: a pair of type "fact"' in said


def test_the_second_call_continues_the_conversation() -> None:
    bad = _with_fault(english_answer(), "question", "What is its price?")
    _, asker = made({"synthesize": bad, "repair": NOTHING}, EN)
    first, second = asker.requests
    assert second.messages[: len(first.messages)] == first.messages
    assistant, user = second.messages[len(first.messages) :]
    assert (assistant.role, user.role) == ("assistant", "user")
    assert json.loads(assistant.text) == bad
    assert "What is its price?" in user.text and "Name the thing" in user.text
    assert second.shape is not None and second.shape.name == "replacements"


def test_a_valid_replacement_makes_a_fault_good() -> None:
    good = english_answer()
    bad = _with_fault(english_answer(), "answer", "13 months.")
    repair = {"dense_summary": "Not asked for.", "pairs": good["pairs"][:1]}
    traces: list[ChunkTrace] = []
    asker = ScriptedAsker(lambda r: bad if r.step == "synthesize" else repair)
    (synthesis,) = asyncio.run(LLM.synthesize_document([EN], asker, trace=traces.append))
    assert synthesis.dropped == ()
    assert {p.type for p in synthesis.qa_pairs} == {"fact", "reasoning", "cross_lingual"}
    assert synthesis.dense_summary == bad["dense_summary"]
    assert [fault.reason for fault in traces[0].replaced] == ["ungrounded"]
    assert traces[0].complaints is not None and "13" in traces[0].complaints


def test_the_first_fault_and_that_of_its_replacement_are_told() -> None:
    bad = english_answer()
    for number in range(3):
        bad["pairs"][number]["answer"] = f"{70 + number} months."
    repair = {
        "dense_summary": None,
        "pairs": [english_answer()["pairs"][0], {**bad["pairs"][1], "answer": "80 months."}],
    }
    synthesis = one(bad, repair=repair)
    assert len(synthesis.qa_pairs) == 1
    assert reasons(synthesis) == ["ungrounded"] * 3
    told = [dropped.detail for dropped in synthesis.dropped]
    assert all(n in detail for n, detail in zip(("71", "72", "80"), told, strict=True))


def test_a_kept_pair_that_is_sent_once_more_hides_no_fault() -> None:
    bad = _with_fault(english_answer(), "answer", "70 months.")
    synthesis = one(bad, repair={"dense_summary": None, "pairs": bad["pairs"][1:]})
    assert len(synthesis.qa_pairs) == 2 and reasons(synthesis) == ["ungrounded"]


def test_a_chunk_without_a_valid_pair_has_none() -> None:
    bad = english_answer()
    bad["pairs"] = [_with_fault(english_answer(), "answer", "70 months.")["pairs"][0]]
    synthesis = one(bad)
    assert synthesis.qa_pairs == () and reasons(synthesis) == ["ungrounded"]
    assert synthesis.dense_summary is not None


def test_a_pair_that_asks_the_same_again_is_a_fault() -> None:
    answer = english_answer()
    answer["pairs"].append(
        pair(
            "fact",
            "How long does a cartridge of the Marlin 20 filter last?",
            "12 months, or 15,000 litres.",
            "lasts 12 months, or 15,000 litres",
        )
    )
    assert reasons(one(answer)) == ["near-duplicate"]


def test_two_facts_of_one_sentence_are_no_duplicates() -> None:
    answer = english_answer()
    quote = "a drinking water filter that Tavira Instruments introduced in May 2018"
    answer["pairs"] += [
        pair("fact", "When was the Marlin 20 introduced?", "In May 2018.", quote),
        pair("fact", "Who introduced the Marlin 20?", "Tavira Instruments.", quote),
    ]
    synthesis = one(answer)
    assert synthesis.dropped == () and len(synthesis.qa_pairs) == 5


@pytest.mark.parametrize(
    ("of", "answer", "asked", "counterpart", "reason"),
    [
        (
            EN,
            english_answer,
            "Marlin 20 净水器能去除百分之多少的氯？",
            "What percentage of the chlorine does the Marlin 30 remove?",
            "bilingual-mismatch",
        ),
        (EN, english_answer, "Marlin 30 净水器能去除百分之多少的氯？", None, "ungrounded"),
        (
            ZH,
            chinese_answer,
            "How much was invested in the waterworks' carbon filter in 2016?",
            "2017年净水厂的活性炭滤池投资了多少？",
            "bilingual-mismatch",
        ),
        (EN, english_answer, "Marlin 20 净水器能去除百分之多少的氯？", None, ""),
        # No counterpart in the passage's language: there is nothing to compare.
        (EN, english_answer, "Marlin 20 能去除多少氯？", "Marlin 20 能去除多少氯？", ""),
    ],
)
def test_the_two_languages_of_a_question_agree(
    of: TextChunk, answer: Any, asked: str, counterpart: str | None, reason: str
) -> None:
    bad = answer()
    bad["pairs"][2].update(question=asked, question_in_passage_language=counterpart)
    synthesis = one(bad, of)
    assert reasons(synthesis) == ([reason] if reason else [])


def test_a_fact_that_nothing_in_the_passage_says_is_ungrounded() -> None:
    answer = english_answer()
    answer["pairs"][0].update(
        question="Which colour does the Marlin 20 have?",
        answer="Bright yellow with stripes.",
        quote="It is bright yellow and has stripes all around.",
    )
    assert reasons(one(answer)) == ["ungrounded"]


@pytest.mark.parametrize(
    ("summary", "reason"),
    [
        (ENGLISH[:-10], "summary-length"),
        ("The Marlin 20 is a filter.", "summary-length"),
        ("", "summary-empty"),
        (english_answer()["dense_summary"].replace("15,000", "50,000"), "summary-ungrounded"),
        (english_answer()["dense_summary"].replace("Helen", "Mary"), "summary-ungrounded"),
        (chinese_answer()["dense_summary"] * 2, "summary-language"),
    ],
)
def test_an_invalid_summary_is_asked_for_again_and_then_null(summary: str, reason: str) -> None:
    answer = {**english_answer(), "dense_summary": summary}
    (synthesis,), asker = made({"synthesize": answer, "repair": NOTHING}, EN)
    assert len(asker.requests) == 2
    assert "dense_summary:" in asker.requests[1].messages[-1].text
    assert synthesis.dense_summary is None
    assert reasons(synthesis) == [reason]
    assert len(synthesis.qa_pairs) == 3


SUMMARY_EN, SUMMARY_ZH = english_answer()["dense_summary"], chinese_answer()["dense_summary"]


@pytest.mark.parametrize(
    ("of", "answer", "summary"),
    [
        (EN, english_answer, ENGLISH[: int(len(ENGLISH) * 0.7)].rstrip(". ")[:-3]),
        (ZH, chinese_answer, CHINESE[: int(len(CHINESE) * 0.7)].rstrip("。")[:-1]),
        (EN, english_answer, f"# Marlin 20\n{SUMMARY_EN}"),
        (EN, english_answer, f"{SUMMARY_EN} | 12 | months |."),
        (ZH, chinese_answer, f"## 净水厂\n{SUMMARY_ZH}"),
    ],
)
def test_a_summary_that_is_cut_off_or_marked_up_is_a_fault(
    of: TextChunk, answer: Any, summary: str
) -> None:
    assert reasons(one({**answer(), "dense_summary": summary}, of)) == ["summary-form"]


@pytest.mark.parametrize(
    "text",
    [
        "필터는 십이 개월마다 교체해야 합니다. " * 10,
        "Фильтр меняют каждые двенадцать месяцев. " * 10,
    ],
)
def test_a_text_in_another_script_is_not_asked_about(text: str) -> None:
    (synthesis,), asker = made({}, chunk(text, "other"))
    assert asker.requests == [] and synthesis.qa_pairs == ()
    assert reasons(synthesis) == ["language-unsupported"] and synthesis.settled


def test_a_new_summary_takes_the_place_of_a_bad_one() -> None:
    good = english_answer()["dense_summary"]
    repair = {"dense_summary": f"Summary: **{good}**", "pairs": []}
    synthesis = one({**english_answer(), "dense_summary": "Too short."}, repair=repair)
    assert synthesis.dense_summary == good and synthesis.dropped == ()


def test_a_short_chunk_keeps_its_one_pair_and_is_not_asked_again() -> None:
    text = "The tank of the Marlin 20 holds 5 litres."
    answer = {
        "dense_summary": "The Marlin 20's tank holds 5 litres.",
        "pairs": [pair("fact", "How much does the Marlin 20's tank hold?", "5 litres.", text)],
    }
    (synthesis,), asker = made({"synthesize": answer}, chunk(text, "en"))
    assert len(asker.requests) == 1
    assert len(synthesis.qa_pairs) == 1 and synthesis.dropped == ()

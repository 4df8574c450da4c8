"""The extractive engine on small passages, as its caller sees it: pairs, summary, determinism."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tasks.records import Language, QAPair, Synthesis, TextChunk
from tasks.synthesis.engine import SynthesisEngine
from tasks.synthesis.extractive import ExtractiveSynthesizer, synthesize
from tasks.synthesis.rules import check_pair, check_summary, near_duplicate
from tasks.text import language_of

MANUAL = """# AquaPure 300 User Manual

The AquaPure 300 is a water purifier that removes lime and chlorine. The company Hydrotec was \
founded in 1990 by John Smith. The filter must be replaced every six months, because deposits \
block the flow. To reset the device, press the button for five seconds.

Rated voltage: 230 V

| Model | Weight (kg) | Rated power |
|---|---|---|
| A1 | 3.5 | 20 W |
| B2 | 4.1 | 35 W |

[IMAGE DESCRIPTION of 0123456789abcdef.jpg]
The pump is connected to the tank.
"""
HANDBOOK = """# 净水器使用手册

滤芯是一种去除水垢和余氯的部件。海德公司于1990年成立，总部位于上海市。由于沉积物会堵塞滤芯，\
滤芯必须每六个月更换一次。无烟煤的密度约为1.5克。超滤膜的孔径比微滤膜更小。

| 型号 | 重量（千克） | 额定功率 |
|---|---|---|
| A1 | 3.5 | 20 W |
| B2 | 4.1 | 35 W |
"""


def chunk(text: str, *headings: str, language: Language | None = None) -> TextChunk:
    return TextChunk(
        text=text, headings=headings, language=language or language_of(text), tokens=len(text)
    )


def every_question(text: str, *headings: str) -> dict[str, QAPair]:
    """Pairs of the sentence or block alone, by question, so that none crowds another out."""
    return {pair.question: pair for pair in synthesize(chunk(text, *headings), 0).qa_pairs}


@pytest.fixture(scope="module", params=["en", "zh"])
def made(request: pytest.FixtureRequest) -> tuple[TextChunk, Synthesis]:
    passage = (
        chunk(MANUAL, "AquaPure 300 User Manual", language="en")
        if request.param == "en"
        else chunk(HANDBOOK, "净水器使用手册", language="zh")
    )
    return passage, synthesize(passage, 0)


def test_a_rich_chunk_gets_all_that_is_wanted(made: tuple[TextChunk, Synthesis]) -> None:
    passage, synthesis = made
    pairs = synthesis.qa_pairs
    assert 3 <= len(pairs) <= 5
    assert {"fact", "reasoning", "cross_lingual"} <= {pair.type for pair in pairs}
    assert {pair.question_language for pair in pairs} == {"en", "zh"}
    assert all(check_pair(pair, passage) == [] for pair in pairs)
    assert not any(near_duplicate(a, b) for i, a in enumerate(pairs) for b in pairs[:i])


def test_answers_are_verbatim_spans(made: tuple[TextChunk, Synthesis]) -> None:
    passage, synthesis = made
    for pair in synthesis.qa_pairs:
        assert pair.evidence is not None
        assert passage.text[pair.evidence.start : pair.evidence.end] == pair.answer
        assert pair.answer_language == passage.language


def test_summary_is_verbatim_and_of_the_wanted_length(made: tuple[TextChunk, Synthesis]) -> None:
    passage, synthesis = made
    summary = synthesis.dense_summary
    assert summary is not None
    assert check_summary(summary, passage) is None
    assert "[IMAGE" not in summary
    position = 0
    for line in summary.split("\n"):
        # A table's row is written as its cells, without bars; all else as it stands.
        first = line.split("; ")[0] if "; " in line else line[:20]
        found = passage.text.find(first, position)
        assert found >= position
        position = found
    assert "|" not in summary


def test_provenance(made: tuple[TextChunk, Synthesis]) -> None:
    _, synthesis = made
    assert synthesis.usage is None
    assert synthesis.synthesizer.engine == "extractive"
    assert synthesis.synthesizer.model is None and synthesis.synthesizer.prompt_hash is None


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        (
            "The bridge over the Avon was built in 1864 by William Henry Barlow.",
            "When was the bridge over the Avon built by William Henry Barlow?",
            "1864",
        ),
        (
            "In March 2007, Hydrotec opened a plant in Berlin.",
            "When did Hydrotec open a plant in Berlin?",
            "March 2007",
        ),
        (
            "Debian is a free operating system for personal computers.",
            "What is Debian?",
            "a free operating system for personal computers",
        ),
        (
            "Ada Lovelace was an English mathematician and writer.",
            "Who was Ada Lovelace?",
            "an English mathematician and writer",
        ),
        (
            "Hydrotec Industries has a capacity of 300 litres.",
            "What capacity does Hydrotec Industries have?",
            "300 litres",
        ),
        (
            "The Avon Centre contains 12 laboratories.",
            "How many laboratories does the Avon Centre contain?",
            "12 laboratories",
        ),
        (
            "Ada Lovelace was born in London, England.",
            "Where was Ada Lovelace born?",
            "London, England",
        ),
    ],
)
def test_english_facts(sentence: str, question: str, answer: str) -> None:
    pairs = every_question(sentence)
    assert question in pairs, list(pairs)
    assert pairs[question].answer == answer
    assert pairs[question].type == "fact"


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        ("北京大学是一所位于北京的综合性大学。", "北京大学是什么？", "一所位于北京的综合性大学"),
        ("海德公司于1990年成立。", "海德公司于哪一年成立？", "1990年"),
        ("海德公司的总部位于上海市。", "海德公司的总部位于哪里？", "上海市"),
        ("无烟煤的密度约为1.5克。", "无烟煤的密度约为多少克？", "1.5克"),
        ("要重置水泵控制器，请按住按钮五秒钟。", "如何重置水泵控制器？", "请按住按钮五秒钟"),
    ],
)
def test_chinese_facts(sentence: str, question: str, answer: str) -> None:
    pairs = every_question(sentence)
    assert question in pairs, list(pairs)
    assert pairs[question].answer == answer


@pytest.mark.parametrize(
    ("sentence", "question", "answer"),
    [
        (
            "Hydrotec filters are replaced every month because deposits block the flow.",
            "Why are Hydrotec filters replaced every month?",
            "because deposits block the flow",
        ),
        (
            "The pump of Hydrotec is lighter than the pump of Siemens.",
            "Which is lighter, the pump of Hydrotec or the pump of Siemens?",
            "The pump of Hydrotec",
        ),
        (
            "由于沉积物会堵塞滤芯，滤芯必须每六个月更换一次。",
            "为什么滤芯必须每六个月更换一次？",
            "由于沉积物会堵塞滤芯",
        ),
        ("超滤膜的孔径比微滤膜更小。", "超滤膜的孔径和微滤膜相比，哪一个更小？", "超滤膜的孔径"),
    ],
)
def test_reasons_and_comparisons(sentence: str, question: str, answer: str) -> None:
    pairs = every_question(sentence)
    assert question in pairs, list(pairs)
    assert pairs[question].answer == answer
    assert pairs[question].type == "reasoning"


def test_a_fact_is_never_called_reasoning() -> None:
    made = synthesize(chunk("Debian is a free operating system for personal computers."), 0)
    assert {pair.type for pair in made.qa_pairs} <= {"fact", "cross_lingual"}


def test_cells_are_asked_by_row_and_column() -> None:
    table = "| Model | Weight (kg) | Rated power |\n|---|---|---|\n| A1 | 3.5 | 20 W |\n"
    pairs = every_question(table)
    assert pairs["What is the rated power of A1?"].answer == "20 W"
    assert pairs["What is the weight of A1?"].answer == "3.5"


def test_two_cells_are_weighed_against_each_other() -> None:
    table = "| 型号 | 重量 |\n|---|---|\n| 甲型泵 | 3.5 |\n| 乙型泵 | 4.1 |\n"
    reasons = [p for p in synthesize(chunk(table), 0).qa_pairs if p.type == "reasoning"]
    assert [(p.question, p.answer) for p in reasons] == [
        ("甲型泵和乙型泵相比，哪一个的重量更大？", "乙型泵")
    ]


def test_a_key_is_asked_for_what_the_manual_is_about() -> None:
    pairs = every_question("Rated voltage: 230 V\n\nNote: 12 V also works", "AquaPure 300 Manual")
    assert pairs["What is the rated voltage of AquaPure 300?"].answer == "230 V"
    assert len([p for p in pairs.values() if p.question_language == "en"]) == 1


def test_a_heading_that_asks_is_answered_by_its_paragraph() -> None:
    pairs = every_question("## 3.1 Why does tap water smell?\n\nIt smells because of chlorine.\n")
    assert pairs["Why does tap water smell?"].answer == "It smells because of chlorine."


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "```\nrm -rf build\nmake all\n```",
        "| | |\n|---|---|\n| - | - |",
        "He was founded in 1990. It is a kind of pump that moves water.",
        "This document was written in 2020.",
        "The company was founded in 1990.",
        "它于1990年成立。该公司位于上海。",
        "[IMAGE DESCRIPTION of 0123456789abcdef.jpg]",
        "was founded in 1990 and closed in",
        "12 34 56 --- === ||| ###",
    ],
)
def test_what_cannot_be_asked_about_gets_no_pair(text: str) -> None:
    assert synthesize(chunk(text), 0).qa_pairs == ()


def test_questions_never_name_marks_or_files() -> None:
    text = (
        "[IMAGE DESCRIPTION of 0123456789abcdef.jpg]\n"
        "The **AquaPure 300** is a water purifier that removes lime.\n"
        "See [the manual](https://example.org/manual.pdf) for more.\n"
    )
    for pair in synthesize(chunk(text, "AquaPure 300"), 0).qa_pairs:
        assert not any(mark in pair.question for mark in ("**", "[", "](", "jpg", "pdf"))


def test_same_bytes_in_another_process() -> None:
    passage = chunk(MANUAL, "AquaPure 300 User Manual", language="en")
    code = (
        "import sys; from tasks.records import TextChunk;"
        "from tasks.synthesis.extractive import synthesize;"
        "chunk = TextChunk.model_validate_json(sys.stdin.read());"
        "print(synthesize(chunk, 7).model_dump_json())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=passage.model_dump_json(),
            env={"PYTHONHASHSEED": seed, "PATH": "", "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert outputs == {synthesize(passage, 7).model_dump_json()}


def test_the_engine_says_what_its_answers_rest_on() -> None:
    engine: SynthesisEngine = ExtractiveSynthesizer()
    assert engine.synthesizer.engine == "extractive"
    assert "rjieba/" in engine.cache_identity and "cedict/" in engine.cache_identity
    passage = chunk(MANUAL, language="en")
    assert engine.synthesize(passage, 3) == synthesize(passage, 3)


def test_without_the_dictionary_terms_are_carried(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.synthesis import dictionary

    monkeypatch.setattr(dictionary, "_entries", lambda: ({}, {}))
    assert dictionary.to_english("额定电压") == "rated voltage"
    assert dictionary.to_english("志愿者") is None
    made = synthesize(chunk(MANUAL, "AquaPure 300 User Manual", language="en"), 0)
    assert any(pair.type == "cross_lingual" for pair in made.qa_pairs)

"""Where words stand in a passage: spans of code points, whole words at both ends."""

from __future__ import annotations

import pytest

from tasks.synthesis.alignment import align, align_answer

ENGLISH = (
    "The pump was built in 1990. It needs 230 V and 15 A, and it weighs 215 kg. "
    "Fine carbon dust would otherwise reach the tap, so the filter must be flushed. "
    "“Never run it dry”, says the manual."
)
CHINESE = (
    "水泵建于1990年，需要230伏电压。夏季藻类增多，砂滤池容易堵塞，"
    "因此每天要反冲洗两次。冬季每三天冲洗一次。"
)


def found(words: str, passage: str) -> str | None:
    span = align(words, passage)
    return None if span is None else passage[span.start : span.end]


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("It needs 230 V and 15 A", "It needs 230 V and 15 A"),
        ("it needs 230 v and 15 a", "It needs 230 V and 15 A"),
        ('"Never run it dry", says the manual.', "“Never run it dry”, says the manual."),
        (
            "Fine carbon dust would otherwise reach a tap",
            "Fine carbon dust would otherwise reach the tap",
        ),
        ("The pump was built ... it weighs 215 kg", None),
        ("It needs 230 V ... it weighs 215 kg", "It needs 230 V and 15 A, and it weighs 215 kg"),
        ("The engine was repainted in Rome last year", None),
        ("It needs 240 V and 15 A, and it weighs 215 kg.", None),
        ("", None),
    ],
)
def test_english_quotes(quote: str, text: str | None) -> None:
    shown = found(quote, ENGLISH)
    if quote.startswith("The pump"):
        assert shown is not None and shown.startswith("The pump") and shown.endswith("215 kg")
    else:
        assert shown == text


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("需要230伏电压", "需要230伏电压"),
        ("需要２３０伏电压", "需要230伏电压"),
        ("夏季藻類增多，砂濾池容易堵塞", "夏季藻类增多，砂滤池容易堵塞"),
        ("夏季藻类增多,砂滤池容易堵塞,每天要反冲洗两次", None),
        ("冬季每五天冲洗一次，因为水很冷", None),
    ],
)
def test_chinese_quotes(quote: str, text: str | None) -> None:
    shown = found(quote, CHINESE)
    if quote.startswith("夏季藻类增多,"):
        # Half-width commas and a word left out: nearly the same.
        assert shown == "夏季藻类增多，砂滤池容易堵塞，因此每天要反冲洗两次"
    else:
        assert shown == text


def test_a_span_never_cuts_a_word_or_a_number() -> None:
    assert found("5 kg", ENGLISH) is None
    assert found("15 A", ENGLISH) == "15 A"
    span = align("carbon dust would otherwise reach the ta", ENGLISH)
    assert span is not None and ENGLISH[span.start : span.end].endswith("tap")


def test_a_quote_as_long_as_the_passage_or_longer() -> None:
    assert found(CHINESE, CHINESE) == CHINESE
    assert found(CHINESE * 3, CHINESE) is not None or align(CHINESE * 3, CHINESE) is None


def test_positions_are_code_points() -> None:
    passage = "😀😀 The value is 5 bar. 𠮷野家"
    span = align("5 bar", passage)
    assert span is not None and passage[span.start : span.end] == "5 bar"
    assert found("𠮷野家", passage) == "𠮷野家"


@pytest.mark.parametrize(
    ("question", "answer", "sentence"),
    [
        ("When was the pump built?", "In 1990.", "The pump was built in 1990."),
        (
            "How heavy is the pump?",
            "The pump weighs 215 kg.",
            "It needs 230 V and 15 A, and it weighs 215 kg.",
        ),
        ("Is the pump old?", "Yes.", None),
        ("Who built it?", "Marco Rossi", None),
    ],
)
def test_an_answer_is_proved_by_its_sentence(
    question: str, answer: str, sentence: str | None
) -> None:
    span = align_answer(answer, ENGLISH, question)
    assert (None if span is None else ENGLISH[span.start : span.end]) == sentence


def test_numbers_are_found_in_another_spelling() -> None:
    passage = "投资1.5万元。寿命为三年。"
    span = align_answer("15,000元", passage, "投资多少？")
    assert span is not None and passage[span.start : span.end] == "投资1.5万元。"


def test_an_empty_passage_holds_nothing() -> None:
    assert align("words", "") is None
    assert align_answer("words of the answer", "", "why?") is None

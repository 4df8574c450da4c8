"""DATA.md's rules for pairs, summaries and sets of pairs."""

from __future__ import annotations

import pytest

from tasks.records import Evidence, Language, QAPair, QuestionType, TextChunk
from tasks.synthesis.rules import (
    check_pair,
    check_set,
    check_summary,
    dangling_pronoun,
    near_duplicate,
    question_is_in,
)

TEXT = "Hydrotec was founded in 1990 by John Smith. Its pumps run on 230 V."
CHUNK = TextChunk(text=TEXT, language="en", tokens=20)


def pair(
    question: str,
    answer: str = "1990",
    *,
    kind: QuestionType = "fact",
    asked: Language = "en",
    at: int | None = None,
) -> QAPair:
    start = TEXT.find(answer) if at is None else at
    return QAPair(
        type=kind,
        question=question,
        answer=answer,
        question_language=asked,
        answer_language="en",
        evidence=Evidence(start=start, end=start + len(answer)),
    )


def reasons(made: QAPair, chunk: TextChunk = CHUNK) -> set[str]:
    return {dropped.reason for dropped in check_pair(made, chunk)}


def test_a_good_pair_breaks_nothing() -> None:
    assert reasons(pair("When was Hydrotec founded?")) == set()
    assert reasons(pair("Hydrotec 是什么时候成立的？", kind="cross_lingual", asked="zh")) == set()


@pytest.mark.parametrize(
    "question",
    [
        "According to the text, when was Hydrotec founded?",
        "When was Hydrotec founded, as mentioned above?",
        "What does this document say about Hydrotec?",
        "根据上文，Hydrotec 是什么时候成立的？",
        "文中提到的 Hydrotec 是什么时候成立的？",
    ],
)
def test_questions_stand_alone(question: str) -> None:
    assert "question-refers-to-text" in reasons(pair(question))


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("When was it founded?", "it"),
        ("Why did he leave the company?", "he"),
        ("What do these pumps need?", "these"),
        ("它是什么时候成立的？", "它"),
        ("该公司是什么时候成立的？", "该"),
        ("When did Ada Lovelace publish her notes?", ""),
        ("What does the pump do with its filter?", ""),
        ("Why is it important to rinse a filter?", ""),
        ("其他国家的限值是多少？", ""),
        ("应该如何更换滤芯？", ""),
        ("When was “It” published?", ""),
    ],
)
def test_dangling_pronouns(question: str, found: str) -> None:
    assert dangling_pronoun(question) == found


@pytest.mark.parametrize(
    "question",
    [
        "What is shown in manual.pdf?",
        "On what page is Hydrotec named?",
        "这个信息的页码是多少？",
        "What is the file name of Hydrotec?",
    ],
)
def test_questions_about_files_and_pages(question: str) -> None:
    assert "question-about-file" in reasons(pair(question))


@pytest.mark.parametrize("question", ["What is **Hydrotec**?", "What is | --- | here?"])
def test_markup(question: str) -> None:
    assert "question-markup" in reasons(pair(question))


def test_form_of_a_question() -> None:
    assert "question-form" in reasons(pair("Hydrotec was founded."))
    assert "question-form" in reasons(pair("Why?"))
    assert "question-form" in reasons(pair("When was\nHydrotec founded?"))


def test_a_question_does_not_hold_its_answer() -> None:
    assert "answer-in-question" in reasons(pair("Was Hydrotec founded in 1990?"))
    assert "answer-in-question" not in reasons(pair("Was Hydrotec founded after 19903?"))


def test_a_choice_names_its_answer() -> None:
    made = pair("Which is older, Hydrotec or John Smith?", "John Smith", kind="reasoning")
    assert reasons(made) == set()


def test_evidence_is_the_answer_word_for_word() -> None:
    assert "evidence-mismatch" in reasons(pair("When was Hydrotec founded?", at=3))
    beyond = pair("When was Hydrotec founded?", at=len(TEXT) + 5)
    assert "evidence-mismatch" in reasons(beyond)


def test_empty_answer() -> None:
    assert "answer-empty" in reasons(pair("When was Hydrotec founded?", ". ", at=0))


def test_languages() -> None:
    assert "question-language" in reasons(pair("When was Hydrotec founded?", asked="zh"))
    assert "pair-type" in reasons(pair("Hydrotec 是什么时候成立的？", asked="zh"))
    assert "pair-type" in reasons(pair("When was Hydrotec founded?", kind="cross_lingual"))


def test_an_answer_in_another_language_is_no_answer() -> None:
    made = pair("When was Hydrotec founded?").model_copy(
        update={"answer": "一九九〇年成立于柏林", "evidence": None}
    )
    assert "answer-language" in reasons(made)


def test_carried_terms_do_not_decide_the_language_of_a_question() -> None:
    assert question_is_in("“the boot loader”是什么？", "zh")
    assert question_is_in("What is the rated voltage of 海德公司?", "en")
    assert not question_is_in("What is a boot loader?", "zh")


@pytest.mark.parametrize(
    ("share", "valid"), [(0.49, False), (0.5, True), (0.8, True), (0.81, False), (1.0, False)]
)
def test_summary_length(share: float, valid: bool) -> None:
    chunk = TextChunk(text="x" * 200, language="en", tokens=1)
    assert (check_summary("x" * round(200 * share), chunk) is None) == valid


def test_summary_of_a_short_chunk_is_not_measured() -> None:
    assert check_summary("x" * 10, TextChunk(text="x" * 199, language="en", tokens=1)) is None
    assert check_summary(" ", CHUNK) is not None


def test_what_a_set_lacks() -> None:
    fact = pair("When was Hydrotec founded?")
    found = {dropped.reason for dropped in check_set([fact, fact], CHUNK)}
    assert found == {"pair-count", "no-reasoning", "no-cross-lingual", "near-duplicate"}


def test_near_duplicates() -> None:
    one = pair("When was Hydrotec founded?")
    assert near_duplicate(one, pair("When was the Hydrotec company founded?"))
    assert not near_duplicate(one, pair("What do Hydrotec's pumps run on?", "230 V"))
    other = pair("Hydrotec 是什么时候成立的？", kind="cross_lingual", asked="zh")
    assert not near_duplicate(one, other)


def test_a_completion_question_must_not_hold_its_answer() -> None:
    text = "Alum works best at a pH of 6 to 7, and 6 to 7 is common."
    passage = TextChunk(text=text, headings=(), language="en", tokens=20)
    told = QAPair(
        type="fact",
        question="Which figure completes the statement “Alum works at ____, and 6 to 7 is common”?",
        answer="6 to 7",
        question_language="en",
        answer_language="en",
        evidence=None,
    )
    assert "answer-in-question" in [drop.reason for drop in check_pair(told, passage)]


@pytest.mark.parametrize(
    ("question", "dangles"),
    [
        ("Why does better coagulation lower them?", True),
        ("When the filter clogs, how do you clean it?", False),
        ("Which year completes the statement “They were built in ____”?", False),
    ],
)
def test_an_object_that_nothing_names(question: str, dangles: bool) -> None:
    assert bool(dangling_pronoun(question)) is dangles

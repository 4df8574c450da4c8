from __future__ import annotations

from typing import Any

import pytest

from clara_model.config import Stage
from clara_model.data.rows import CompressionRow, QuestionRow, parse_row
from clara_model.errors import DataError
from tests.clara_model.data.stage_rows import qa_row, question_row


def compression(row: dict[str, Any]) -> CompressionRow:
    parsed = parse_row("compression", row, "f.jsonl:3", "line-3")
    assert isinstance(parsed, CompressionRow)
    return parsed


def question(row: dict[str, Any], stage: Stage = "instruction") -> QuestionRow:
    parsed = parse_row(stage, row, "f.jsonl:3", "line-3")
    assert isinstance(parsed, QuestionRow)
    return parsed


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def test_rows_of_this_projects_files() -> None:
    row = compression(qa_row(1))
    assert row.pairs == (("What is pump 1?", "Number 1."), ("Where?", "In the cellar."))
    assert row.documents == ("Pump 1 stands in the cellar.",)
    summary = qa_row(1, data_type="paraphrase", question="", answers=["A pump."])
    assert compression(summary).summary == "A pump."
    asked = question(question_row(1))
    assert (asked.question, asked.answer, asked.answers) == (
        "Where is pump 1?",
        "room 1",
        ("room 1",),
    )
    assert asked.positives == (1,)


def test_a_reasoning_row_is_trained_on_its_trace_and_judged_by_its_answer() -> None:
    trace = "<think>..</think><answer>room 1</answer>"
    row = question(question_row(1, answer=trace), "reasoning")
    assert (row.answer, row.answers) == (trace, ("room 1",))


@pytest.mark.parametrize(
    ("fields", "answer", "answers"),
    [
        ({"answer": "a"}, "a", ("a",)),
        ({"answers": ["a", "b"]}, "a", ("a", "b")),
        ({"answer": ["a", "b"]}, "a", ("a", "b")),
        ({"golden_answers": ["a", "b"]}, "a", ("a", "b")),
        ({"gold_answer": "a"}, "a", ("a",)),
        ({"answer": "a long answer", "golden_answers": ["a", "b"]}, "a long answer", ("a", "b")),
        ({"answer": None, "gold_answer": "a"}, "a", ("a",)),
    ],
)
def test_answers_under_every_name(
    fields: dict[str, Any], answer: str, answers: tuple[str, ...]
) -> None:
    row = question({**without(question_row(1), "answer", "gold_answer"), **fields})
    assert (row.answer, row.answers) == (answer, answers)


@pytest.mark.parametrize("name", ["docs", "context", "content"])
@pytest.mark.parametrize("value", ["A pump.", ["A pump."]])
def test_documents_under_every_name(name: str, value: str | list[str]) -> None:
    row = question({"question": "Where?", "answer": "here", name: value})
    assert row.documents == ("A pump.",)
    assert row.positives is None
    assert row.id == "line-3"


@pytest.mark.parametrize("unknown", [None, []])
def test_positives_may_be_unknown(unknown: object) -> None:
    assert question(question_row(1, pos_index=unknown)).positives is None


def test_a_number_serves_as_id_and_a_repeated_position_counts_once() -> None:
    row = question(question_row(1, id=7, pos_index=[2, 0, 2]))
    assert (row.id, row.positives) == ("7", (2, 0))


def test_compression_takes_a_question_with_its_document() -> None:
    row = compression(question_row(4, documents=3))
    assert row.pairs == (("Where is pump 4?", "room 4"),)
    assert row.documents == ("Pump 4 is here.",)


@pytest.mark.parametrize(
    ("stage", "row", "problem"),
    [
        ("instruction", without(question_row(1), "question"), "the field `question` is missing"),
        ("instruction", without(question_row(1), "docs"), "it has no documents"),
        ("instruction", without(question_row(1), "answer", "gold_answer"), "it has no answer"),
        ("instruction", question_row(1, docs=[]), "`docs` is an empty list"),
        ("instruction", question_row(1, docs=["a", 5]), "`docs` number 1 is 5, not a text"),
        ("instruction", question_row(1, docs=["a", " "]), "`docs` number 1 is empty"),
        ("instruction", question_row(1, docs={"a": 1}), "neither a text nor a list of texts"),
        ("instruction", question_row(1, question=""), "`question` is empty"),
        ("instruction", question_row(1, question=["a", "b"]), "it has 2 questions"),
        ("instruction", question_row(1, answer=3), "`answer` is 3, neither a text"),
        ("instruction", question_row(1, question="\ud83d"), "unpaired surrogate"),
        ("instruction", question_row(1, pos_index=[3]), "names document 3, but there are 3"),
        ("instruction", question_row(1, pos_index=[-1]), "names document -1"),
        ("instruction", question_row(1, pos_index=["1"]), "not a list of positions"),
        ("instruction", question_row(1, id=[1]), "`id` is [1], neither a text nor a number"),
        ("compression", qa_row(1, docs=["a", "b"]), "it has 2 documents"),
        ("compression", qa_row(1, data_type="summary"), "`data_type` is 'summary'"),
        ("compression", without(qa_row(1), "data_type"), "the field `data_type` is missing"),
        ("compression", qa_row(1, answers=["a"]), "it has 2 questions and 1 answers"),
        ("compression", qa_row(1, data_type="paraphrase"), "a paraphrase row has one answer"),
    ],
)
def test_a_malformed_row_is_named_by_its_line(
    stage: Stage, row: dict[str, Any], problem: str
) -> None:
    with pytest.raises(DataError) as caught:
        parse_row(stage, row, "f.jsonl:3", "line-3")
    assert str(caught.value).startswith("f.jsonl:3: ")
    assert problem in str(caught.value)

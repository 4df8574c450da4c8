from __future__ import annotations

import json

import pytest

from tasks.assemble import number_pairs, pair_id
from tasks.errors import ReviewsInvalid
from tasks.records import Grade
from tasks.reviews import apply_reviews, decode_reviews, is_applied, parse_reviews
from tests.tasks.dataset_rows import pair, training_row

TEXT = "The pump weighs 5 kg. A full pump weighs 5 kg more. 水泵由上海工厂制造。"


def rows():  # type: ignore[no-untyped-def]
    made = [("What does it weigh?", "5 kg"), ("Who makes it?", "上海工厂"), ("What is it?", "pump")]
    return number_pairs(
        [training_row("a.txt", TEXT, made), training_row("b.txt", "B is here.", [("Q?", "B")])]
    )


def review(id_: str, action: str, **fields: str) -> str:
    return json.dumps({"id": id_, "action": action, **fields}, ensure_ascii=False)


def test_drop_keeps_the_ids_of_the_other_pairs() -> None:
    numbered = rows()
    id_ = numbered[0].row.id
    result = apply_reviews(numbered, parse_reviews([review(pair_id(id_, 1), "drop")]))
    assert [i for i, _ in result.rows[0].numbered_pairs()] == [f"{id_}-0", f"{id_}-2"]
    assert [(r.reason, r.id, r.file_path) for r in result.rejects] == [
        ("dropped_by_review", f"{id_}-1", "a.txt")
    ]
    # The next run starts from the same synthesis: the same file means the same pair again.
    again = apply_reviews(rows(), parse_reviews([review(pair_id(id_, 1), "drop")]))
    assert again == result


def test_an_edit_finds_evidence_and_languages_anew() -> None:
    numbered = rows()
    id_ = numbered[0].row.id
    edits = [
        review(f"{id_}-0", "edit", answer=" weighs 5 kg more "),
        review(f"{id_}-1", "edit", question="谁制造水泵？"),
        review(f"{id_}-2", "edit", answer="一种机器"),
    ]
    weight, maker, what = apply_reviews(numbered, parse_reviews(edits)).rows[0].row.qa_pairs
    assert weight.answer == "weighs 5 kg more"
    assert weight.evidence is not None
    assert TEXT[weight.evidence.start : weight.evidence.end] == "weighs 5 kg more"
    assert (maker.question_language, maker.answer) == ("zh", "上海工厂")
    assert maker.evidence == numbered[0].row.qa_pairs[1].evidence
    assert (what.evidence, what.answer_language) == (None, "zh")


def test_accept_changes_nothing_and_the_last_line_of_a_pair_decides() -> None:
    numbered = rows()
    id_ = f"{numbered[0].row.id}-0"
    lines = [review(id_, "drop"), "", review(id_, "accept")]
    result = apply_reviews(numbered, parse_reviews(lines))
    assert list(result.rows) == numbered
    assert (result.applied, result.rejects, result.notices) == (1, (), ())


def test_a_chunk_without_a_pair_left_is_gone_and_listed() -> None:
    numbered = rows()
    id_ = numbered[1].row.id
    result = apply_reviews(numbered, parse_reviews([review(f"{id_}-0", "drop")]))
    assert [n.row.file_path for n in result.rows] == ["a.txt"]
    assert [r.reason for r in result.rejects] == ["dropped_by_review", "no_pair_left"]


def test_a_review_whose_pair_is_gone_is_listed() -> None:
    numbered = rows()
    lines = [
        review("0123456789abcdef-0", "edit", answer="x"),
        review(f"{numbered[0].row.id}-9", "accept"),
    ]
    result = apply_reviews(numbered, parse_reviews(lines))
    assert [(r.reason, r.id, r.file_path) for r in result.rejects] == [
        ("review_without_pair", "0123456789abcdef-0", "reviews.jsonl"),
        ("review_without_pair", f"{numbered[0].row.id}-9", "reviews.jsonl"),
    ]
    assert "2 of 2 reviews" in result.notices[0]
    assert list(result.rows) == numbered


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ('{"id": "x", "action": "burn"}', "action"),
        ('{"action": "drop"}', "id"),
        ('{"id": "x", "action": "drop", "colour": "red"}', "colour"),
        ('{"id": "x", "action": "edit"}', "neither"),
        ('{"id": "x", "action": "edit", "answer": "  "}', "answer blank"),
    ],
)
def test_a_line_that_is_no_review_is_named_by_its_number(line: str, complaint: str) -> None:
    good = review("x-0", "accept")
    with pytest.raises(ReviewsInvalid, match="line 3") as caught:
        parse_reviews([good, "", line, ""])
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "end", ['{"id": "x-1", "act', "{", '{"id": "x-1", "question": "为什么', "\0\0"]
)
def test_a_last_line_that_was_never_completed_decides_nothing_and_is_listed(end: str) -> None:
    numbered = rows()
    drop = review(f"{numbered[1].row.id}-0", "drop")
    reviews = parse_reviews(f"{drop}\n{end}".split("\n"))
    assert reviews.unfinished == end
    result = apply_reviews(numbered, reviews)
    assert [r.reason for r in result.rejects] == [
        "dropped_by_review",
        "no_pair_left",
        "review_unfinished",
    ]
    assert "cut off" in result.notices[0]
    # A line that was completed is none of this, and no other line is forgiven.
    with pytest.raises(ReviewsInvalid, match="line 2"):
        parse_reviews(f"{drop}\n{end}\n".split("\n"))


def test_a_last_line_without_its_newline_is_a_review_like_any_other() -> None:
    reviews = parse_reviews([review("x-0", "drop")])
    assert (len(reviews.lines), reviews.unfinished) == (1, None)
    with pytest.raises(ReviewsInvalid, match="action"):
        parse_reviews([review("x-0", "burn")])


def test_bytes_that_end_inside_a_character_are_read_up_to_it() -> None:
    data = review("x-0", "edit", question="水泵多重？").encode()
    for cut in range(1, len(data)):
        text = decode_reviews(data[:cut])
        assert data.startswith(text.encode())
        assert cut - len(text.encode()) < 3
    with pytest.raises(ReviewsInvalid, match="UTF-8"):
        decode_reviews("水泵".encode("gbk"))
    with pytest.raises(ReviewsInvalid, match="UTF-8"):
        decode_reviews("水".encode()[:2] + b'\n{"id": "x-0", "action": "drop"}\n')


def test_a_drop_that_quotes_another_pair_is_not_applied() -> None:
    numbered = rows()
    id_ = numbered[0].row.id
    lines = [
        review(f"{id_}-0", "drop", question="What does it weigh?", answer="5 kg"),
        review(f"{id_}-1", "drop", question="Who sells it?", answer="上海工厂"),
        review(f"{id_}-2", "accept", question="What is it?", answer="a pump"),
    ]
    result = apply_reviews(numbered, parse_reviews(lines))
    assert [i for i, _ in result.rows[0].numbered_pairs()] == [f"{id_}-1", f"{id_}-2"]
    assert [(r.reason, r.id) for r in result.rejects] == [
        ("dropped_by_review", f"{id_}-0"),
        ("review_of_other_text", f"{id_}-1"),
        ("review_of_other_text", f"{id_}-2"),
    ]
    assert result.applied == 1
    assert "2 of 3 reviews" in result.notices[0]


def test_the_judge_graded_what_stood_there_before_the_edit() -> None:
    row = training_row("a.txt", TEXT, [("What does it weigh?", "5 kg")])
    graded = row.qa_pairs[0].model_copy(update={"grade": Grade(faithfulness=4, answerability=2)})
    numbered = number_pairs([row.model_copy(update={"qa_pairs": (graded,)})])
    same = parse_reviews([review(f"{row.id}-0", "edit", answer="5 kg")])
    assert apply_reviews(numbered, same).rows[0].row.qa_pairs[0].grade == graded.grade
    other = parse_reviews([review(f"{row.id}-0", "edit", answer="5 kg more")])
    assert apply_reviews(numbered, other).rows[0].row.qa_pairs[0].grade is None


def test_a_published_pair_tells_whether_a_review_is_in_it() -> None:
    stands = pair("What is it?", "pump")
    asked = {"question": "What is it?", "answer": "pump"}

    def applied(action: str, **fields: str) -> bool:
        return is_applied(parse_reviews([review("x-0", action, **fields)]).lines[0], stands)

    assert applied("accept")
    assert applied("edit", **asked)
    assert applied("edit", answer=" pump ")
    assert not applied("edit", question="What is this machine?")
    assert not applied("drop")
    assert not applied("drop", **asked)
    # It will never be: the pair that was dropped is not this one.
    assert applied("drop", question="Who made it?", answer="pump")

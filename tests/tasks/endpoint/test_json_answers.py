"""JSON is found where models put it, and what is none is refused with the place."""

from __future__ import annotations

import pytest

from tasks.endpoint.json_answers import (
    AnswerMalformed,
    canonical_json,
    check_shape,
    find_json,
    without_thinking,
)

ANSWER = {"title": "水泵", "pairs": [{"q": "谁?", "ok": True}], "score": None}
TEXT = canonical_json(ANSWER)
SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "pairs": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"q": {"type": "string"}, "ok": {"type": "boolean"}},
                "required": ["q", "ok"],
                "additionalProperties": False,
            },
        },
        "score": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    },
    "required": ["title", "pairs", "score"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"\n {TEXT}\n",
        f"```json\n{TEXT}\n```",
        f"Here you are:\n```\n{TEXT}\n```\nAnything else?",
        f"好的，结果如下：{TEXT}。希望有帮助 {{笑}}",
        f"A set {{1, 2}} is no object. {TEXT}",
        f"{TEXT}\n\nThe same again:\n{TEXT}",
    ],
)
def test_the_object_is_found_in_what_stands_around_it(text: str) -> None:
    assert find_json(text) == ANSWER


def test_line_breaks_inside_strings_are_read() -> None:
    assert find_json('{"a": "one\ntwo"}') == {"a": "one\ntwo"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no JSON object"),
        ("I cannot do that.", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ('{"a": NaN}', "no JSON object"),
        ('{"a": 1', "no JSON object"),
        ('{"a": ' * 3000, "no JSON object"),
        ('{"a": 1} or rather {"a": 2}', "2 different"),
    ],
)
def test_none_and_several_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(AnswerMalformed, match=complaint):
        find_json(text)


def test_a_shape_that_fits_is_given_back_without_what_must_not_be_there() -> None:
    more = {**ANSWER, "note": "x", "pairs": [{"q": "谁?", "ok": True, "why": 1}]}
    assert check_shape(more, SCHEMA) == ANSWER
    assert check_shape({**ANSWER, "score": 4.0}, SCHEMA)["score"] == 4
    assert isinstance(check_shape({**ANSWER, "score": 4.0}, SCHEMA)["score"], int)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"title": None}, "'title' is no string"),
        ({"pairs": {}}, "'pairs' is no array"),
        ({"pairs": [{"q": "x"}]}, "entry 0 of 'pairs' lacks 'ok'"),
        ({"pairs": [{"q": "x", "ok": 1}]}, "'ok' of entry 0 of 'pairs' is no boolean"),
        ({"score": "4"}, "'score' is no integer; 'score' is no null"),
        ({"score": 4.5}, "'score' is no integer"),
        ({"score": True}, "'score' is no integer"),
    ],
)
def test_a_broken_shape_names_the_place(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(AnswerMalformed, match=complaint):
        check_shape({**ANSWER, **change}, SCHEMA)
    lacking = {name: entry for name, entry in ANSWER.items() if name not in change}
    with pytest.raises(AnswerMalformed, match="lacks"):
        check_shape(lacking, SCHEMA)


def test_enums_constants_and_lists_of_types() -> None:
    kinds = {"enum": ["fact", "reasoning", 1]}
    assert check_shape("fact", kinds) == "fact"
    for wrong in ("Fact", True, None):
        with pytest.raises(AnswerMalformed, match="none of fact, reasoning, 1"):
            check_shape(wrong, kinds)
    assert check_shape(None, {"type": ["string", "null"]}) is None
    with pytest.raises(AnswerMalformed, match="no string or null"):
        check_shape(3, {"type": ["string", "null"]})
    with pytest.raises(AnswerMalformed, match="is not 'v1'"):
        check_shape("v2", {"const": "v1"})


def test_lists_of_another_length_are_left_to_the_rules_of_the_data() -> None:
    assert check_shape([1], {"type": "array", "minItems": 3, "items": {"type": "integer"}}) == [1]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>let me see {}</think>\nYes.", "Yes."),
        ("<think></think>Yes.", "Yes."),
        ("我先想想……</think>\n\n是的。", "是的。"),
        ("<think>one</think><think>two</think>Yes.", "Yes."),
        ("Yes. <think>or no?</think> Surely.", "Yes.  Surely."),
        ("<THINKING>hm</THINKING> Yes.", "Yes."),
        ("<think>never done", ""),
        ("Yes. <think>but", "Yes."),
        ("Yes.", "Yes."),
        ('{"trace": "<think>step</think> done"}', '{"trace": "<think>step</think> done"}'),
        ('<think>{"a": 1}</think>{"a": "</think>"}', '{"a": "</think>"}'),
    ],
)
def test_thinking_is_taken_out_and_answers_are_left_alone(text: str, left: str) -> None:
    assert without_thinking(text) == left


def test_half_a_character_does_not_reach_a_file() -> None:
    broken = find_json('{"a": "\\ud83d", "b": "\\ud83d\\ude00"}')
    assert canonical_json(broken).encode("utf-8").decode("utf-8") == '{"a":"\ufffd","b":"😀"}'

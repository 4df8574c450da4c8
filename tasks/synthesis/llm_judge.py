"""The second opinion: a model grades the pairs that were kept, and the low ones go."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.endpoint.chat import AnswerShape, ChatAnswer, ChatRequest
from tasks.errors import FileRejected
from tasks.prompting import Prompt
from tasks.records import DroppedPair, Grade, QAPair, TextChunk
from tasks.text.untrusted import fenced

_LEAST, _MOST = 1, 5
_TOKENS_OF_ANSWER = 512

_SHAPE = AnswerShape(
    name="grades",
    json_schema={
        "type": "object",
        "properties": {
            "grades": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "number": {"type": "integer"},
                        "faithfulness": {"type": "integer"},
                        "answerability": {"type": "integer"},
                    },
                    "required": ["number", "faithfulness", "answerability"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["grades"],
        "additionalProperties": False,
    },
)
_SHOWN = '{"grades": [{"number": 1, "faithfulness": 1 to 5, "answerability": 1 to 5}, ...]}'


class _Graded(BaseModel):
    model_config = ConfigDict(extra="ignore")

    number: int
    faithfulness: int
    answerability: int


class _Grades(BaseModel):
    model_config = ConfigDict(extra="ignore")

    grades: list[_Graded]


def judge_request(chunk: TextChunk, pairs: Sequence[QAPair], prompt: Prompt) -> ChatRequest:
    """The passage and the pairs, and nothing else that could sway the judge."""
    numbered = [
        {"number": number, "question": pair.question, "answer": pair.answer}
        for number, pair in enumerate(pairs, start=1)
    ]
    values = {
        "passage": fenced(chunk.text),
        "pairs": fenced("\n".join(json.dumps(p, ensure_ascii=False) for p in numbered), "pairs"),
        "language": {"en": "English", "zh": "Chinese"}.get(chunk.language, "English or Chinese"),
        "shape": _SHOWN,
    }
    return ChatRequest(
        step="judge",
        messages=prompt.messages(values),
        shape=_SHAPE,
        max_tokens=_TOKENS_OF_ANSWER,
        temperature=0.0,
    )


def read_grades(answer: ChatAnswer, count: int) -> list[Grade | None]:
    """The grade of each pair; None where there is none, or none from 1 to 5.

    Raises FileRejected for an answer that holds no grades.
    """
    try:
        found = _Grades.model_validate_json(answer.text)
    except ValidationError as error:
        raise FileRejected(
            "answer_malformed", f"{answer.model} answered something else than grades"
        ) from error
    grades: list[Grade | None] = [None] * count
    for graded in found.grades:
        both = (graded.faithfulness, graded.answerability)
        if 1 <= graded.number <= count and all(_LEAST <= g <= _MOST for g in both):
            grades[graded.number - 1] = Grade(faithfulness=both[0], answerability=both[1])
    return grades


def graded_pairs(
    pairs: Sequence[QAPair], grades: Sequence[Grade | None], least: int
) -> tuple[tuple[QAPair, ...], list[DroppedPair]]:
    """Pairs with their grades, without those below `least` and those that were not graded."""
    kept: list[QAPair] = []
    dropped: list[DroppedPair] = []
    for pair, grade in zip(pairs, grades, strict=True):
        if grade is None:
            detail = f"The judge gave no grade: {pair.question}"
            dropped.append(DroppedPair(reason="not_judged", detail=detail))
        elif min(grade.faithfulness, grade.answerability) < least:
            detail = (
                f"Faithfulness {grade.faithfulness}, answerability {grade.answerability}, "
                f"below {least}: {pair.question} {pair.answer[:120]}"
            )
            dropped.append(DroppedPair(reason="judged_low", detail=detail))
        else:
            kept.append(pair.model_copy(update={"grade": grade}))
    return tuple(kept), dropped


def not_judged(pairs: Sequence[QAPair], refused: FileRejected) -> list[DroppedPair]:
    """All pairs, where the judge's call was refused."""
    return [
        DroppedPair(reason="not_judged", detail=f"{refused.detail}: {pair.question}")
        for pair in pairs
    ]

"""A pair as a question to a model and its answer, for trainers that know no documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from tasks.records import QAPair, TrainingRow

_ASKED = {
    "en": "Answer the question with what the passage says, in the language of the passage."
    "\n\nPassage:\n{chunk}\n\nQuestion: {question}",
    "zh": "请依据下面的资料回答问题，并使用资料的语言。\n\n资料：\n{chunk}\n\n问题：{question}",
}

Conversation = Callable[[TrainingRow, str, QAPair, bool], dict[str, Any]]


def sharegpt(row: TrainingRow, id_: str, pair: QAPair, with_context: bool) -> dict[str, Any]:
    """`conversations` with one turn each; with context, the chunk stands before the question."""
    return {
        "id": id_,
        "conversations": [
            {"from": "human", "value": asked(row, pair) if with_context else pair.question},
            {"from": "gpt", "value": pair.answer},
        ],
    }


def alpaca(row: TrainingRow, _id: str, pair: QAPair, with_context: bool) -> dict[str, Any]:
    """The question as instruction, the chunk as its input."""
    return {
        "instruction": pair.question,
        "input": row.chunk if with_context else "",
        "output": pair.answer,
    }


def asked(row: TrainingRow, pair: QAPair) -> str:
    """The question with its passage, in the words of the question's language."""
    # Not str.format on the whole: a chunk may hold braces.
    before, between = _ASKED[_language(row, pair)].split("{chunk}")
    return before + row.chunk + between.replace("{question}", pair.question)


def _language(row: TrainingRow, pair: QAPair) -> Literal["en", "zh"]:
    for language in (pair.question_language, row.language):
        if language in ("en", "zh"):
            return language
    return "zh" if row.language == "mixed" else "en"

"""Rows of the stage files, of this project and of the reference's data, checked one by one.

A row that cannot be trained on is a DataError that names the file and the line. Fields that no
stage reads are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from clara_model.config import Stage
from clara_model.data.fields import RowFields


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    where: str
    """`file:line`, for messages."""


class CompressionRow(_Row):
    """A document and what the decoder says from its memory."""

    data_type: Literal["qa", "paraphrase"]
    pairs: tuple[tuple[str, str], ...] = ()
    """Questions and answers of a `qa` row."""
    summary: str = ""
    """What a `paraphrase` row says."""
    documents: tuple[str, ...]
    """One."""


class QuestionRow(_Row):
    """A question, documents, and its answer: instruction, end_to_end and reasoning."""

    question: str
    documents: tuple[str, ...]
    answer: str
    """What is trained on; a trace in reasoning."""
    answers: tuple[str, ...]
    """What counts as right."""
    positives: tuple[int, ...] | None
    """Positions in `documents` of those that answer it, from 0; None where not known."""


StageRow = CompressionRow | QuestionRow


def parse_row(stage: Stage, row: Mapping[str, Any], where: str, default_id: str) -> StageRow:
    """A row of `stage` from its JSON object.

    Compression takes `qa` and `paraphrase` rows, and rows of a question whose `pos_index` names
    its document: the pair becomes the target, so that held-out questions can be asked of it.
    `default_id` serves rows without an `id`. Raises DataError that begins with `where`.
    """
    fields = RowFields(row, where)
    id_ = fields.row_id(default_id)
    if stage != "compression":
        return _question_row(fields, id_)
    if "data_type" not in row and row.get("pos_index"):
        asked = _question_row(fields, id_)
        assert asked.positives is not None
        return CompressionRow(
            id=id_,
            where=where,
            data_type="qa",
            pairs=((asked.question, asked.answers[0]),),
            documents=(asked.documents[asked.positives[0]],),
        )
    return _compression_row(fields, id_)


def _compression_row(fields: RowFields, id_: str) -> CompressionRow:
    documents = fields.documents()
    if len(documents) != 1:
        raise fields.error(f"it has {len(documents)} documents; compression takes one a row")
    data_type = fields.required("data_type")
    answers = fields.answers()
    if data_type == "paraphrase":
        if len(answers) != 1:
            raise fields.error(f"a paraphrase row has one answer, not {len(answers)}")
        return CompressionRow(
            id=id_,
            where=fields.where,
            data_type="paraphrase",
            summary=answers[0],
            documents=documents,
        )
    if data_type != "qa":
        raise fields.error(f'`data_type` is {data_type!r}: it is "qa" or "paraphrase"')
    questions = fields.texts("question")
    if len(questions) != len(answers):
        raise fields.error(f"it has {len(questions)} questions and {len(answers)} answers")
    return CompressionRow(
        id=id_,
        where=fields.where,
        data_type="qa",
        pairs=tuple(zip(questions, answers, strict=True)),
        documents=documents,
    )


def _question_row(fields: RowFields, id_: str) -> QuestionRow:
    questions = fields.texts("question")
    if len(questions) != 1:
        raise fields.error(f"it has {len(questions)} questions; this stage takes one a row")
    documents = fields.documents()
    return QuestionRow(
        id=id_,
        where=fields.where,
        question=questions[0],
        documents=documents,
        answer=fields.answers()[0],
        answers=fields.gold_answers(),
        positives=fields.positives(len(documents)),
    )

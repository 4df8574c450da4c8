"""The passages of benchmarks/scp_wikipedia.py: split by document, and as examples of each reader.

Every reader gets the same rows: examples that read text, or nothing, are made from those that read
memory, by another prompt in front of the same answer.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clara_model.config import IGNORED, ClaraConfig, Stage
from clara_model.data.examples import Example, as_ids
from clara_model.data.files import StageFile, stage_file
from clara_model.data.load import build_stage_data
from clara_model.data.rows import CompressionRow, QuestionRow, StageRow
from clara_model.errors import DataError
from clara_model.prompts import build_text_prompt
from clara_model.tokens import TokenSpace

HELD_OUT_SHARE = 0.1
_DECODER_MAX_LENGTH = 4096


@dataclass(frozen=True)
class Split:
    """Passages with their questions and answers; no document is on both sides."""

    train: tuple[CompressionRow, ...]
    held_out: tuple[CompressionRow, ...]

    @property
    def train_questions(self) -> list[QuestionRow]:
        return [question for row in self.train for question in questions_of(row)]

    def held_out_questions(self, number: int | None, seed: int) -> list[QuestionRow]:
        """`number` of them (None: all), drawn and put in order by the seed."""
        questions = [question for row in self.held_out for question in questions_of(row)]
        random.Random(f"questions/{seed}").shuffle(questions)
        return questions[:number]

    @property
    def texts(self) -> dict[str, str]:
        """The document of every row and question, by its id."""
        return {
            id_: row.documents[0]
            for row in (*self.train, *self.held_out)
            for id_ in (row.id, *(question.id for question in questions_of(row)))
        }


def read_split(file: Path, *, seed: int, documents: int | None = None) -> Split:
    """The `qa` rows of `file`, a tenth of the documents held out (100 of 1000).

    `documents`: train on at most so many of the others; what is held out does not depend on it.
    Raises DataError for a malformed row, and where there are fewer than ten documents.
    """
    rows = [
        row
        for row in StageFile(stage_file("compression", file), "compression")
        if isinstance(row, CompressionRow) and row.data_type == "qa"
    ]
    texts = list(dict.fromkeys(row.documents[0] for row in rows))
    random.Random(f"split/{seed}").shuffle(texts)
    held_out = round(HELD_OUT_SHARE * len(texts))
    if not held_out:
        raise DataError(f"{file} has {len(texts)} documents with questions: ten are the least.")
    end = None if documents is None else held_out + documents
    of_text = {text: [row for row in rows if row.documents[0] == text] for text in texts[:end]}
    return Split(
        train=tuple(row for text in texts[held_out:end] for row in of_text[text]),
        held_out=tuple(row for text in texts[:held_out] for row in of_text[text]),
    )


def questions_of(row: CompressionRow) -> list[QuestionRow]:
    """A row of instruction tuning for each pair of a passage."""
    return [
        QuestionRow(
            id=f"{row.id}/{number}",
            where=row.where,
            question=question,
            documents=row.documents,
            answer=answer,
            answers=(answer,),
            positives=(0,),
        )
        for number, (question, answer) in enumerate(row.pairs)
    ]


def memory_examples(
    stage: Stage,
    rows: Sequence[StageRow],
    tokens: TokenSpace,
    config: ClaraConfig,
) -> list[Example]:
    """Examples that read a document's memory, in the order of `rows`.

    Documents beyond doc_max_length are cut. Raises DataError where an answer would be.
    """
    data = build_stage_data(
        stage,
        rows,
        tokens,
        config,
        top_k=1,
        allow_truncation=True,
        decoder_max_length=_DECODER_MAX_LENGTH,
    )
    if data.counts.skipped or data.counts.answers_cut:
        raise DataError(
            f"Rows with more than {_DECODER_MAX_LENGTH} tokens would not be the same for every "
            f"reader: {' '.join(data.counts.notices())}"
        )
    return data.examples


def text_examples(
    stage: Stage, examples: Sequence[Example], texts: dict[str, str], tokens: TokenSpace
) -> list[Example]:
    """The same with the document's whole text, uncut, in the prompt; with none in no `texts`."""
    made = []
    for example in examples:
        documents = [texts[example.row_id]] if texts else []
        prompt = as_ids(build_text_prompt(tokens, stage, documents, example.question))
        answer = example.input_ids[example.prompt_length :]
        made.append(
            replace(
                example,
                input_ids=np.concatenate([prompt, answer]),
                labels=np.concatenate([np.full_like(prompt, IGNORED), answer]),
                prompt_length=len(prompt),
                documents=(),
                positives=None,
            )
        )
    return made


def of_other_documents(examples: Sequence[Example]) -> list[Example]:
    """Each question with the document of another one: what is said without reading."""
    distinct = list({d.key: d for example in examples for d in example.documents}.values())
    following = dict(zip((d.key for d in distinct), [*distinct[1:], distinct[0]], strict=True))
    return [
        replace(example, documents=tuple(following[d.key] for d in example.documents))
        for example in examples
    ]


@dataclass(frozen=True)
class Portion:
    """What a stage trains on: whole passes over `rows`, the same for every reader."""

    rows: tuple[int, ...]
    """Positions in all the stage's rows."""
    epochs: int
    steps: int


def portion_for(rows: int, *, steps: int, batch_size: int, seed: int) -> Portion:
    """About `steps` batches: a drawn part of the rows where that is less than all of them, else a
    whole number of passes. Part of a pass would not be the same part for every reader."""
    wanted = steps * batch_size
    if wanted < rows:
        drawn = random.Random(f"rows/{seed}").sample(range(rows), wanted)
        return Portion(tuple(drawn), 1, steps)
    epochs = max(1, round(wanted / rows))
    return Portion(tuple(range(rows)), epochs, epochs * -(-rows // batch_size))

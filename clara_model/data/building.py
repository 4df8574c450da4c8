"""A row to an Example: prompt, answer, labels, query. What the tokenising processes do."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass, replace
from typing import NamedTuple

from clara_model.config import ClaraConfig, Stage
from clara_model.data.examples import Document, Example, as_ids, make_document
from clara_model.data.rows import CompressionRow, QuestionRow, StageRow
from clara_model.prompts import (
    QUESTIONS_INSTRUCTION,
    build_training_ids,
    paraphrase_instruction,
    query_ids,
    questions_and_answers,
)
from clara_model.text.language import language_of
from clara_model.tokens import TokenSpace

PROMPT_TOO_LONG = "prompt_too_long"
"""The prompt alone fills decoder_max_length: nothing of the answer would be left."""
TRACE_TOO_LONG = "trace_too_long"
"""A trace of reasoning does not fit into decoder_max_length: it would lose its answer."""


@dataclass(frozen=True)
class BuildOptions:
    """What a row's tokens depend on beside the row. Can be sent to a process."""

    stage: Stage
    tokens: TokenSpace
    config: ClaraConfig
    seed: int
    decoder_max_length: int
    """Most tokens of a prompt with its answer. A query has at most doc_max_length."""


class Built(NamedTuple):
    example: Example | None
    """Its `documents` are still to be filled in, but in reasoning. None where it is skipped."""
    skipped: str = ""
    """Why."""
    answer_cut: bool = False
    """The answer does not fit: it lost its end and its eos."""
    query_cut: bool = False


class Job(NamedTuple):
    """What is tokenised in one go."""

    rows: list[tuple[StageRow, int]]
    """Rows and how many memory slots each gets; but in reasoning, without their documents."""
    texts: list[str]
    """Distinct documents."""


class Done(NamedTuple):
    rows: list[Built]
    documents: list[Document]


def build(job: Job, options: BuildOptions) -> Done:
    """Tokenises a job's rows and texts, in their order."""
    most = options.config.doc_max_length
    return Done(
        rows=[_built(row, slots, options) for row, slots in job.rows],
        documents=[make_document(options.tokens, text, most) for text in job.texts],
    )


def _built(row: StageRow, slots: int, options: BuildOptions) -> Built:
    if options.stage == "reasoning":
        return _reasoning(row, options)
    question, target, answers = _asked(row, options.seed)
    made = build_training_ids(options.tokens, options.stage, slots, question, target)
    most = options.decoder_max_length
    if made.prompt_length >= most:
        return Built(None, skipped=PROMPT_TOO_LONG)
    example = Example(
        row_id=row.id,
        input_ids=as_ids(made.input_ids[:most]),
        labels=as_ids(made.labels[:most]),
        prompt_length=made.prompt_length,
        documents=(),
        question=question,
        answers=answers,
    )
    answer_cut = len(made.input_ids) > most
    if options.stage != "end_to_end":
        return Built(example, answer_cut=answer_cut)
    query = query_ids(options.tokens, question, options.config.doc_max_length)
    whole_query = query_ids(options.tokens, question, sys.maxsize)
    return Built(
        replace(example, queries=(as_ids(query),)),
        answer_cut=answer_cut,
        query_cut=len(query) < len(whole_query),
    )


def _reasoning(row: StageRow, options: BuildOptions) -> Built:
    from clara_model.reasoning.examples import reasoning_example

    assert isinstance(row, QuestionRow)
    example = reasoning_example(row, options.tokens, options.config)
    if example.decoder_tokens > options.decoder_max_length:
        return Built(None, skipped=TRACE_TOO_LONG)
    return Built(example)


def _asked(row: StageRow, seed: int) -> tuple[str, str, tuple[str, ...]]:
    """What the decoder is asked, what it shall say, and what counts as right."""
    if isinstance(row, QuestionRow):
        return row.question, row.answer, row.answers
    assert isinstance(row, CompressionRow)
    if row.data_type == "qa":
        target = questions_and_answers(row.pairs)
        return QUESTIONS_INSTRUCTION, target, (target,)
    draw = random.Random(f"paraphrase/{seed}/{row.id}")
    instruction = paraphrase_instruction(language_of(row.summary), draw)
    return instruction, row.summary, (row.summary,)

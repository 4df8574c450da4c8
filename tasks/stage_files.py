"""Hard negatives, the held-out split, and the files that training stages read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict

from prefect import task
from pydantic import BaseModel

from tasks.corpus_split import split_of
from tasks.negatives import HardNegatives
from tasks.output_jobs import StageFilesJob, Written
from tasks.prefect_policy import step_policy
from tasks.reasoning import reasoning_rows
from tasks.stage_rows import (
    END_TO_END_FILE,
    EVAL_FILE,
    INSTRUCTION_FILE,
    PRETRAIN_FILE,
    REASONING_FILE,
    ShortRows,
    end_to_end_rows,
    eval_rows,
    instruction_rows,
    passages,
    pretrain_rows,
)
from tasks.two_hops.questions import two_hops_for


class _Wide(TypedDict):
    """What the rows with many candidates share."""

    candidates: int
    seed: int
    short: ShortRows


def write_stage_files(job: StageFilesJob) -> Written:
    """Stages the five files. Raises StorageError, CacheLost.

    Where a model composed the questions over two hops, its results stand in the cache.
    """
    corpus, staging = job.corpus(), job.staging
    options, rows = corpus.plan.options, corpus.rows
    split = split_of(corpus)
    held_out = frozenset(split.held_out)
    negatives = HardNegatives(passages(rows), options.seed, held_out)
    composed = None
    if job.composer is not None:
        two_hops = two_hops_for(rows, held_out, options.candidates, job.composer, job.cache)
        composed = two_hops.questions()
    short = ShortRows()
    wide = _Wide(candidates=options.candidates, seed=options.seed, short=short)
    made: dict[str, Iterator[BaseModel]] = {
        PRETRAIN_FILE: pretrain_rows(rows, held_out),
        INSTRUCTION_FILE: instruction_rows(
            rows, negatives, held_out, top_k=options.top_k, seed=options.seed, short=short
        ),
        END_TO_END_FILE: end_to_end_rows(rows, negatives, held_out, **wide),
        REASONING_FILE: reasoning_rows(rows, negatives, held_out, composed=composed, **wide),
        EVAL_FILE: eval_rows(rows, negatives, held_out, **wide),
    }
    files = {name: staging.write_rows(name, lines) for name, lines in made.items()}
    return Written(
        files=files, notices=(*split.notices, *short.notices()), held_out=tuple(split.held_out)
    )


@task(name="negatives", task_run_name="hard negatives and stage files", **step_policy())
def negatives_and_stage_files(job: StageFilesJob) -> Any:
    """Find hard negatives, split, and write the files that training reads."""
    return write_stage_files(job).model_dump(mode="json")

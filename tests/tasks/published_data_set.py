"""Writes a whole data set as ingest publishes it, without running ingest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel

from tasks.assemble import NumberedRow, number_pairs
from tasks.manifest import FileEntry, Manifest, StepVersions, measure_file
from tasks.negatives import HardNegatives
from tasks.reasoning import reasoning_rows
from tasks.records import Grade, QAPair, TrainingRow
from tasks.reviews import apply_reviews, parse_reviews
from tasks.stage_rows import (
    END_TO_END_FILE,
    EVAL_FILE,
    INSTRUCTION_FILE,
    PRETRAIN_FILE,
    REASONING_FILE,
    end_to_end_rows,
    eval_rows,
    instruction_rows,
    passages,
    pretrain_rows,
)
from tasks.storage import Location


def publish(
    output: str | Path,
    rows: Sequence[NumberedRow],
    held_out: Sequence[str] = (),
    reviews: str = "",
) -> None:
    """What an ingest run would leave in OUT for these rows, reviews applied."""
    reviewed = apply_reviews(rows, parse_reviews(reviews.split("\n")))
    stands = reviewed.rows
    negatives = HardNegatives(passages(stands), 0, held_out) if stands else None
    files: dict[str, Iterable[BaseModel]] = {
        "clara_training_data.jsonl": [numbered.row for numbered in stands],
        "rejects.jsonl": reviewed.rejects,
        "raw_knowledge.jsonl": [],
        PRETRAIN_FILE: pretrain_rows(stands, held_out),
        INSTRUCTION_FILE: [],
        END_TO_END_FILE: [],
        REASONING_FILE: [],
        EVAL_FILE: [],
    }
    if negatives is not None:
        files[INSTRUCTION_FILE] = instruction_rows(stands, negatives, held_out, top_k=3, seed=0)
        wide = {"candidates": 4, "seed": 0}
        files[END_TO_END_FILE] = end_to_end_rows(stands, negatives, held_out, **wide)
        files[REASONING_FILE] = reasoning_rows(stands, negatives, held_out, **wide)
        files[EVAL_FILE] = eval_rows(stands, negatives, held_out, **wide)
    location = Location(output)
    location.make()
    entries = {name: _write(location, name, made) for name, made in files.items()}
    manifest = Manifest(
        versions=StepVersions(clara_pipeline="0.1.0", python="3.11"),
        models={
            "extraction": {"engine": "embedded", "reason": "no other is cached"},
            "synthesis": {"engine": "test", "model": "qwen-turbo", "prompt_hash": None},
        },
        sources={},
        files=entries,
        options={"eval_fraction": 0.1, "top_k": 3, "candidates": 4},
        seed=0,
        started_at="2026-11-22T16:24:00+00:00",
        ended_at="2026-11-22T16:25:00+00:00",
    )
    location.write_bytes("manifest.json", manifest.to_json())


def _write(location: Location, name: str, rows: Iterable[BaseModel]) -> FileEntry:
    data = b"".join(row.model_dump_json().encode() + b"\n" for row in rows)
    location.write_bytes(name, data)
    with location.open(name) as stream:
        return measure_file(stream, counts_rows=True)


def graded(row: TrainingRow, *grades: tuple[int, int] | None) -> TrainingRow:
    """The row with its pairs graded, faithfulness and answerability."""
    pairs: list[QAPair] = []
    for pair, grade in zip(row.qa_pairs, grades, strict=True):
        judged = grade and Grade(faithfulness=grade[0], answerability=grade[1])
        pairs.append(pair.model_copy(update={"grade": judged}))
    return row.model_copy(update={"qa_pairs": tuple(pairs)})


def renumbered(rows: Iterable[NumberedRow]) -> list[NumberedRow]:
    return number_pairs(numbered.row for numbered in rows)

"""Which pairs are reviewed, and in which order: worst grades first, else as they stand in the file.

A sample is drawn by a hash of the seed and the pair's id, before what was decided is taken out:
whoever stops in the middle goes on with the same sample, also after the next ingest.
"""

from __future__ import annotations

import hashlib
import heapq
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import Field, field_validator

from tasks.published import PublishedRow
from tasks.records import Language, QAPair, QuestionType, Record, TrainingRow

Decided = Callable[[str, QAPair], bool]


class ReviewFilters(Record):
    """What a person wants to see."""

    language: Language | None = Field(default=None, description="language of the question")
    question_type: QuestionType | None = None
    max_grade: int | None = Field(
        default=None, ge=1, le=5, description="the lowest grade of the pair is this or less"
    )
    file: str | None = Field(default=None, description="part of the path, in any case")
    show_reviewed: bool = Field(default=False, description="also what was decided already")
    sample: int | None = Field(default=None, ge=1, description="so many, drawn at random")
    seed: int = Field(default=0, ge=0)

    @field_validator("file")
    @classmethod
    def _comparable(cls, value: str | None) -> str | None:
        return None if value is None else unicodedata.normalize("NFC", value).casefold()

    def wants(self, row: TrainingRow, pair: QAPair) -> bool:
        grade = lowest_grade(pair)
        return (
            self.language in (None, pair.question_language)
            and self.question_type in (None, pair.type)
            and (self.max_grade is None or (grade is not None and grade <= self.max_grade))
            and (self.file is None or self.file in row.file_path.casefold())
        )


class Candidate(NamedTuple):
    """A pair to review: where its row begins in the file, and which of the row's pairs it is."""

    offset: int
    position: int
    number: int
    worst: int
    grades: int


@dataclass(frozen=True)
class Queue:
    """`pairs` are all of the data set, `matching` those that the filters let through."""

    candidates: tuple[Candidate, ...]
    pairs: int
    graded: int
    matching: int
    decided: int


# Above every grade: a pair without one comes after those that a judge found wanting.
_UNGRADED = 6


def lowest_grade(pair: QAPair) -> int | None:
    """The worse of a pair's two grades; None where no judge was asked."""
    return None if pair.grade is None else min(pair.grade.faithfulness, pair.grade.answerability)


def review_queue(rows: Iterable[PublishedRow], filters: ReviewFilters, decided: Decided) -> Queue:
    """Reads all rows once and keeps a few numbers of each pair that is wanted."""
    totals = _Totals()
    wanted = _wanted(rows, filters, decided, totals)
    if filters.sample is not None:
        wanted = _sample(wanted, filters.sample, filters.seed)
    chosen = list(wanted)
    left = [
        candidate for _, candidate, is_decided in chosen if filters.show_reviewed or not is_decided
    ]
    left.sort(key=lambda candidate: (candidate.worst, candidate.grades))
    return Queue(
        candidates=tuple(left),
        pairs=totals.pairs,
        graded=totals.graded,
        matching=len(chosen),
        decided=sum(is_decided for _, _, is_decided in chosen),
    )


class _Totals:
    pairs = 0
    graded = 0


_Wanted = tuple[str, Candidate, bool]


def _wanted(
    rows: Iterable[PublishedRow], filters: ReviewFilters, decided: Decided, totals: _Totals
) -> Iterator[_Wanted]:
    for published in rows:
        numbered = published.numbered
        for position, (id_, pair) in enumerate(numbered.numbered_pairs()):
            totals.pairs += 1
            totals.graded += pair.grade is not None
            if filters.wants(numbered.row, pair):
                worst, grades = _UNGRADED, 2 * _UNGRADED
                if pair.grade is not None:
                    grades = pair.grade.faithfulness + pair.grade.answerability
                    worst = lowest_grade(pair) or _UNGRADED
                number = numbered.numbers[position]
                candidate = Candidate(published.offset, position, number, worst, grades)
                yield id_, candidate, decided(id_, pair)


def _sample(wanted: Iterable[_Wanted], size: int, seed: int) -> Iterator[_Wanted]:
    """Those with the smallest draws, in the order in which they came."""
    drawn = heapq.nsmallest(
        size, enumerate(wanted), key=lambda numbered: _draw(seed, numbered[1][0])
    )
    return (item for _, item in sorted(drawn, key=lambda numbered: numbered[0]))


def _draw(seed: int, pair_id: str) -> bytes:
    return hashlib.sha256(f"review:{seed}:{pair_id}".encode()).digest()

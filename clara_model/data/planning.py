"""Rows to jobs: which documents a row takes, and which of their texts are not tokenised yet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from clara_model.config import Stage
from clara_model.data.building import Job
from clara_model.data.rows import QuestionRow, StageRow
from clara_model.data.selection import Selection, select_documents
from clara_model.errors import ConfigError, DataError

JOB_ROWS = 128


class Plan(NamedTuple):
    """The documents of one row's example."""

    documents: tuple[bytes, ...]
    """Digests of their texts; empty in reasoning, whose examples bring their own."""
    positives: tuple[int, ...] | None


class PlannedJob(NamedTuple):
    job: Job
    plans: list[Plan]
    """Of the job's rows."""
    digests: list[bytes]
    """Of the job's texts."""


class Planner:
    """Goes through the rows once; a text is part of the first job whose rows name it."""

    def __init__(self, stage: Stage, *, top_k: int, candidates: int, seed: int) -> None:
        """Raises ConfigError for numbers that cannot work."""
        if top_k < 1:
            raise ConfigError(f"top_k is {top_k}: the decoder reads at least one document.")
        if stage == "end_to_end" and candidates < top_k:
            raise ConfigError(
                f"candidates is {candidates} and top_k is {top_k}: a question needs at least as "
                "many candidates as documents are selected. Lower top_k or raise candidates."
            )
        self._stage, self._top_k, self._candidates = stage, top_k, candidates
        self._seed = seed
        self._sent: set[bytes] = set()
        self.rows = 0
        """Rows read so far."""
        self.rows_with_fewer_documents = 0
        """end_to_end: rows with fewer documents than `candidates`."""

    def jobs(self, rows: Iterable[StageRow]) -> Iterator[PlannedJob]:
        """Raises DataError for a row with fewer documents than top_k, and says the fewest."""
        planned = PlannedJob(Job([], []), [], [])
        waiting = iter(rows)
        for row in waiting:
            self.rows += 1
            if self._is_short(row):
                raise self._short_rows(row, waiting)
            self._add(row, planned)
            if len(planned.plans) == JOB_ROWS:
                yield planned
                planned = PlannedJob(Job([], []), [], [])
        if planned.plans:
            yield planned

    def _add(self, row: StageRow, planned: PlannedJob) -> None:
        if self._stage == "reasoning":
            planned.job.rows.append((row, 0))
            planned.plans.append(Plan((), None))
            return
        chosen = self._chosen(row)
        digests = []
        for position in chosen.positions:
            text = row.documents[position]
            digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
            digests.append(digest)
            if digest not in self._sent:
                self._sent.add(digest)
                planned.digests.append(digest)
                planned.job.texts.append(text)
        slots = self._top_k if self._stage == "end_to_end" else len(digests)
        # Texts go to another process once each, not once a row.
        planned.job.rows.append((row.model_copy(update={"documents": ()}), slots))
        planned.plans.append(Plan(tuple(digests), chosen.positives))

    def _chosen(self, row: StageRow) -> Selection:
        documents = len(row.documents)
        if not isinstance(row, QuestionRow):
            return select_documents(documents, None, 1, key="")
        most = self._top_k
        if self._stage == "end_to_end":
            most = self._candidates
            self.rows_with_fewer_documents += documents < self._candidates
        key = f"documents/{self._stage}/{self._seed}/{row.id}"
        return select_documents(documents, row.positives, most, key=key)

    def _is_short(self, row: StageRow) -> bool:
        return self._stage in ("instruction", "end_to_end") and len(row.documents) < self._top_k

    def _short_rows(self, first: StageRow, rest: Iterator[StageRow]) -> DataError:
        lengths = [
            len(first.documents),
            *(len(row.documents) for row in rest if self._is_short(row)),
        ]
        return DataError(
            f"{first.where}: the row has {len(first.documents)} documents, and top_k is "
            f"{self._top_k}. {len(lengths)} rows have too few, the fewest {min(lengths)}: set "
            f"top_k to {min(lengths)} or less, or give every question more documents."
        )

"""A finished corpus in the cache: which results make up the data set, and how to read them.

The plan is a record of keys. Everything behind the keys stays in the cache and is read one
document at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import Field

from tasks.assemble import NumberedRow, number_pairs, training_rows
from tasks.cache import StepCache
from tasks.chunking.job import standalone_document
from tasks.errors import ClaraError
from tasks.jobs import (
    Chunks,
    DescribeOutcome,
    ExtractOutcome,
    PictureOutcome,
    Syntheses,
)
from tasks.options import IngestOptions
from tasks.records import Description, ExtractedDocument, Record, Reject, SourceFile
from tasks.reviews import Reviewed, apply_reviews, parse_reviews


class CorpusEntry(Record):
    """A file that stands in the data set. Without `chunk_key` it is a duplicate of another."""

    file: SourceFile
    outcome_step: str
    outcome_key: str
    describe_keys: dict[str, str] = Field(default_factory=dict)
    chunk_key: str | None = None
    synthesis_key: str | None = None


class CorpusPlan(Record):
    """Everything that decides the bytes of the data files."""

    entries: tuple[CorpusEntry, ...]
    rejects: tuple[Reject, ...]
    rejected_images: tuple[str, ...] = ()
    options: IngestOptions
    reviews: str = ""


class CacheLost(ClaraError):
    """An entry of the cache went away while a run was using it."""


@dataclass
class Corpus:
    """Reads what a plan names. Raises CacheLost where the cache no longer has it."""

    plan: CorpusPlan
    cache: StepCache
    _descriptions: dict[str, Description | None] = field(default_factory=dict)

    def document(self, entry: CorpusEntry) -> ExtractedDocument:
        """The file's extraction; a standalone image is a document of one picture."""
        if entry.outcome_step == "extract":
            outcome = self._get("extract", entry.outcome_key, ExtractOutcome)
            if outcome.document is not None:
                return outcome.document
        else:
            picture = self._get("pictures", entry.outcome_key, PictureOutcome)
            if picture.image_id is not None:
                return standalone_document(entry.file.doc_id, picture)
        raise CacheLost(f"the cache has no usable result of {entry.file.file_path!r}: run again")

    def descriptions(self, entry: CorpusEntry) -> dict[str, Description]:
        """Descriptions by image id. A picture in many documents has one, and it is read once."""
        found = {}
        for image_id, key in entry.describe_keys.items():
            if key not in self._descriptions:
                outcome = self._get("describe", key, DescribeOutcome)
                self._descriptions[key] = outcome.description
            description = self._descriptions[key]
            if description is not None:
                found[image_id] = description
        return found

    def sketches(self) -> dict[str, str]:
        """Sketches of the chunked documents' text by path, for finding near-duplicates."""
        return {
            entry.file.file_path: self._get("chunk", entry.chunk_key, Chunks).sketch
            for entry in self.plan.entries
            if entry.chunk_key is not None
        }

    @cached_property
    def reviewed(self) -> Reviewed:
        """The training rows in their final order with a person's reviews applied."""
        # Not splitlines(): it also cuts at U+2028, which may stand inside a JSON string.
        reviews = parse_reviews(self.plan.reviews.split("\n"))
        return apply_reviews(self._synthesized[0], reviews)

    @property
    def rows(self) -> tuple[NumberedRow, ...]:
        return self.reviewed.rows

    @property
    def rejects(self) -> list[Reject]:
        """Every reject of the run, in the file's order."""
        everything = [*self.plan.rejects, *self._synthesized[1], *self.reviewed.rejects]
        return sorted(
            everything, key=lambda r: (r.file_path, r.step, r.id or "", r.reason, r.detail)
        )

    @cached_property
    def _synthesized(self) -> tuple[list[NumberedRow], list[Reject]]:
        rows, rejects = [], []
        for entry in self.plan.entries:
            if entry.chunk_key is None or entry.synthesis_key is None:
                continue
            chunks = self._get("chunk", entry.chunk_key, Chunks).chunks
            syntheses = self._get("synthesize", entry.synthesis_key, Syntheses).syntheses
            made, dropped = training_rows(entry.file, chunks, syntheses)
            rows.extend(made)
            rejects.extend(dropped)
        return number_pairs(rows), rejects

    def results(self) -> Iterator[tuple[SourceFile, ExtractedDocument | Description]]:
        """What raw_knowledge.jsonl is made of, in the order of the plan."""
        for entry in self.plan.entries:
            if entry.outcome_step == "extract":
                yield entry.file, self.document(entry)
            else:
                yield from ((entry.file, d) for d in self.descriptions(entry).values())

    def all_descriptions(self) -> dict[str, Description]:
        """Every description by image id."""
        found: dict[str, Description] = {}
        for entry in self.plan.entries:
            found.update(self.descriptions(entry))
        return found

    def _get(self, step: str, key: str | None, model: type[Any]) -> Any:
        found = self.cache.get(step, str(key), model)
        if found is None:
            raise CacheLost(f"the cache lost {step} {key} during the run: run the command again")
        return found

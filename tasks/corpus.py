"""A finished corpus in the cache: which results make up the data set, and how to read them.

The plan is a record of keys. Everything behind the keys stays in the cache and is read one
document at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
            return self._usable(outcome.document, entry)
        picture = self._get("pictures", entry.outcome_key, PictureOutcome)
        whole = picture.image_id is not None
        return self._usable(
            standalone_document(entry.file.doc_id, picture) if whole else None, entry
        )

    @staticmethod
    def _usable(document: ExtractedDocument | None, entry: CorpusEntry) -> ExtractedDocument:
        if document is None:
            path = entry.file.file_path
            raise CacheLost(f"the cache has no usable result of {path!r}: run again")
        return document

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
        entries = [entry for entry in self.plan.entries if entry.chunk_key is not None]
        chunks = self._stream("chunk", [entry.chunk_key for entry in entries], Chunks)
        return {
            entry.file.file_path: found.sketch for entry, found in zip(entries, chunks, strict=True)
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
        entries = [e for e in self.plan.entries if e.chunk_key and e.synthesis_key]
        chunks = self._stream("chunk", [e.chunk_key for e in entries], Chunks)
        syntheses = self._stream("synthesize", [e.synthesis_key for e in entries], Syntheses)
        for entry, cut, written in zip(entries, chunks, syntheses, strict=True):
            made, dropped = training_rows(entry.file, cut.chunks, written.syntheses)
            rows.extend(made)
            rejects.extend(dropped)
        return number_pairs(rows), rejects

    def results(self) -> Iterator[tuple[SourceFile, ExtractedDocument | Description]]:
        """What raw_knowledge.jsonl is made of, in the order of the plan."""
        extracted = [e.outcome_key for e in self.plan.entries if e.outcome_step == "extract"]
        outcomes = self._stream("extract", extracted, ExtractOutcome)
        for entry in self.plan.entries:
            if entry.outcome_step == "extract":
                yield entry.file, self._usable(next(outcomes).document, entry)
            else:
                yield from ((entry.file, d) for d in self.descriptions(entry).values())

    def all_descriptions(self) -> dict[str, Description]:
        """Every description by image id."""
        keys = {key: None for e in self.plan.entries for key in e.describe_keys.values()}
        unread = [key for key in keys if key not in self._descriptions]
        outcomes = self._stream("describe", unread, DescribeOutcome)
        for key, outcome in zip(unread, outcomes, strict=True):
            self._descriptions[key] = outcome.description
        found: dict[str, Description] = {}
        for entry in self.plan.entries:
            found.update(self.descriptions(entry))
        return found

    def _stream(self, step: str, keys: Sequence[str | None], model: type[Any]) -> Iterator[Any]:
        """Results by key, in order, with some fetched ahead of a remote cache."""
        found = self.cache.stream(step, (str(key) for key in keys), model)
        for key, result in zip(keys, found, strict=True):
            yield self._present(result, step, key)

    def _get(self, step: str, key: str | None, model: type[Any]) -> Any:
        return self._present(self.cache.get(step, str(key), model), step, key)

    @staticmethod
    def _present(found: Any, step: str, key: str | None) -> Any:
        if found is None:
            raise CacheLost(f"the cache lost {step} {key} during the run: run the command again")
        return found

"""The figures of a run, counted in one pass over the rows, in memory that does not grow with them.

`collect_facts` takes iterables (lists, or generators over the JSONL files) and returns `RunFacts`:
counts, a histogram, examples of rejects and a seeded sample of documents for the gallery. A
million documents make the same size of facts as a hundred.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePosixPath

from pydantic import Field

from tasks.records import (
    DocumentRow,
    ImageRow,
    QuestionType,
    Record,
    Reject,
    TrainingRow,
)
from tasks.reporting.gallery import GalleryDocument, GallerySample
from tasks.reporting.histogram import Histogram, histogram
from tasks.reporting.labels import engine_label, profile_label
from tasks.reporting.marks import FlaggedChunk, RowMarks
from tasks.spent import SpentCost, SpentUsage

REJECT_EXAMPLES_PER_GROUP = 12
REJECT_GROUPS_WITH_EXAMPLES = 40
QUESTION_TYPES: tuple[QuestionType, ...] = ("fact", "reasoning", "cross_lingual")
LANGUAGES = ("en", "zh", "mixed", "other")


class StepFacts(Record):
    """One step of the run: its wall time, and what it did now and what it took from the cache."""

    name: str
    seconds: float = Field(ge=0, description="wall time of the step in this run")
    done: int = Field(default=0, ge=0, description="items worked on now")
    reused: int = Field(default=0, ge=0, description="items whose result came from the cache")


class EngineFacts(Record):
    """Which engine serves a need, and the sentence that says why."""

    need: str
    engine: str
    reason: str


class OutputFile(Record):
    name: str
    rows: int = Field(ge=0)
    size_bytes: int | None = None


class Duplicate(Record):
    """A file whose content stands in the data set under another path."""

    file_path: str
    same_as: str


class IngestRun(Record):
    """What only the flow knows of a run; the rest is counted from the rows."""

    source: str
    output: str
    started_at: datetime
    ended_at: datetime
    seed: int = 0
    steps: tuple[StepFacts, ...] = Field(default=(), description="in the order they ran")
    engines: tuple[EngineFacts, ...] = ()
    files: tuple[OutputFile, ...] = Field(default=(), description="data files of the output")
    options: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    duplicates: tuple[Duplicate, ...] = ()
    held_out: tuple[str, ...] = Field(default=(), description="paths of held-out documents")
    removed: tuple[str, ...] = Field(default=(), description="paths gone since the run before")
    skipped_files: int = Field(default=0, description="system files passed over (.DS_Store, ~$)")
    notices: tuple[str, ...] = Field(default=(), description="sentences the reader must not miss")
    usage: SpentUsage = SpentUsage()
    cost: SpentCost = SpentCost()

    @property
    def seconds(self) -> float:
        return max(0.0, (self.ended_at - self.started_at).total_seconds())


class RejectGroup(Record):
    """Rejects of one step and reason: how many, and the first few."""

    step: str
    reason: str
    count: int
    examples: tuple[Reject, ...] = ()


class RunFacts(Record):
    """Everything a report shows. Bounded: counts, and a sample for the gallery."""

    run: IngestRun
    documents: int = 0
    pages: int = Field(default=0, description="of the documents that have pages")
    documents_by_kind: dict[str, int] = Field(default_factory=dict, description="by file ending")
    documents_by_language: dict[str, int] = Field(default_factory=dict)
    standalone_images: int = 0
    embedded_pictures: int = Field(default=0, description="picture rows found inside documents")
    chunks: int = 0
    chunks_by_language: dict[str, int] = Field(default_factory=dict)
    chunk_lengths: Histogram = Field(default_factory=Histogram, description="code points")
    summaries: int = Field(default=0, description="chunks with a dense summary")
    pairs: int = 0
    pairs_by_type: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="question type -> language of the question -> pairs"
    )
    pairs_with_evidence: int = 0
    pairs_per_chunk: dict[int, int] = Field(default_factory=dict)
    grades: dict[str, dict[int, int]] = Field(
        default_factory=dict, description="criterion -> grade -> pairs; empty without a judge"
    )
    flagged: int = Field(default=0, description="chunks that give orders to a reading model")
    flagged_chunks: tuple[FlaggedChunk, ...] = Field(default=(), description="the first of them")
    ran: dict[str, dict[str, int]] = Field(
        default_factory=dict, description="need -> engine that really ran, as rows say -> rows"
    )
    rejects: int = 0
    reject_groups: tuple[RejectGroup, ...] = ()
    gallery: tuple[GalleryDocument, ...] = ()

    @property
    def sources(self) -> int:
        """Files that stand in the data set: documents and standalone images."""
        return self.documents + self.standalone_images


def collect_facts(
    run: IngestRun,
    *,
    documents: Iterable[DocumentRow],
    images: Iterable[ImageRow],
    training_rows: Iterable[TrainingRow],
    rejects: Iterable[Reject],
    gallery_documents: int = 24,
    gallery_chunks: int = 3,
) -> RunFacts:
    """Count the rows of a run. Each iterable is read once, in the order of the arguments.

    The gallery holds at most `gallery_documents` documents with `gallery_chunks` chunks each,
    chosen by `run.seed` and spread over file kinds and languages.
    """
    sample = GallerySample(run.seed, gallery_documents, gallery_chunks, frozenset(run.held_out))
    kinds: Counter[str] = Counter()
    document_languages: Counter[str] = Counter()
    ran: dict[str, Counter[str]] = {
        "extraction": Counter(),
        "description": Counter(),
        "synthesis": Counter(),
    }
    pages = 0
    for document in documents:
        kinds[PurePosixPath(document.filename).suffix.lower().lstrip(".") or "none"] += 1
        document_languages[document.language] += 1
        pages += document.page_count or 0
        ran["extraction"][profile_label(document.profile)] += 1
        sample.add_document(document)

    standalone = embedded = 0
    for image in images:
        standalone += image.origin == "standalone"
        embedded += image.origin == "embedded"
        ran["description"][engine_label(image.describer.engine, image.describer.model)] += 1
        sample.add_image(image)

    sample.close_documents()
    chunk_languages: Counter[str] = Counter()
    lengths: dict[str, Counter[int]] = {}
    types: dict[str, Counter[str]] = {name: Counter() for name in QUESTION_TYPES}
    per_chunk: Counter[int] = Counter()
    summaries = evidenced = 0
    marks = RowMarks()
    for row in training_rows:
        chunk_languages[row.language] += 1
        lengths.setdefault(row.language, Counter())[len(row.chunk)] += 1
        summaries += row.dense_summary is not None
        per_chunk[len(row.qa_pairs)] += 1
        ran["synthesis"][engine_label(row.synthesizer.engine, row.synthesizer.model)] += 1
        for pair in row.qa_pairs:
            types[pair.type][pair.question_language] += 1
            evidenced += pair.evidence is not None
        marks.add(row)
        sample.add_training_row(row)

    groups = _group_rejects(rejects, [step.name for step in run.steps])
    return RunFacts(
        run=run,
        documents=kinds.total(),
        pages=pages,
        documents_by_kind=_by_count(kinds),
        documents_by_language=_in_order(document_languages),
        standalone_images=standalone,
        embedded_pictures=embedded,
        chunks=chunk_languages.total(),
        chunks_by_language=_in_order(chunk_languages),
        chunk_lengths=histogram({name: lengths[name] for name in LANGUAGES if name in lengths}),
        summaries=summaries,
        pairs=sum(counts.total() for counts in types.values()),
        pairs_by_type={name: _in_order(counts) for name, counts in types.items()},
        pairs_with_evidence=evidenced,
        pairs_per_chunk=dict(sorted(per_chunk.items())),
        grades=marks.grades(),
        flagged=marks.flagged,
        flagged_chunks=tuple(marks.examples),
        ran={need: _by_count(counts) for need, counts in ran.items()},
        rejects=sum(group.count for group in groups),
        reject_groups=groups,
        gallery=sample.documents(),
    )


def _group_rejects(rejects: Iterable[Reject], steps: list[str]) -> tuple[RejectGroup, ...]:
    """Groups in the order of the steps, the largest first inside a step."""
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], list[Reject]] = {}
    for reject in rejects:
        key = (reject.step, reject.reason)
        counts[key] += 1
        if key not in examples and len(examples) >= REJECT_GROUPS_WITH_EXAMPLES:
            continue
        kept = examples.setdefault(key, [])
        if len(kept) < REJECT_EXAMPLES_PER_GROUP:
            kept.append(reject)

    def rank(key: tuple[str, str]) -> tuple[int, str, int, str]:
        step, reason = key
        position = steps.index(step) if step in steps else len(steps)
        return position, step, -counts[key], reason

    return tuple(
        RejectGroup(
            step=step,
            reason=reason,
            count=counts[step, reason],
            examples=tuple(examples.get((step, reason), ())),
        )
        for step, reason in sorted(counts, key=rank)
    )


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _in_order(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in LANGUAGES if counts[name]}

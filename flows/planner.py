"""Counts what an ingest run would call: goes through its steps, and asks nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flows.engines import llm_synthesizer, vision_describer
from flows.ingest_run import read_files, split_duplicates
from flows.ingest_steps import IngestSteps
from tasks.chunking import chunk_document
from tasks.chunking.job import descriptions_of, document_of, limit_of
from tasks.corpus import CorpusEntry
from tasks.description.stored_pictures import stored_picture
from tasks.endpoint.answers import AnswerStore
from tasks.endpoint.chat import ChatRequest
from tasks.endpoint.options import EndpointOptions
from tasks.errors import FileRejected
from tasks.estimates import (
    DESCRIPTION_TOKENS,
    GRADES_TOKENS,
    PAIR_TOKENS,
    PAIRS_PER_CHUNK,
    QUESTION_TOKENS,
    StepEstimate,
    request_tokens,
    step_estimate,
    synthesis_tokens,
    tokens_of,
    wall_seconds,
)
from tasks.jobs import Chunks, DocumentToChunk, ExtractOutcome, PictureToDescribe
from tasks.records import ExtractedDocument, Record, SourceFile, TextChunk
from tasks.text import count_han

# Stands for a description that nobody has written yet, about as long as one.
_STAND_IN = {
    "zh": "图片内容的文字说明，" * (DESCRIPTION_TOKENS // 8),
    "en": "Words that describe the picture. " * (DESCRIPTION_TOKENS // 8),
}
_ORDER_TOKENS = 600  # of a prompt that the plan cannot fill yet, because it quotes an answer


class Plan(Record):
    """What `clara plan` tells. Counts of the whole source; calls of what is not cached."""

    documents: int
    pages: int
    pictures: int
    pictures_described: int
    chunks: int
    chunks_synthesized: int
    rejects: int
    steps: tuple[StepEstimate, ...]
    currency: str | None
    seconds: float
    seconds_at_most: float
    engines: tuple[str, ...]

    @property
    def expected(self) -> tuple[StepEstimate, ...]:
        return tuple(step for step in self.steps if not step.at_most)


class Planner:
    """One plan."""

    def __init__(self, steps: IngestSteps) -> None:
        self._steps, self._engines = steps, steps.engines
        self._store = AnswerStore(steps.places.cache_uri)

    def plan(self, files: Sequence[SourceFile]) -> Plan:
        """The counts. Raises ClaraError."""
        steps, options = self._steps, self._steps.options
        entries = read_files(steps, files)
        pictures, undescribed, calls = self._descriptions(entries)
        if self._engines.description.endpoint is None:
            entries = steps.describe(entries)
        else:
            entries = self._with_description_keys(entries)
        chunks, waiting = self._chunks(split_duplicates(steps, entries)[0], undescribed)
        estimates = [*calls, *self._synthesis(waiting)]
        return Plan(
            documents=sum(entry.outcome_step == "extract" for entry in entries),
            pages=sum(self._pages(entry) for entry in entries),
            pictures=pictures,
            pictures_described=pictures - len(undescribed),
            chunks=chunks,
            chunks_synthesized=chunks - len(waiting),
            rejects=len(steps.rejects),
            steps=tuple(estimates),
            currency=options.currency,
            seconds=wall_seconds((e for e in estimates if not e.at_most), options.concurrency),
            seconds_at_most=wall_seconds(estimates, options.concurrency),
            engines=tuple(
                f"{fact.need}: {fact.engine} ({fact.reason})" for fact in self._engines.facts()
            ),
        )

    def _pages(self, entry: CorpusEntry) -> int:
        if entry.outcome_step != "extract":
            return 0
        outcome = self._steps.cache.get("extract", entry.outcome_key, ExtractOutcome)
        return (outcome.document.page_count or 0) if outcome and outcome.document else 0

    def _is_answered(self, request: ChatRequest, endpoint: EndpointOptions) -> bool:
        """Whether a run that was stopped has paid for this call already."""
        if self._steps.options.fresh:
            return False
        return self._store.get(request.key(endpoint.model, endpoint.extra_body)) is not None

    # --- pictures ----------------------------------------------------------------------------

    def _descriptions(
        self, entries: Sequence[CorpusEntry]
    ) -> tuple[int, set[str], list[StepEstimate]]:
        """Pictures in all, keys of those that a call has to describe, and the calls."""
        endpoint = self._engines.description.endpoint
        wanted = self._steps.wanted_descriptions(entries)
        if endpoint is None:
            return len(wanted.items), set(), []
        missing: set[str] = set()
        calls = []
        for key, item in wanted.items.items():
            if not self._steps.options.fresh and self._steps.is_stored("describe", key):
                continue
            tokens = self._description_tokens(item, endpoint)
            if tokens is not None:
                missing.add(key)
                calls.append((tokens, DESCRIPTION_TOKENS))
        return len(wanted.items), missing, [step_estimate("describe", endpoint, calls)]

    def _description_tokens(self, item: PictureToDescribe, endpoint: EndpointOptions) -> int | None:
        """Prompt tokens; None for what is decoration or broken, or answered already."""
        describer = vision_describer(endpoint, self._engines.prompts)
        try:
            with stored_picture(self._steps.cache.images, item.image_id) as path:
                request = describer.prepare(path, item.context)
        except FileRejected:
            return None
        return None if self._is_answered(request, endpoint) else request_tokens(request)

    def _with_description_keys(self, entries: Sequence[CorpusEntry]) -> list[CorpusEntry]:
        wanted = self._steps.wanted_descriptions(entries)
        return [
            entry.model_copy(
                update={
                    "describe_keys": {
                        image_id: wanted.keys[image_id]
                        for image_id in wanted.of_file[entry.file.file_path]
                    }
                }
            )
            for entry in entries
        ]

    # --- text --------------------------------------------------------------------------------

    def _chunks(
        self, entries: Sequence[CorpusEntry], undescribed: set[str]
    ) -> tuple[int, list[TextChunk]]:
        """Chunks in all, and those that calls have to be made for."""
        whole = [e for e in entries if undescribed.isdisjoint(e.describe_keys.values())]
        count = 0
        waiting: list[TextChunk] = []
        for entry in self._steps.chunk(whole):
            stored = self._steps.cache.get("chunk", str(entry.chunk_key), Chunks)
            chunks = stored.chunks if stored else ()
            count += len(chunks)
            key = self._steps.synthesis_key(entry)
            if self._steps.options.fresh or not self._steps.is_stored("synthesize", key):
                waiting += chunks
        for entry in entries:
            if entry not in whole:
                chunks = self._chunks_with_stand_ins(entry, undescribed)
                count += len(chunks)
                waiting += chunks
        return count, (waiting if self._engines.synthesis.endpoint else [])

    def _chunks_with_stand_ins(
        self, entry: CorpusEntry, undescribed: set[str]
    ) -> tuple[TextChunk, ...]:
        """The chunks that a document will have about, once its pictures are described."""
        document = _document_of(self._steps, entry)
        language = "zh" if count_han(document.content) > len(document.content) / 4 else "en"
        known = descriptions_of(self._steps.cache, entry.describe_keys)
        descriptions = {
            image_id: known.get(image_id, _STAND_IN[language])
            for image_id, key in entry.describe_keys.items()
            if image_id in known or key in undescribed
        }
        return chunks_of(self._steps, entry, descriptions)

    def _synthesis(self, chunks: Sequence[TextChunk]) -> list[StepEstimate]:
        endpoint = self._engines.synthesis.endpoint
        if endpoint is None:
            return []
        options = self._steps.options
        from tasks.synthesis.llm_request import base_language

        synthesizer = llm_synthesizer(endpoint, self._engines.prompts, options)
        first, repairs, grades, hops = [], [], [], []
        for chunk in chunks:
            if base_language(chunk) == "other":
                continue  # not asked about
            request = synthesizer.first_request(chunk)
            prompt, answer = request_tokens(request), synthesis_tokens(chunk.text)
            if not self._is_answered(request, endpoint):
                first.append((prompt, answer))
            repairs.append((prompt + answer + _ORDER_TOKENS, answer))
            passage = tokens_of(chunk.text)
            grades.append((_ORDER_TOKENS + passage + PAIRS_PER_CHUNK * PAIR_TOKENS, GRADES_TOKENS))
            hops.append((_ORDER_TOKENS + 2 * (passage + PAIR_TOKENS), QUESTION_TOKENS))
        estimates = [step_estimate("synthesize", endpoint, first)]
        if options.judge:
            estimates.append(step_estimate("judge", endpoint, grades))
        estimates.append(step_estimate("repair", endpoint, repairs, at_most=True))
        estimates.append(step_estimate("two_hops", endpoint, hops, at_most=True))
        return estimates


def chunks_of(
    steps: IngestSteps, entry: CorpusEntry, descriptions: Mapping[str, str]
) -> tuple[TextChunk, ...]:
    """A document's chunks with these descriptions of its pictures, cut here and not stored."""
    limit = limit_of(steps.engines.limit)
    return tuple(chunk_document(_document_of(steps, entry), dict(descriptions), limit))


def _document_of(steps: IngestSteps, entry: CorpusEntry) -> ExtractedDocument:
    item = DocumentToChunk(
        key="",
        outcome_step=entry.outcome_step,
        outcome_key=entry.outcome_key,
        doc_id=entry.file.doc_id,
        describe_keys=entry.describe_keys,
    )
    return document_of(steps.cache, item)

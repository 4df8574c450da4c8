"""The steps that make text into training data; with those before them, all steps of ingest."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from flows.ingest_runner import BATCH, CALLS_BATCH, batches
from flows.picture_steps import PictureSteps
from tasks.cache import content_key
from tasks.chunking.job import descriptions_of
from tasks.corpus import CorpusEntry
from tasks.jobs import (
    VERSIONS,
    ChunkJob,
    Chunks,
    ChunksToSynthesize,
    DocumentToChunk,
    Rejection,
    SynthesizeJob,
)


@dataclass
class IngestSteps(PictureSteps):
    """The steps, in the order in which the flow calls them."""

    def chunk(self, entries: Sequence[CorpusEntry]) -> list[CorpusEntry]:
        """Entries with the key of their chunks; `entries` holds no duplicates."""
        from tasks.chunk import chunk_documents

        keys = {
            entry.file.file_path: content_key(
                "chunk",
                VERSIONS["chunk"],
                document=entry.outcome_key,
                descriptions=self._description_hashes(entry),
                limit=self.engines.limit_identity,
            )
            for entry in entries
        }
        items = {
            keys[entry.file.file_path]: DocumentToChunk(
                key=keys[entry.file.file_path],
                outcome_step=entry.outcome_step,
                outcome_key=entry.outcome_key,
                doc_id=entry.file.doc_id,
                describe_keys=entry.describe_keys,
            )
            for entry in entries
        }
        with self.watch.step("chunk", len(items)) as step:
            missing = self.missing("chunk", items, step)
            jobs = [
                ChunkJob(
                    limit=self.engines.limit, documents=tuple(batch), **self.common(len(batch))
                )
                for batch in batches(missing, BATCH, self.runner.width)
            ]
            failed = self.failures(self.fan_out(chunk_documents, step, jobs))
        return self._with_keys(entries, "chunk", "chunk_key", keys, failed)

    def _description_hashes(self, entry: CorpusEntry) -> dict[str, str]:
        """What the pictures are said to show, by image id: text, and not where it came from."""
        texts = descriptions_of(self.cache, entry.describe_keys)
        return {i: hashlib.sha256(text.encode()).hexdigest() for i, text in texts.items()}

    def synthesis_key(self, entry: CorpusEntry) -> str:
        """Of a chunked document's syntheses."""
        return content_key(
            "synthesize",
            VERSIONS["synthesize"],
            chunks=entry.chunk_key,
            engine=self.engines.synthesizer_identity,
            seed=self.options.seed,
        )

    def synthesize(self, entries: Sequence[CorpusEntry]) -> list[CorpusEntry]:
        """Entries with the key of their syntheses."""
        from tasks.synthesize import synthesize_documents

        keys = {entry.file.file_path: self.synthesis_key(entry) for entry in entries}
        items = {
            keys[entry.file.file_path]: ChunksToSynthesize(
                key=keys[entry.file.file_path], chunk_key=str(entry.chunk_key)
            )
            for entry in entries
        }
        with self.watch.step("synthesize", len(items)) as step:
            missing = self.missing("synthesize", items, step)
            calls = self.engines.synthesis.endpoint
            jobs = [
                SynthesizeJob(
                    engine=self.engines.synthesizer.engine,
                    calls=calls,
                    prompts=self.options.prompts if calls else None,
                    judge_min=self.options.judge_min if calls and self.options.judge else None,
                    seed=self.options.seed,
                    documents=tuple(batch),
                    **self.common(len(batch)),
                )
                for batch in (
                    self._by_chunks(missing)
                    if calls
                    else batches(missing, BATCH, self.runner.width)
                )
            ]
            failed = self.failures(self.fan_out(synthesize_documents, step, jobs))
        if not all(self.is_stored("synthesize", item.key, settled=True) for item in missing):
            self.retry_next_time = True
        return self._with_keys(entries, "synthesize", "synthesis_key", keys, failed)

    def _by_chunks(self, items: Sequence[ChunksToSynthesize]) -> list[list[ChunksToSynthesize]]:
        """Batches of documents with some CALLS_BATCH chunks each; one document is never split."""
        found: list[list[ChunksToSynthesize]] = []
        size = 0
        for item in items:
            stored = self.cache.get("chunk", item.chunk_key, Chunks)
            chunks = len(stored.chunks) if stored else 0
            if not found or size + chunks > CALLS_BATCH:
                found.append([])
                size = 0
            found[-1].append(item)
            size += chunks
        return found

    def _with_keys(
        self,
        entries: Sequence[CorpusEntry],
        step: str,
        field_name: str,
        keys: dict[str, str],
        failed: dict[str, Rejection],
    ) -> list[CorpusEntry]:
        done = []
        for entry in entries:
            key = keys[entry.file.file_path]
            if key in failed:
                self.reject(entry.file.file_path, step, failed[key])
            else:
                done.append(entry.model_copy(update={field_name: key}))
        return done

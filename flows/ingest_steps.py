"""The steps of ingest that make results in the cache, each: find what is missing, make it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from flows.ingest_runner import BATCH, IMAGE_BATCH, StepRunner, batches
from flows.ingest_setup import extraction_options, pool_size
from tasks.cache import content_key
from tasks.chunking.job import descriptions_of
from tasks.corpus import CacheLost, CorpusEntry
from tasks.description.context import pictures_in_context
from tasks.description.engine import PictureContext
from tasks.jobs import (
    VERSIONS,
    ChunkJob,
    ChunksToSynthesize,
    DescribeJob,
    DescribeOutcome,
    DocumentToChunk,
    ExtractJob,
    ExtractOutcome,
    FileToOpen,
    PictureOutcome,
    PicturesJob,
    PictureToDescribe,
    Rejection,
    SynthesizeJob,
)
from tasks.records import SourceFile


@dataclass
class IngestSteps(StepRunner):
    """The steps, in the order in which the flow calls them."""

    # --- standalone images -------------------------------------------------------------------

    def open_pictures(self, files: Sequence[SourceFile]) -> dict[str, PictureOutcome]:
        """Outcomes by file_path. A TIFF of several pages has `pages` and no picture."""
        from tasks.open_pictures import open_pictures

        keys = self.picture_keys = {
            file.file_path: content_key("pictures", VERSIONS["pictures"], doc_id=file.doc_id)
            for file in files
        }
        items = {keys[f.file_path]: FileToOpen(key=keys[f.file_path], file=f) for f in files}
        with self.watch.step("images", len(items)) as step:
            missing = self._missing("pictures", items, step)
            jobs = [
                PicturesJob(files=tuple(batch), **self._common(len(batch)))
                for batch in batches(missing, IMAGE_BATCH, pool_size(self.options))
            ]
            failed = self._failures(self._fan_out(open_pictures, step, jobs))
        outcomes = {}
        for file in files:
            outcome = self.cache.get("pictures", keys[file.file_path], PictureOutcome)
            rejection = failed.get(keys[file.file_path]) or _refused(outcome)
            if rejection is not None or outcome is None:
                self._reject(file.file_path, "describe", rejection)
            else:
                outcomes[file.file_path] = outcome
        return outcomes

    # --- documents ---------------------------------------------------------------------------

    def extract(self, files: Sequence[SourceFile]) -> list[CorpusEntry]:
        """Entries of the files that could be extracted, in order."""
        from tasks.extract import extract_document

        options = extraction_options(self.options, self.engines)
        decisive = options.model_dump(mode="json", exclude={"threads"})
        keys = {
            file.file_path: content_key(
                "extract",
                VERSIONS["extract"],
                doc_id=file.doc_id,
                kind=file.kind,
                options=decisive,
            )
            for file in files
        }
        first: dict[str, SourceFile] = {}
        for file in files:
            first.setdefault(keys[file.file_path], file)
        with self.watch.step("extract", len(first)) as step:
            missing = self._missing("extract", first, step)
            # The longest first: a long document that starts last would run alone at the end.
            missing.sort(key=lambda file: -file.size_bytes)
            jobs = [
                ExtractJob(key=keys[file.file_path], file=file, options=options, **self._common())
                for file in missing
            ]
            failed = self._failures(self._fan_out(extract_document, step, jobs))
        entries = []
        for file in files:
            key = keys[file.file_path]
            outcome = self.cache.get("extract", key, ExtractOutcome)
            rejection = failed.get(key) or _refused(outcome)
            if rejection is not None or outcome is None or outcome.document is None:
                self._reject(file.file_path, "extract", rejection)
                continue
            for dropped in outcome.document.dropped_pictures:
                self.rejects.append(dropped.model_copy(update={"file_path": file.file_path}))
            entries.append(CorpusEntry(file=file, outcome_step="extract", outcome_key=key))
        return entries

    # --- pictures ----------------------------------------------------------------------------

    def describe(self, entries: Sequence[CorpusEntry]) -> list[CorpusEntry]:
        """The same entries with the keys of their pictures' descriptions."""
        from tasks.describe import describe_pictures

        contexts: dict[str, PictureContext] = {}
        pictures_of: dict[str, list[str]] = {}
        for entry in entries:
            found = self._pictures(entry)
            pictures_of[entry.file.file_path] = list(found)
            for image_id, context in found.items():
                # A picture in ten documents is described once, as the first of them shows it.
                read = context.model_dump(include=set(self.engines.describer_reads))
                contexts.setdefault(image_id, PictureContext(**read))
        keys = {
            image_id: content_key(
                "describe",
                VERSIONS["describe"],
                image_id=image_id,
                context=context,
                engine=self.engines.describer_identity,
            )
            for image_id, context in contexts.items()
        }
        items = {
            keys[image_id]: PictureToDescribe(
                image_id=image_id, key=keys[image_id], context=context
            )
            for image_id, context in contexts.items()
        }
        with self.watch.step("describe", len(items)) as step:
            missing = self._missing("describe", items, step)
            jobs = [
                DescribeJob(
                    engine=self.engines.describer.engine,
                    pictures=tuple(batch),
                    **self._common(len(batch)),
                )
                for batch in batches(missing, IMAGE_BATCH, pool_size(self.options))
            ]
            failed = self._failures(self._fan_out(describe_pictures, step, jobs))
        described = self._reject_undescribed(entries, pictures_of, keys, failed)
        return [
            entry.model_copy(
                update={
                    "describe_keys": {
                        image_id: keys[image_id]
                        for image_id in pictures_of[entry.file.file_path]
                        if image_id in described
                    }
                }
            )
            for entry in entries
        ]

    def _pictures(self, entry: CorpusEntry) -> dict[str, PictureContext]:
        """Pictures of a file with what stands around them, in reading order."""
        if entry.outcome_step == "extract":
            outcome = self.cache.get("extract", entry.outcome_key, ExtractOutcome)
            if outcome is None or outcome.document is None:
                raise CacheLost(f"the cache lost the extraction of {entry.file.file_path!r}")
            return pictures_in_context(outcome.document)
        picture = self.cache.get("pictures", entry.outcome_key, PictureOutcome)
        if picture is None or picture.image_id is None:
            raise CacheLost(f"the cache lost the picture of {entry.file.file_path!r}")
        return {picture.image_id: PictureContext(filename=entry.file.filename)}

    def content_of(self, entry: CorpusEntry) -> str:
        """What makes two files the same: bytes of documents, pixels of images."""
        if entry.outcome_step == "pictures":
            return next(iter(self._pictures(entry)))
        return entry.file.doc_id

    def _reject_undescribed(
        self,
        entries: Sequence[CorpusEntry],
        pictures_of: dict[str, list[str]],
        keys: dict[str, str],
        failed: dict[str, Rejection],
    ) -> set[str]:
        """Ids with an outcome; a line of rejects.jsonl for each place of one without text."""
        stored: set[str] = set()
        rejections: dict[str, Rejection | None] = {}
        for image_id, key in keys.items():
            outcome = self.cache.get("describe", key, DescribeOutcome)
            if outcome is not None and key not in failed:
                stored.add(image_id)
            if key in failed or outcome is None or outcome.description is None:
                rejections[image_id] = failed.get(key) or _refused(outcome)
        self.rejected_images.update(rejections)
        for entry in entries:
            for image_id in pictures_of[entry.file.file_path]:
                if image_id in rejections:
                    self._reject(entry.file.file_path, "describe", rejections[image_id], image_id)
        return stored

    # --- text --------------------------------------------------------------------------------

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
            missing = self._missing("chunk", items, step)
            jobs = [
                ChunkJob(
                    limit=self.engines.limit, documents=tuple(batch), **self._common(len(batch))
                )
                for batch in batches(missing, BATCH, pool_size(self.options))
            ]
            failed = self._failures(self._fan_out(chunk_documents, step, jobs))
        return self._with_keys(entries, "chunk", "chunk_key", keys, failed)

    def _description_hashes(self, entry: CorpusEntry) -> dict[str, str]:
        """What the pictures are said to show, by image id: text, and not where it came from."""
        texts = descriptions_of(self.cache, entry.describe_keys)
        return {i: hashlib.sha256(text.encode()).hexdigest() for i, text in texts.items()}

    def synthesize(self, entries: Sequence[CorpusEntry]) -> list[CorpusEntry]:
        """Entries with the key of their syntheses."""
        from tasks.synthesize import synthesize_documents

        keys = {
            entry.file.file_path: content_key(
                "synthesize",
                VERSIONS["synthesize"],
                chunks=entry.chunk_key,
                engine=self.engines.synthesizer_identity,
                seed=self.options.seed,
            )
            for entry in entries
        }
        items = {
            keys[entry.file.file_path]: ChunksToSynthesize(
                key=keys[entry.file.file_path], chunk_key=str(entry.chunk_key)
            )
            for entry in entries
        }
        with self.watch.step("synthesize", len(items)) as step:
            missing = self._missing("synthesize", items, step)
            jobs = [
                SynthesizeJob(
                    engine=self.engines.synthesizer.engine,
                    seed=self.options.seed,
                    documents=tuple(batch),
                    **self._common(len(batch)),
                )
                for batch in batches(missing, BATCH, pool_size(self.options))
            ]
            failed = self._failures(self._fan_out(synthesize_documents, step, jobs))
        return self._with_keys(entries, "synthesize", "synthesis_key", keys, failed)

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
                self._reject(entry.file.file_path, step, failed[key])
            else:
                done.append(entry.model_copy(update={field_name: key}))
        return done


def _refused(
    outcome: PictureOutcome | ExtractOutcome | DescribeOutcome | None,
) -> Rejection | None:
    return None if outcome is None else outcome.rejection

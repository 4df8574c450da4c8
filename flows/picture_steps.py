"""The step that describes pictures, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.document_steps import DocumentSteps
from flows.ingest_runner import CALLS_BATCH, IMAGE_BATCH, batches, refused
from tasks.cache import content_key
from tasks.corpus import CacheLost, CorpusEntry
from tasks.description.context import pictures_in_context
from tasks.description.engine import PictureContext
from tasks.jobs import (
    VERSIONS,
    DescribeJob,
    DescribeOutcome,
    ExtractOutcome,
    PictureOutcome,
    PictureToDescribe,
    Rejection,
)


@dataclass(frozen=True)
class WantedDescriptions:
    """What the pictures of a run need: items by key, keys by image id, image ids by file."""

    items: dict[str, PictureToDescribe]
    keys: dict[str, str]
    of_file: dict[str, list[str]]


@dataclass
class PictureSteps(DocumentSteps):
    """From pictures to descriptions in the cache."""

    def describe(self, entries: Sequence[CorpusEntry]) -> list[CorpusEntry]:
        """The same entries with the keys of their pictures' descriptions."""
        from tasks.describe import describe_pictures

        wanted = self.wanted_descriptions(entries)
        items, keys = wanted.items, wanted.keys
        with self.watch.step("describe", len(items)) as step:
            missing = self.missing("describe", items, step)
            calls = self.engines.description.endpoint
            most, least = (CALLS_BATCH, 1) if calls else (IMAGE_BATCH, self.runner.width)
            jobs = [
                DescribeJob(
                    engine=self.engines.describer.engine,
                    calls=calls,
                    prompts=self.options.prompts if calls else None,
                    pictures=tuple(batch),
                    **self.common(len(batch)),
                )
                for batch in batches(missing, most, least)
            ]
            failed = self.failures(self.fan_out(describe_pictures, step, jobs))
        described = self._reject_undescribed(entries, wanted.of_file, keys, failed)
        return [
            entry.model_copy(
                update={
                    "describe_keys": {
                        image_id: keys[image_id]
                        for image_id in wanted.of_file[entry.file.file_path]
                        if image_id in described
                    }
                }
            )
            for entry in entries
        ]

    def wanted_descriptions(self, entries: Sequence[CorpusEntry]) -> WantedDescriptions:
        """Every picture of the entries, each once, with the key of its description."""
        contexts: dict[str, PictureContext] = {}
        pictures_of: dict[str, list[str]] = {}
        for entry in entries:
            found = self._pictures(entry)
            pictures_of[entry.file.file_path] = list(found)
            for image_id, context in found.items():
                read = PictureContext(
                    **context.model_dump(include=set(self.engines.describer_reads))
                )
                contexts[image_id] = in_common(contexts.get(image_id, read), read)
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
        return WantedDescriptions(items=items, keys=keys, of_file=pictures_of)

    def _pictures(self, entry: CorpusEntry) -> dict[str, PictureContext]:
        """Pictures of a file with what stands around them, in reading order."""
        if entry.outcome_step == "extract":
            outcome = self.cache.get("extract", entry.outcome_key, ExtractOutcome)
            if outcome is None or outcome.document is None:
                raise CacheLost(f"the cache lost the extraction of {entry.file.file_path!r}")
            # Repeated logos are found by their looks, which an engine that reads text never needs.
            images = self.cache.images if "repeated" in self.engines.describer_reads else None
            return pictures_in_context(outcome.document, images)
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
        outcomes = self.cache.stream("describe", keys.values(), DescribeOutcome)
        for (image_id, key), outcome in zip(keys.items(), outcomes, strict=True):
            if outcome is not None and key not in failed:
                stored.add(image_id)
            if key in failed or outcome is None or outcome.description is None:
                rejections[image_id] = failed.get(key) or refused(outcome)
        self.rejected_images.update(rejections)
        for entry in entries:
            for image_id in pictures_of[entry.file.file_path]:
                if image_id in rejections:
                    self.reject(entry.file.file_path, "describe", rejections[image_id], image_id)
        return stored


def in_common(one: PictureContext, other: PictureContext) -> PictureContext:
    """What two places of a picture agree on.

    A picture in ten documents is described once. Were the first of them to give the context, a
    new document would change the description, and so the text and the pairs of all ten.
    """
    if one == other:
        return one
    return PictureContext(
        language=one.language if one.language == other.language else "other",
        repeated=one.repeated or other.repeated,
    )

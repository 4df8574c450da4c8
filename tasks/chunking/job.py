"""Chunking of a batch of documents, as a worker process does it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tasks.cache import StepCache
from tasks.errors import WorkerDied
from tasks.heldout import sketch
from tasks.jobs import (
    ChunkJob,
    Chunks,
    DescribeOutcome,
    DocumentToChunk,
    Done,
    ExtractOutcome,
    LimitOptions,
    PictureOutcome,
)
from tasks.records import Block, ExtractedDocument, FoundPicture, Profile
from tasks.tokenizer import LengthLimit, make_limit


@lru_cache(maxsize=4)
def limit_of(options: LimitOptions) -> LengthLimit:
    """The limit that bounds chunks; its tokenizer stays loaded with the process."""
    return make_limit(
        options.tokenizer, options.chunk_tokens, options.chunk_size, Path(options.home)
    )


def chunk(job: ChunkJob) -> Done:
    """Stores Chunks under the key of each document."""
    from tasks.chunking import chunk_document

    cache = job.cache()
    limit = limit_of(job.limit)
    for item in job.documents:
        if job.is_done(cache, item.key):
            continue
        document = document_of(cache, item)
        chunks = chunk_document(document, descriptions_of(cache, item.describe_keys), limit)
        text = "\n\n".join(chunk.text for chunk in chunks)
        cache.put(job.step, item.key, Chunks(chunks=tuple(chunks), sketch=sketch(text)))
    return Done(made=len(job.documents))


def document_of(cache: StepCache, item: DocumentToChunk) -> ExtractedDocument:
    """The extraction of a document, or a standalone picture as a document of one picture."""
    if item.outcome_step == "extract":
        extracted = cache.get("extract", item.outcome_key, ExtractOutcome)
        if extracted is not None and extracted.document is not None:
            return extracted.document
    else:
        picture = cache.get("pictures", item.outcome_key, PictureOutcome)
        if picture is not None and picture.image_id is not None:
            return standalone_document(item.doc_id, picture)
    raise WorkerDied(f"the cache lost {item.outcome_step} {item.outcome_key} during the run")


def standalone_document(doc_id: str, picture: PictureOutcome) -> ExtractedDocument:
    """A picture file as a document whose only block is the picture."""
    image_id = str(picture.image_id)
    return ExtractedDocument(
        doc_id=doc_id,
        blocks=(Block(kind="picture", markdown=f"[IMAGE_REF: extracted_assets/{image_id}.jpg]"),),
        pictures=(
            FoundPicture(image_id=image_id, width_px=picture.width_px, height_px=picture.height_px),
        ),
        profile=Profile(name="direct"),
    )


def descriptions_of(cache: StepCache, keys: dict[str, str]) -> dict[str, str]:
    """Descriptions by image id, of the pictures that have one."""
    found = {}
    for image_id, key in keys.items():
        outcome = cache.get("describe", key, DescribeOutcome)
        if outcome is not None and outcome.description is not None:
            found[image_id] = outcome.description.text
    return found

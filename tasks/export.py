"""Write the data set's rows: knowledge, training data and rejects, and bring the pictures along."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prefect import task

from tasks.assemble import ASSETS_FOLDER, raw_knowledge_rows
from tasks.corpus import Corpus
from tasks.known_hashes import KnownHashes, Measured
from tasks.manifest import FileEntry
from tasks.output_jobs import RowsJob, Written
from tasks.prefect_policy import step_policy
from tasks.records import DocumentRow, ImageRow
from tasks.storage import Location

KNOWLEDGE_FILE = "raw_knowledge.jsonl"
TRAINING_FILE = "clara_training_data.jsonl"
REJECTS_FILE = "rejects.jsonl"
_ASSET = re.compile(r"[0-9a-f]{16}\.jpg")


def write_rows(job: RowsJob) -> Written:
    """Stages the three files and stores the pictures. Raises StorageError, CacheLost."""
    corpus, staging = job.corpus(), job.staging
    images: dict[str, None] = {}
    rows = _noting_images(_knowledge(corpus), images)
    files = {
        KNOWLEDGE_FILE: staging.write_rows(KNOWLEDGE_FILE, rows),
        TRAINING_FILE: staging.write_rows(TRAINING_FILE, (n.row for n in corpus.rows)),
        REJECTS_FILE: staging.write_rows(REJECTS_FILE, corpus.rejects),
    }
    assets = store_assets(
        images, corpus.cache.images, Location(job.output_uri), corpus.cache.location
    )
    return Written(files={**files, **assets}, notices=corpus.reviewed.notices)


def _knowledge(corpus: Corpus) -> Iterator[DocumentRow | ImageRow]:
    plan = corpus.plan
    mode = plan.options.extraction_mode or "dict"
    rejected = frozenset(plan.rejected_images)
    return raw_knowledge_rows(corpus.results(), corpus.all_descriptions(), mode, rejected)


def _noting_images(
    rows: Iterable[DocumentRow | ImageRow], images: dict[str, None]
) -> Iterator[DocumentRow | ImageRow]:
    for row in rows:
        if isinstance(row, ImageRow):
            images[row.image_id] = None
        else:
            images.update(dict.fromkeys(row.extracted_images))
        yield row


def store_assets(
    image_ids: Iterable[str], cached: Location, output: Location, cache: Location
) -> dict[str, FileEntry]:
    """Copies pictures into the output where they are missing.

    They are named by their content, so they can stand there before the rows that refer to them.
    """
    assets = output / ASSETS_FOLDER
    assets.make()
    names = [f"{image_id}.jpg" for image_id in sorted(image_ids)]
    present = assets.sizes()

    def store(measured: tuple[str, Measured]) -> tuple[str, FileEntry]:
        name, (size_bytes, sha256) = measured
        stands = present.get(name) == size_bytes
        if stands and assets.is_local:
            stands = assets.size_and_sha256(name) == (size_bytes, sha256)
        if not stands:
            assets.write_bytes(name, cached.read_bytes(name))
        return f"{ASSETS_FOLDER}/{name}", FileEntry(sha256=sha256, bytes=size_bytes)

    with ThreadPoolExecutor(max_workers=8) as threads:
        return dict(threads.map(store, _measured(names, cached, cache)))


def _measured(
    names: Iterable[str], cached: Location, cache: Location
) -> Iterator[tuple[str, Measured]]:
    """The cache's pictures with size and hash. Raises FileNotFoundError, StorageError."""
    if cached.is_local:
        yield from ((name, cached.size_and_sha256(name)) for name in names)
        return
    known = KnownHashes(cached, cache)
    found = cached.find()
    for name, measured in known.measure({name: found.get(name, {}) for name in names}):
        if isinstance(measured, Exception):
            raise measured
        yield name, measured
    known.keep()


def remove_unused_assets(output: Location, used: Iterable[str]) -> int:
    """Deletes pictures that no row refers to any more; returns how many."""
    assets, kept = output / ASSETS_FOLDER, set(used)
    # Only names of ours: an image viewer may have put a folder of its own beside them.
    unused = [
        name
        for name in assets.names()
        if _ASSET.fullmatch(name) and f"{ASSETS_FOLDER}/{name}" not in kept
    ]
    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(assets.remove, unused))
    return len(unused)


@task(name="export", task_run_name="export the data set", **step_policy())
def export_rows(job: RowsJob) -> Any:
    """Write the knowledge, the training rows, the rejects and the pictures."""
    return write_rows(job).model_dump(mode="json")

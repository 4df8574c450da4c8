"""Documents to data set: the `ingest` flow, and the order of its steps.

    clara ingest SOURCE --output OUT
    prefect deployment run ingest/local -p source=... -p output=...

discover -> open images -> extract -> describe -> chunk -> synthesize -> export -> negatives ->
report -> publish. What the cache holds is not made again; what OUT holds is replaced only when
its successor is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.utilities.urls import url_for

from flows.ingest_setup import (
    Engines,
    Places,
    check_places,
    choose_engines,
    excluded_places,
    output_lock,
    previous_manifest,
)
from flows.ingest_steps import IngestSteps
from flows.publish import Publication, inputs_fingerprint, is_unchanged, unchanged_summary
from flows.terminal import current_console
from flows.watch import Watch
from tasks.corpus import CorpusEntry
from tasks.discover import Discovery, discover
from tasks.errors import ReviewsInvalid
from tasks.offline import forbid_network
from tasks.options import ExtractionMode, ExtractionProfile, IngestOptions, OcrMode, checked_options
from tasks.prefect_policy import step_policy
from tasks.records import Reject, SourceFile
from tasks.reviews import REVIEWS_FILE, parse_reviews
from tasks.settings import settings
from tasks.worker_pool import close_shared_pool


@flow(
    name="ingest",
    flow_run_name="ingest {source}",
    # Bounded again by what is submitted: this is only room for every step's window.
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    persist_result=False,
)
def ingest(
    source: str,
    output: str,
    cache: str | None = None,
    extraction: ExtractionProfile = "auto",
    extraction_mode: ExtractionMode | None = None,
    images_scale: float = 2.0,
    ocr: OcrMode = "auto",
    tokenizer: str | None = None,
    chunk_tokens: int | None = None,
    chunk_size: int | None = None,
    top_k: int = 5,
    candidates: int = 20,
    eval_fraction: float = 0.1,
    seed: int = 0,
    workers: int | None = None,
    document_timeout_s: float = 600.0,
    offline: bool = False,
    fresh: bool = False,
) -> dict[str, Any]:
    """Turn a folder of documents into training data.

    Args:
        source: Folder or fsspec URI of the documents.
        output: Folder or fsspec URI of the data set.
        cache: Where results are remembered; default: `.cache` in the output.
        extraction: Engines for PDF pages: auto, embedded, heron or native.
        extraction_mode: dict (picture references in place) or markdown (listed at the end).
        images_scale: Pixels per point of pictures cropped from pages.
        ocr: auto (where a page has no readable text), always or never.
        tokenizer: Folder or name of the tokenizer that bounds chunks, or none.
        chunk_tokens: Tokens of a chunk at most.
        chunk_size: Characters of a chunk at most, instead of tokens.
        top_k: Documents of an instruction row.
        candidates: Documents of an end-to-end row.
        eval_fraction: Share of document groups that are held out.
        seed: Decides shuffles, samples and held-out groups.
        workers: Extraction processes; default: one a core, by memory.
        document_timeout_s: Seconds after which a document is given up.
        offline: Forbid every access to the network.
        fresh: Ignore cached results of earlier runs.

    Returns the run's summary. Raises ClaraError for a problem of the run.
    """
    given = dict(locals())
    options = checked_options({name: given[name] for name in IngestOptions.model_fields})
    mode = options.extraction_mode or settings().extraction_mode or "dict"
    options = options.model_copy(update={"extraction_mode": mode})
    forbid_network(options.offline)
    places = check_places(source, output, cache, options.offline)
    try:
        with output_lock(places), Watch(current_console()) as watch:
            return _run(places, options, watch)
    finally:
        close_shared_pool()
        forbid_network(False)


def _run(places: Places, options: IngestOptions, watch: Watch) -> dict[str, Any]:
    started_at = datetime.now(UTC)
    watch.say(f"watch this run at {url_for('flow-run', obj_id=flow_run.id)}")
    previous = previous_manifest(places)
    engines = choose_engines(options, previous)
    for fact in engines.facts():
        watch.say(f"{fact.need}: {fact.engine} ({fact.reason})")
    with watch.step("discover", 0) as step:
        future = discover_source.submit(places)
        found: Discovery = future.result()
        step.total = len(found.files)
        step.advance(step.total)
    reviews = _reviews(places)
    fingerprint = inputs_fingerprint(found, options, engines, reviews)
    if not options.fresh and previous and is_unchanged(places, previous, fingerprint):
        watch.say("nothing has changed since the last run: the data set stands as it is")
        return unchanged_summary(places, previous, watch, started_at)
    steps = IngestSteps(places, options, engines, watch, rejects=list(found.rejects))
    steps.upstream = [future]
    steps.retry_next_time = any(
        reject.reason in ("file_vanished", "file_unreadable", "folder_unreadable")
        for reject in found.rejects
    )
    entries = _make_results(steps, found.files)
    publication = Publication(
        steps=steps,
        found=found,
        entries=tuple(entries),
        reviews=reviews,
        previous=previous,
        fingerprint=fingerprint,
        started_at=started_at,
    )
    return publication.run()


def _make_results(steps: IngestSteps, files: Sequence[SourceFile]) -> list[CorpusEntry]:
    """Every result that the data set is made of, in the cache. Entries in order of path."""
    images = [file for file in files if file.kind == "image"]
    opened = steps.open_pictures(images)
    pages = {path for path, outcome in opened.items() if outcome.pages > 1}
    documents = [file for file in files if file.kind != "image" or file.file_path in pages]
    entries = steps.extract(documents)
    entries += [
        CorpusEntry(
            file=file,
            outcome_step="pictures",
            outcome_key=steps.picture_keys[file.file_path],
        )
        for file in images
        if file.file_path in opened and file.file_path not in pages
    ]
    entries = steps.describe(sorted(entries, key=lambda entry: entry.file.file_path))
    unique, duplicates = _split_duplicates(steps, entries)
    unique = steps.synthesize(steps.chunk(unique))
    return sorted([*unique, *duplicates], key=lambda entry: entry.file.file_path)


def _split_duplicates(
    steps: IngestSteps, entries: Sequence[CorpusEntry]
) -> tuple[list[CorpusEntry], list[CorpusEntry]]:
    """Entries with content of their own, and those whose content stands under an earlier path."""
    first: dict[str, str] = {}
    unique, duplicates = [], []
    for entry in entries:
        content = steps.content_of(entry)
        original = first.setdefault(content, entry.file.file_path)
        if original == entry.file.file_path:
            unique.append(entry)
            continue
        duplicates.append(entry)
        detail = f"the same content as {original}, which stands in the data set for both"
        steps.duplicates[entry.file.file_path] = original
        steps.rejects.append(
            Reject(
                file_path=entry.file.file_path,
                step="chunk",
                reason="duplicate",
                detail=detail,
                id=entry.file.doc_id,
            )
        )
    return unique, duplicates


def _reviews(places: Places) -> str:
    """The text of reviews.jsonl, checked before anything is extracted. Raises ReviewsInvalid."""
    if not places.output.exists(REVIEWS_FILE):
        return ""
    where = places.output.uri(REVIEWS_FILE)
    try:
        text = places.output.read_bytes(REVIEWS_FILE).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ReviewsInvalid(f"{where} is no UTF-8 text: save it as UTF-8") from error
    parse_reviews(text.split("\n"), where)
    return text


_RETRY_ONLY = {name: value for name, value in step_policy().items() if name.startswith("retr")}


@task(
    name="discover",
    task_run_name="discover",
    # What a folder holds is never remembered; and the result is for this process alone.
    cache_policy=NO_CACHE,
    persist_result=False,
    **_RETRY_ONLY,
)
def discover_source(places: Places) -> Discovery:
    """Walk SOURCE and hash its files."""
    return discover(places.source, excluded_places(places))


__all__ = ["Engines", "ingest"]

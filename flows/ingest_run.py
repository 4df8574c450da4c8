"""The order of the steps of an ingest run, from the folder's listing to the published data set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run
from prefect.utilities.urls import url_for

from flows.calling import BatchesWaiting, Calling, spending_sentence
from flows.engines import choose_engines
from flows.forecast import needed_calls
from flows.ingest_setup import Places, excluded_places, previous_manifest
from flows.ingest_steps import IngestSteps
from flows.job_runner import JobRunner
from flows.publish import Publication
from flows.summaries import unchanged_summary, waiting_summary
from flows.unchanged import inputs_fingerprint, is_unchanged
from flows.watch import Watch
from tasks.corpus import CorpusEntry
from tasks.discover import Discovery, discover
from tasks.errors import ClaraError
from tasks.options import IngestOptions
from tasks.prefect_policy import step_policy
from tasks.records import Reject, SourceFile
from tasks.reviews import REVIEWS_FILE, decode_reviews, parse_reviews
from tasks.run_mark import RunMark


def run_ingest(
    places: Places, options: IngestOptions, watch: Watch, runner: JobRunner
) -> dict[str, Any]:
    started_at = datetime.now(UTC)
    watch.say(f"watch this run at {url_for('flow-run', obj_id=flow_run.id)}")
    previous = previous_manifest(places)
    engines = choose_engines(options, previous, places.cache_uri)
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
    calling = Calling(watch, places.cache, fresh=options.fresh, batch_wait_s=options.batch_wait_s)
    rejects = list(found.rejects)
    steps = IngestSteps(places, options, engines, watch, calling, rejects=rejects, runner=runner)
    steps.upstream = [future]
    steps.retry_next_time = any(
        reject.reason in ("file_vanished", "file_unreadable", "folder_unreadable")
        for reject in found.rejects
    )
    try:
        needs = needed_calls(steps, found.files, make_results)
        for endpoint in engines.endpoints():
            if endpoint.need in needs:
                calling.ready(endpoint)
        publication = Publication(
            steps=steps,
            found=found,
            entries=tuple(make_results(steps, found.files)),
            reviews=reviews,
            previous=previous,
            fingerprint=fingerprint,
            started_at=started_at,
            mark=RunMark(places.output),
        )
        return publication.run()
    except BatchesWaiting as waiting:
        if sentence := spending_sentence(calling.spending(), options.currency):
            watch.say(sentence)
        return waiting_summary(places, watch, str(waiting), started_at)
    except ClaraError:
        if sentence := spending_sentence(calling.spending(), options.currency):
            watch.say(sentence)
        raise


def make_results(steps: IngestSteps, files: Sequence[SourceFile]) -> list[CorpusEntry]:
    """Every result that the data set is made of, in the cache. Entries in order of path."""
    unique, duplicates = split_duplicates(steps, steps.describe(read_files(steps, files)))
    unique = steps.synthesize(steps.chunk(unique))
    return sorted([*unique, *duplicates], key=lambda entry: entry.file.file_path)


def read_files(steps: IngestSteps, files: Sequence[SourceFile]) -> list[CorpusEntry]:
    """Opened images and extracted documents, in order of path."""
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
    return sorted(entries, key=lambda entry: entry.file.file_path)


def split_duplicates(
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
    text = decode_reviews(places.output.read_bytes(REVIEWS_FILE), where)
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
    return discover(places.source, excluded_places(places), places.cache.location)

"""A few chunks run through, with everything that is said about them: the `preview` flow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.calling import Calling, spending_sentence
from flows.engines import choose_engines, llm_synthesizer
from flows.ingest_run import discover_source, read_files
from flows.ingest_setup import (
    Places,
    check_places,
    output_lock,
    pool_size,
    previous_manifest,
)
from flows.ingest_steps import IngestSteps
from flows.job_runner import Processes
from flows.planner import chunks_of
from flows.terminal import current_console
from flows.watch import Watch
from tasks.chunking.job import descriptions_of
from tasks.corpus import CorpusEntry
from tasks.endpoint.answers import AnswerStore
from tasks.endpoint.options import EndpointOptions
from tasks.jobs import DescribeJob, DescribeOutcome, PictureToDescribe
from tasks.negatives import seeded_random
from tasks.offline import forbid_network
from tasks.options import IngestOptions, checked_options
from tasks.previewing import Eavesdropper, Preview, ShownChunk, ShownPicture
from tasks.records import Synthesis, TextChunk
from tasks.shared_calls import close_shared_calls, run, shared_client
from tasks.worker_pool import close_shared_pool


@flow(
    name="preview",
    flow_run_name="preview {source}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    persist_result=False,
)
def preview(
    source: str, output: str, cache: str | None, chunks: int, options: dict[str, Any]
) -> dict[str, Any]:
    """Run a few chunks through.

    Args:
        source: Folder or fsspec URI of the documents.
        output: Folder or fsspec URI of the data set.
        cache: Where results are remembered; default: `.cache` in the output.
        chunks: How many, from as many documents where there are as many.
        options: Those of `ingest`.

    Returns a Preview as JSON. Raises ClaraError.
    """
    chosen = checked_options(options)
    # A preview shows its answers now: the batch interface answers some day.
    chosen = chosen.model_copy(update={"batch_api": False})
    forbid_network(chosen.offline)
    places = check_places(source, output, cache, chosen.offline)
    try:
        with output_lock(places), Watch(current_console()) as watch:
            return _preview(places, chosen, chunks, watch).model_dump(mode="json")
    finally:
        close_shared_pool()
        close_shared_calls()
        forbid_network(False)


def _preview(places: Places, options: IngestOptions, count: int, watch: Watch) -> Preview:
    engines = choose_engines(options, previous_manifest(places), places.cache_uri)
    for fact in engines.facts():
        watch.say(f"{fact.need}: {fact.engine} ({fact.reason})")
    found = discover_source.submit(places).result()
    calling = Calling(watch, places.cache, fresh=options.fresh, batch_wait_s=0)
    # A few documents: starting a cluster for them would take longer than reading them.
    here = Processes(pool_size(options))
    steps = IngestSteps(places, options, engines, watch, calling, runner=here)
    pictures: list[ShownPicture] = []
    candidates: list[tuple[CorpusEntry, list[TextChunk]]] = []
    files = list(found.files)
    seeded_random(options.seed, "preview").shuffle(files)
    for file in files:
        if len(candidates) == count:
            break
        entries = read_files(steps, [file])
        if not entries:
            continue
        entry, shown = _described(steps, entries[0], count - len(pictures))
        pictures += shown
        cut = list(chunks_of(steps, entry, descriptions_of(steps.cache, entry.describe_keys)))
        if cut:
            seeded_random(options.seed, file.file_path).shuffle(cut)
            candidates.append((entry, cut))
    chosen = _round_robin(candidates, count)
    return Preview(
        pictures=tuple(pictures),
        chunks=tuple(_synthesized(steps, entry, chunk) for entry, chunk in chosen),
        spending=spending_sentence(calling.spending(), options.currency),
    )


def _round_robin(
    candidates: Sequence[tuple[CorpusEntry, list[TextChunk]]], count: int
) -> list[tuple[CorpusEntry, TextChunk]]:
    """One chunk of each document, then a second one of each, until there are enough."""
    longest = max((len(chunks) for _, chunks in candidates), default=0)
    turns = (
        (entry, chunks[turn])
        for turn in range(longest)
        for entry, chunks in candidates
        if turn < len(chunks)
    )
    return [one for one, _ in zip(turns, range(count), strict=False)]


def _described(
    steps: IngestSteps, entry: CorpusEntry, most: int
) -> tuple[CorpusEntry, list[ShownPicture]]:
    """The entry with the descriptions that there are, and those made now, `most` of them."""
    endpoint = steps.engines.description.endpoint
    if endpoint is None:
        return steps.describe([entry])[0], []
    wanted = steps.wanted_descriptions([entry])
    missing = [item for key, item in wanted.items.items() if not steps.is_stored("describe", key)]
    shown = []
    for item in missing[: max(0, most)]:
        shown.append(_describe(steps, entry, item, endpoint))
    keys = {image_id: wanted.keys[image_id] for image_id in wanted.of_file[entry.file.file_path]}
    return entry.model_copy(update={"describe_keys": keys}), shown


def _describe(
    steps: IngestSteps, entry: CorpusEntry, item: PictureToDescribe, endpoint: EndpointOptions
) -> ShownPicture:
    """Describes one picture as the run would, and stores what comes of it."""
    from tasks.description.vision_job import describe

    job = DescribeJob(
        engine=steps.engines.describer.engine,
        calls=endpoint,
        prompts=steps.options.prompts,
        pictures=(item,),
        cache_uri=steps.places.cache_uri,
    )
    steps.calling.ready(endpoint)
    asker = Eavesdropper(shared_client(endpoint))
    run(lambda: describe(job, asker, lambda _: None))
    outcome = steps.cache.get("describe", item.key, DescribeOutcome)
    description = outcome.description if outcome else None
    rejection = outcome.rejection if outcome else None
    return ShownPicture(
        file_path=entry.file.file_path,
        image_id=item.image_id,
        exchanges=tuple(asker.exchanges),
        text=description.text if description else None,
        rejected=rejection.detail if rejection else None,
    )


def _synthesized(steps: IngestSteps, entry: CorpusEntry, chunk: TextChunk) -> ShownChunk:
    endpoint = steps.engines.synthesis.endpoint
    exchanges: list[Any] = []
    synthesis: Synthesis
    if endpoint is None:
        from tasks.synthesis.job import engine_named

        synthesis = engine_named(steps.engines.synthesis.engine).synthesize(
            chunk, steps.options.seed
        )
    else:
        synthesizer = llm_synthesizer(endpoint, steps.engines.prompts, steps.options)
        key = synthesizer.first_request(chunk).key(endpoint.model, endpoint.extra_body)
        if steps.options.fresh or AnswerStore(endpoint.cache_uri).get(key) is None:
            steps.calling.ready(endpoint)
        asker = Eavesdropper(shared_client(endpoint))
        (synthesis,) = run(lambda: synthesizer.synthesize_document([chunk], asker, lambda _: None))
        exchanges = asker.exchanges
    return ShownChunk(
        file_path=entry.file.file_path,
        pages=chunk.pages,
        headings=chunk.headings,
        text=chunk.text,
        exchanges=tuple(exchanges),
        synthesis=synthesis,
    )

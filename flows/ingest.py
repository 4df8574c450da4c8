"""Documents to data set: the `ingest` flow, and the order of its steps.

    clara ingest SOURCE --output OUT
    prefect deployment run ingest/cpu -p source=... -p output=...

discover -> open images -> extract -> describe -> chunk -> synthesize -> export -> negatives ->
report -> publish. What the cache holds is not made again; what OUT holds is replaced only when
its successor is complete.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.ingest_run import run_ingest
from flows.ingest_setup import check_places, output_lock
from flows.job_runner import job_runner
from flows.terminal import current_console
from flows.watch import Watch
from flows.work_folder import enter_work_folder
from tasks.model_options import DescriberChoice, SynthesizerChoice
from tasks.offline import forbid_network
from tasks.options import (
    ExtractionMode,
    ExtractionProfile,
    IngestOptions,
    OcrMode,
    TaskRunner,
    checked_options,
)
from tasks.prefect_server import wait_for_server
from tasks.settings import settings
from tasks.shared_calls import close_shared_calls
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
    task_runner: TaskRunner = "processes",
    ray_address: str | None = None,
    document_timeout_s: float = 600.0,
    synthesizer: SynthesizerChoice = "auto",
    describer: DescriberChoice = "auto",
    model: str | None = None,
    base_url: str | None = None,
    vision_model: str | None = None,
    vision_base_url: str | None = None,
    concurrency: int = 16,
    call_timeout_s: float = 300.0,
    call_attempts: int = 10,
    extra_body: str | None = None,
    vision_extra_body: str | None = None,
    price_input: float | None = None,
    price_output: float | None = None,
    vision_price_input: float | None = None,
    vision_price_output: float | None = None,
    currency: str | None = None,
    max_cost: float | None = None,
    prompts: str | None = None,
    judge: bool = False,
    judge_min: int = 4,
    batch_api: bool = False,
    batch_wait_s: float = 0.0,
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
        task_runner: Where documents are worked on: processes of this machine, or ray.
        ray_address: Ray cluster that is there; default: one on this machine for the run.
        document_timeout_s: Seconds after which a document is given up.
        synthesizer: Who writes questions and summaries: auto, llm or extractive.
        describer: Who describes pictures: auto, vision or ocr.
        model: Text model; default: MODEL.
        base_url: Endpoint, OpenAI-compatible; default: BASE_URL.
        vision_model: Model for pictures; default: VISION_MODEL.
        vision_base_url: Its endpoint; default: VISION_BASE_URL, else the text model's.
        concurrency: Calls under way at most.
        call_timeout_s: Seconds after which a call is given up and made again.
        call_attempts: Attempts of a call at most.
        extra_body: JSON object that reaches the provider with every call.
        vision_extra_body: The same for the vision model; default: extra_body.
        price_input: Price of a million prompt tokens.
        price_output: Price of a million answered tokens.
        vision_price_input: The same for the vision model; default: price_input.
        vision_price_output: The same for the vision model; default: price_output.
        currency: Of the prices: only shown.
        max_cost: Money that this run may spend at most; needs the prices.
        prompts: Folder of prompts that replace ours.
        judge: Have the model grade each pair, by a second call a chunk.
        judge_min: Grade that a pair needs to be kept, 1 to 5.
        batch_api: Synthesize through the endpoint's batch interface.
        batch_wait_s: Seconds to wait for a submitted batch before the run ends without it.
        offline: Forbid every access to the network.
        fresh: Ignore cached results of earlier runs.

    Returns the run's summary. Raises ClaraError for a problem of the run.
    """
    given = dict(locals())
    enter_work_folder(source=source, output=output, cache=cache, prompts=prompts)
    options = checked_options({name: given[name] for name in IngestOptions.model_fields})
    mode = options.extraction_mode or settings().extraction_mode or "dict"
    options = options.model_copy(update={"extraction_mode": mode})
    forbid_network(options.offline)
    places = check_places(source, output, cache, options.offline)
    try:
        with (
            output_lock(places),
            Watch(current_console()) as watch,
            job_runner(places, options) as runner,
        ):
            summary = run_ingest(places, options, watch, runner)
            wait_for_server(watch.say)
            return summary
    finally:
        close_shared_pool()
        close_shared_calls()
        forbid_network(False)

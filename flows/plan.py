"""What a run would call and cost, before anything is spent: the `plan` flow.

    clara plan SOURCE

Documents are extracted and cut into chunks for real: that costs nothing but time, and `ingest`
with the same cache does not do it again. Calls are counted, and none is made.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.calling import Calling
from flows.engines import choose_engines
from flows.ingest_run import discover_source
from flows.ingest_setup import Places, check_places, output_lock, previous_manifest
from flows.ingest_steps import IngestSteps
from flows.job_runner import JobRunner, job_runner
from flows.planner import Plan, Planner
from flows.terminal import current_console
from flows.watch import Watch
from tasks.offline import forbid_network
from tasks.options import IngestOptions, checked_options
from tasks.shared_calls import close_shared_calls
from tasks.worker_pool import close_shared_pool


@flow(
    name="plan",
    flow_run_name="plan {source}",
    task_runner=ThreadPoolTaskRunner(max_workers=64),  # type: ignore[arg-type]
    persist_result=False,
)
def plan(source: str, output: str, cache: str | None, options: dict[str, Any]) -> dict[str, Any]:
    """Count what an ingest run would call.

    Args:
        source: Folder or fsspec URI of the documents.
        output: Folder or fsspec URI of the data set.
        cache: Where results are remembered; default: `.cache` in the output.
        options: Those of `ingest`.

    Returns a Plan as JSON. Raises ClaraError.
    """
    chosen = checked_options(options)
    forbid_network(chosen.offline)
    places = check_places(source, output, cache, chosen.offline)
    try:
        with (
            output_lock(places),
            Watch(current_console()) as watch,
            job_runner(places, chosen) as runner,
        ):
            return _plan(places, chosen, watch, runner).model_dump(mode="json")
    finally:
        close_shared_pool()
        close_shared_calls()
        forbid_network(False)


def _plan(places: Places, options: IngestOptions, watch: Watch, runner: JobRunner) -> Plan:
    engines = choose_engines(options, previous_manifest(places), places.cache_uri)
    with watch.step("discover", 0) as step:
        found = discover_source.submit(places).result()
        step.total = len(found.files)
        step.advance(step.total)
    calling = Calling(watch, places.cache, fresh=options.fresh, batch_wait_s=0)
    rejects = list(found.rejects)
    steps = IngestSteps(places, options, engines, watch, calling, rejects=rejects, runner=runner)
    return Planner(steps).plan(found.files)

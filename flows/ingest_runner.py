"""What every step of ingest has in common: what is missing, how it runs, what was rejected."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.calling import Calling
from flows.engines import Engines
from flows.fan_out import FailedJob, FanOut
from flows.ingest_setup import Places, pool_size
from flows.job_runner import JobRunner, Processes
from flows.watch import StepWatch, Watch
from tasks.cache import StepCache
from tasks.endpoint.options import EndpointOptions
from tasks.in_loop import listen
from tasks.jobs import (
    RESULTS,
    DescribeOutcome,
    ExtractOutcome,
    Job,
    PictureOutcome,
    Rejection,
)
from tasks.options import IngestOptions
from tasks.records import Reject

BATCH = 100
CALLS_BATCH = 400  # chunks or pictures: a task run for each of them would drown the server
_CALL_WINDOW = 2  # the next batch's first calls fill the gap that the last ones of a batch leave
_BATCH_ROUNDS = 8  # of a step in one run that waits; more would be an endpoint that always fails
IMAGE_BATCH = 25  # OCR takes about a second an image: a batch is a coffee sip, not a meal


@dataclass
class StepRunner:
    """One run's state, and how a step finds what is missing, runs it, and rejects what failed."""

    places: Places
    options: IngestOptions
    engines: Engines
    watch: Watch
    calling: Calling
    rejects: list[Reject] = field(default_factory=list)
    retry_next_time: bool = False
    upstream: list[Any] = field(default_factory=list)
    picture_keys: dict[str, str] = field(default_factory=dict)
    duplicates: dict[str, str] = field(default_factory=dict)
    runner: JobRunner = field(default_factory=Processes)
    rejected_images: set[str] = field(default_factory=set)

    @property
    def cache(self) -> StepCache:
        return self.places.cache

    def missing(self, name: str, items: dict[str, Any], step: StepWatch) -> list[Any]:
        """Items without a result in the cache, in order; all of them in a fresh run."""
        if self.options.fresh:
            return list(items.values())
        pictures = set(self.cache.images.names())
        outcomes = self.cache.stream(name, items, RESULTS[name])
        missing = [
            item
            for item, outcome in zip(items.values(), outcomes, strict=True)
            if not self._is_whole(outcome, pictures, settled=True)
        ]
        step.reuse(len(items) - len(missing))
        return missing

    def is_stored(
        self,
        name: str,
        key: str,
        pictures: Container[str] | None = None,
        *,
        settled: bool = False,
    ) -> bool:
        """Whether a result is in the cache, with the pictures that it names.

        `pictures`: names of those in the cache, where many results are looked at. `settled`: what
        a call failed on for now does not count.
        """
        return self._is_whole(self.cache.get(name, key, RESULTS[name]), pictures, settled=settled)

    def _is_whole(
        self, outcome: Any, pictures: Container[str] | None = None, *, settled: bool = False
    ) -> bool:
        if outcome is None or (settled and not getattr(outcome, "settled", True)):
            return False
        wanted = set()
        if isinstance(outcome, PictureOutcome) and outcome.image_id:
            wanted = {outcome.image_id}
        elif isinstance(outcome, ExtractOutcome) and outcome.document:
            wanted = {picture.image_id for picture in outcome.document.pictures}
        names = (f"{image_id}.jpg" for image_id in wanted)
        if pictures is None:
            return all(self.cache.images.exists(name) for name in names)
        return all(name in pictures for name in names)

    def common(self, size: int = 1) -> dict[str, Any]:
        """What every job is given; `size` is how many items it has."""
        patience = 1 + (size - 1) // IMAGE_BATCH
        return {
            "cache_uri": self.places.cache_uri,
            "overwrite": self.options.fresh,
            "workers": pool_size(self.options),
            "timeout_s": self.options.document_timeout_s * patience,
        }

    def fan_out(self, task: Any, step: StepWatch, jobs: Sequence[Job]) -> list[FailedJob]:
        """Runs jobs of one step. Raises ClaraError, and BatchesWaiting."""
        endpoint = jobs[0].calls if jobs else None
        if endpoint is not None:
            return self._fan_out_calls(task, step, jobs, endpoint)
        runner = self.runner
        return self._run_jobs(task, step, jobs, window=runner.width, runner=runner).failed

    def _fan_out_calls(
        self, task: Any, step: StepWatch, jobs: Sequence[Job], endpoint: EndpointOptions
    ) -> list[FailedJob]:
        """Jobs that call an endpoint. Raises BatchesWaiting where a batch is not answered yet."""
        self.calling.ready(endpoint)
        if endpoint.batch:
            self.calling.collect(endpoint)
        failed: list[FailedJob] = []
        rounds = 0
        while jobs:
            listen(jobs[0].step, step.count)
            try:
                fan_out = self._run_jobs(task, step, jobs, window=_CALL_WINDOW)
            finally:
                listen(jobs[0].step, None)
            failed += fan_out.failed
            jobs = fan_out.waiting
            if jobs:
                rounds += 1
                self.calling.submit(endpoint, last=rounds == _BATCH_ROUNDS)
        step.complete()
        return failed

    def _run_jobs(
        self,
        task: Any,
        step: StepWatch,
        jobs: Sequence[Job],
        *,
        window: int,
        runner: JobRunner | None = None,
    ) -> FanOut:
        fan_out = FanOut(
            task,
            step,
            window=window,
            fresh=self.options.fresh,
            finished=self._finished,
            upstream=self.upstream,
            runner=runner,
        )
        fan_out.run(jobs)
        self.upstream = fan_out.futures or self.upstream
        return fan_out

    def _finished(self, job: Job) -> bool:
        outcomes = self.cache.stream(job.step, job.item_keys, RESULTS[job.step])
        return all([self._is_whole(outcome) for outcome in outcomes])

    def failures(self, failed: Sequence[FailedJob]) -> dict[str, Rejection]:
        """Why items have no result, by key. They are tried again by the next run."""
        if failed:
            self.retry_next_time = True
        return {f.job.item_keys[0]: f.rejection for f in failed}

    def reject(
        self, file_path: str, step: str, rejection: Rejection | None, id_: str | None = None
    ) -> None:
        """A line of rejects.jsonl."""
        if rejection is None:
            self.retry_next_time = True
        why = rejection or Rejection(reason="lost", detail="no result was left by the step")
        self.rejects.append(
            Reject(file_path=file_path, step=step, reason=why.reason, detail=why.detail, id=id_)
        )


def batches(items: Sequence[Any], most: int, workers: int) -> list[Sequence[Any]]:
    """Even batches: enough of them to keep every worker busy, none larger than `most`."""
    if not items:
        return []
    count = max(-(-len(items) // most), min(workers, len(items)))
    size = -(-len(items) // count)
    return [items[start : start + size] for start in range(0, len(items), size)]


def refused(
    outcome: PictureOutcome | ExtractOutcome | DescribeOutcome | None,
) -> Rejection | None:
    """Why an outcome of the cache holds nothing that can be used."""
    return None if outcome is None else outcome.rejection

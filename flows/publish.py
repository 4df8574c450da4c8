"""The end of an ingest run: rows, stage files, report, and the manifest last."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flows.hop_steps import ComposedHops, compose_hops
from flows.ingest_setup import Places
from flows.ingest_steps import IngestSteps
from flows.summaries import seconds_since, step_summary
from flows.unchanged import RUNTIME_OPTIONS, all_stand
from tasks.answered import answered
from tasks.cache import content_key
from tasks.corpus import Corpus, CorpusEntry, CorpusPlan
from tasks.discover import Discovery
from tasks.endpoint.configured import EngineChoice
from tasks.export import remove_unused_assets
from tasks.jobs import VERSIONS, ExtractOutcome
from tasks.manifest import (
    MANIFEST_FILE,
    FileEntry,
    Manifest,
    SourceCounts,
    StepVersions,
    source_entries,
)
from tasks.options import IngestOptions
from tasks.output_jobs import OutputJob, RowsJob, StageFilesJob, Written
from tasks.records import Describer, Synthesizer
from tasks.report import REPORT_FILE, ReportJob
from tasks.reporting.statistics import Duplicate, IngestRun, OutputFile, RunFacts
from tasks.run_mark import RunMark
from tasks.settings import settings
from tasks.spent import SpentCost, SpentUsage, spent

_PACKAGES = ("docling", "docling-core", "rapidocr", "onnxruntime", "prefect", "pillow", "bm25s")


@dataclass(frozen=True)
class Publication:
    """Writes one run's data set."""

    steps: IngestSteps
    found: Discovery
    entries: tuple[CorpusEntry, ...]
    reviews: str
    previous: Manifest | None
    fingerprint: str
    started_at: datetime
    mark: RunMark

    def run(self) -> dict[str, Any]:
        """The summary of the run. Raises StorageError; then OUT is as it was before."""
        from tasks.export import export_rows
        from tasks.stage_files import negatives_and_stage_files

        watch, places = self.steps.watch, self.steps.places
        self.mark.place()
        plan = self._plan()
        hops = compose_hops(self.steps, plan)
        plan = self._plan()  # with what that step rejected
        # With OUT in it: two runs that share a cache must not take each other's plan away.
        key = content_key("plan", VERSIONS["export"], plan=plan, output=places.output.uri())
        places.cache.put("plan", key, plan)
        common = {
            "cache_uri": places.cache_uri,
            "output_uri": places.output.uri(),
            "home": str(settings().home),
            "plan_key": key,
        }
        with watch.step("export", 1) as step:
            rows = self._write(export_rows, RowsJob(**common))
            step.advance()
        with watch.step("negatives", 1) as step:
            job = StageFilesJob(**common, composer=hops.composer)
            stages = self._write(negatives_and_stage_files, job)
            step.advance()
        files = {**rows.files, **stages.files}
        notices = (*self._notices(), *rows.notices, *stages.notices)
        counts = _counts(plan, places)
        spending = self._spent(plan, hops)
        facts = self._report(common, files, notices, stages.held_out, spending)
        files[REPORT_FILE] = facts[0]
        self._publish(OutputJob(**common), files, counts, spending)
        places.cache.location.remove(places.cache.name_of("plan", key))
        for notice in notices:
            watch.say(f"note: {notice}")
        return self._summary(facts[1], files, notices, spending)

    def _plan(self) -> CorpusPlan:
        return CorpusPlan(
            entries=self.entries,
            rejects=tuple(self.steps.rejects),
            rejected_images=tuple(sorted(self.steps.rejected_images)),
            options=self.steps.options.model_copy(
                update={name: IngestOptions.model_fields[name].default for name in RUNTIME_OPTIONS}
            ),
            reviews=self.reviews,
        )

    def _spent(self, plan: CorpusPlan, hops: ComposedHops) -> tuple[SpentUsage, SpentCost]:
        """Calls, tokens and money: of this run, and of everything in the data set."""
        return spent(
            self.steps.calling.spending(),
            answered(Corpus(plan, self.steps.cache), hops.questions),
            {endpoint.need: endpoint.prices for endpoint in self.steps.engines.endpoints()},
            self.steps.options.currency,
        )

    def _write(self, task: Any, job: OutputJob) -> Written:
        """Runs a writing task. What a killed run had staged is taken if it is still whole."""
        future = task.submit(job, wait_for=self.steps.upstream)
        written = Written.model_validate(future.result())
        data_files = {name: e for name, e in written.files.items() if e.rows is not None}
        assets = {name: e for name, e in written.files.items() if e.rows is None}
        stand = all_stand(self.steps.places.output, assets, job.cache.location)
        if not (stand and job.staging.holds(data_files)):
            future = task.with_options(refresh_cache=True).submit(job)
            written = Written.model_validate(future.result())
        self.steps.upstream = [future]
        return written

    def _report(
        self,
        common: Mapping[str, str],
        files: Mapping[str, FileEntry],
        notices: tuple[str, ...],
        held_out: tuple[str, ...],
        spending: tuple[SpentUsage, SpentCost],
    ) -> tuple[FileEntry, RunFacts]:
        from tasks.report import make_report

        steps, places, watch = self.steps, self.steps.places, self.steps.watch
        before = watch.facts()
        with watch.step("report", 1) as step:
            run = IngestRun(
                source=places.source.uri(),
                output=places.output.uri(),
                started_at=self.started_at,
                ended_at=datetime.now(UTC),
                seed=steps.options.seed,
                steps=before,
                engines=steps.engines.facts(),
                files=tuple(
                    OutputFile(name=name, rows=entry.rows, size_bytes=entry.bytes)
                    for name, entry in files.items()
                    if entry.rows is not None
                ),
                options=steps.options.model_dump(mode="json"),
                versions=_package_versions(),
                duplicates=tuple(
                    Duplicate(file_path=path, same_as=first)
                    for path, first in steps.duplicates.items()
                ),
                held_out=held_out,
                removed=self._removed(),
                skipped_files=self.found.skipped_system_files,
                notices=notices,
                usage=spending[0],
                cost=spending[1],
            )
            job: Any = ReportJob(**common, run=run)
            task: Any = make_report  # its overloads know no `wait_for` beside a typed job
            result = task.submit(job, wait_for=self.steps.upstream).result()
            step.advance()
        return (
            FileEntry.model_validate(result["file"]),
            RunFacts.model_validate(result["facts"]),
        )

    def _publish(
        self,
        job: OutputJob,
        files: dict[str, FileEntry],
        counts: Mapping[str, SourceCounts],
        spending: tuple[SpentUsage, SpentCost],
    ) -> None:
        places, options = self.steps.places, self.steps.options
        standing = {
            entry.file.file_path
            for entry in self.entries
            if entry.outcome_step == "extract" or entry.describe_keys
        }
        rejected = {r.file_path for r in self.steps.rejects} - standing
        manifest = Manifest(
            versions=StepVersions(
                clara_pipeline=_version("clara-pipeline"),
                python=platform.python_version(),
                packages=_package_versions(),
                steps=dict(VERSIONS),
                # Without it the next run looks at everything again: something may work then.
                inputs=None if self.steps.retry_next_time else self.fingerprint,
            ),
            models=self._models(),
            sources=source_entries(
                self.found.files,
                counts,
                self.previous,
                duplicates=self.steps.duplicates,
                rejected=rejected,
            ),
            files=files,
            prompts=self.steps.engines.prompt_hashes(),
            options=options.model_dump(mode="json"),
            seed=options.seed,
            usage=spending[0],
            cost=spending[1],
            started_at=self.started_at.isoformat(timespec="seconds"),
            ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self.mark.check()
        job.staging.publish(
            [name for name, entry in files.items() if entry.rows is not None or name == REPORT_FILE]
        )
        self.mark.check()
        places.output.write_bytes(MANIFEST_FILE, manifest.to_json())
        job.staging.forget_previous_manifest()
        remove_unused_assets(places.output, files)
        self.mark.remove()

    def _models(self) -> dict[str, Any]:
        engines = self.steps.engines
        return {
            "extraction": {"engine": engines.profile.name, "reason": engines.profile.reason},
            "description": _made_by(engines.describer, engines.description),
            "synthesis": _made_by(engines.synthesizer, engines.synthesis),
            "chunk_length": {"limit": engines.limit_identity},
        }

    def _removed(self) -> tuple[str, ...]:
        if self.previous is None:
            return ()
        # What could not be read is still there: it is rejected, and not removed.
        here = {file.file_path for file in self.found.files}
        here |= {reject.file_path for reject in self.found.rejects}
        return tuple(
            path
            for path, entry in self.previous.sources.items()
            if path not in here and entry.status != "removed"
        )

    def _notices(self) -> tuple[str, ...]:
        return tuple(
            f"the folder {folder} holds a data set of this program and was left out"
            for folder in sorted(self.found.skipped_folders)
        )

    def _summary(
        self,
        facts: RunFacts,
        files: Mapping[str, FileEntry],
        notices: Iterable[str],
        spending: tuple[SpentUsage, SpentCost],
    ) -> dict[str, Any]:
        output, (usage, cost) = self.steps.places.output, spending
        return {
            "outcome": "done" if facts.chunks else "nothing_produced",
            "seconds": seconds_since(self.started_at),
            "output": output.uri(),
            "report": output.uri(REPORT_FILE),
            "documents": facts.documents,
            "pages": facts.pages,
            "standalone_images": facts.standalone_images,
            "embedded_pictures": facts.embedded_pictures,
            "chunks": facts.chunks,
            "pairs": facts.pairs,
            "pairs_by_type": {k: sum(v.values()) for k, v in facts.pairs_by_type.items()},
            "rows": {name: e.rows for name, e in files.items() if e.rows is not None},
            "rejects": _by_reason(facts),
            "held_out": len(facts.run.held_out),
            "steps": step_summary(self.steps.watch),
            "usage": usage.now.model_dump(mode="json"),
            "cost": cost.model_dump(mode="json"),
            "notices": list(notices),
            "facts": facts.model_dump(mode="json"),
        }


def _made_by(engine: Describer | Synthesizer, choice: EngineChoice) -> dict[str, Any]:
    """The engine, and where its model was asked."""
    made = engine.model_dump(mode="json")
    return {**made, "host": choice.endpoint.host} if choice.endpoint else made


def _by_reason(facts: RunFacts) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for group in facts.reject_groups:
        counts[group.reason] += group.count
    return dict(sorted(counts.items()))


def _counts(plan: CorpusPlan, places: Places) -> dict[str, SourceCounts]:
    """What each file gave, for the manifest."""
    corpus = Corpus(plan, places.cache)
    chunks: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for numbered in corpus.rows:
        chunks[numbered.row.file_path] += 1
        pairs[numbered.row.file_path] += len(numbered.row.qa_pairs)
    rejects = Counter(reject.file_path for reject in corpus.rejects)
    counts = {path: SourceCounts(rejects=count) for path, count in rejects.items()}
    pages = _pages(plan, places)
    for entry in plan.entries:
        path = entry.file.file_path
        counts[path] = SourceCounts(
            pages=pages.get(path, 0),
            images=len(entry.describe_keys),
            chunks=chunks[path],
            pairs=pairs[path],
            rejects=rejects[path],
        )
    return counts


def _pages(plan: CorpusPlan, places: Places) -> dict[str, int]:
    entries = [entry for entry in plan.entries if entry.outcome_step == "extract"]
    keys = (entry.outcome_key for entry in entries)
    outcomes = places.cache.stream("extract", keys, ExtractOutcome)
    return {
        entry.file.file_path: (outcome.document.page_count or 0)
        for entry, outcome in zip(entries, outcomes, strict=True)
        if outcome and outcome.document
    }


def _package_versions() -> dict[str, str]:
    return {name: _version(name) for name in _PACKAGES}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"

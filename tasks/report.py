"""Write the run's report: one HTML file for a person, a markdown artifact for the Prefect UI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prefect import task

from tasks.export import KNOWLEDGE_FILE, REJECTS_FILE, TRAINING_FILE
from tasks.manifest import FileEntry
from tasks.output_jobs import OutputJob
from tasks.prefect_policy import step_policy
from tasks.prefect_server import unreachable
from tasks.records import DocumentRow, ImageRow, Reject, TrainingRow
from tasks.reporting.html import render_html
from tasks.reporting.markdown import render_markdown
from tasks.reporting.statistics import IngestRun, RunFacts, collect_facts
from tasks.storage import Location

REPORT_FILE = "report.html"
ARTIFACT_KEY = "ingest-report"


class ReportJob(OutputJob):
    """The staged rows, and what only the flow knows of the run."""

    step = "export"
    run: IngestRun

    @property
    def cache_key(self) -> str:
        # A report tells of one run and its times: it is never another run's.
        return f"report-{self.plan_key}-{self.run.ended_at.isoformat()}"


def write_report(job: ReportJob) -> tuple[FileEntry, RunFacts]:
    """Stages report.html from the staged rows. Raises StorageError."""
    staged = job.staging.location
    facts = collect_facts(
        job.run,
        documents=(row for row in _knowledge(staged) if isinstance(row, DocumentRow)),
        images=(row for row in _knowledge(staged) if isinstance(row, ImageRow)),
        training_rows=(
            TrainingRow.model_validate_json(line) for line in _lines(staged, TRAINING_FILE)
        ),
        rejects=(Reject.model_validate_json(line) for line in _lines(staged, REJECTS_FILE)),
    )
    images = job.cache.images

    def picture(image_id: str) -> bytes | None:
        name = f"{image_id}.jpg"
        return images.read_bytes(name) if images.exists(name) else None

    html = render_html(facts, picture)
    return job.staging.write_bytes(REPORT_FILE, html.encode("utf-8")), facts


def _knowledge(staged: Location) -> Iterator[DocumentRow | ImageRow]:
    for line in _lines(staged, KNOWLEDGE_FILE):
        # The type is the file's own word; a document's text cannot stand in for it.
        if b'"source_type":"image"' in line and _is_image(line):
            yield ImageRow.model_validate_json(line)
        else:
            yield DocumentRow.model_validate_json(line)


def _is_image(line: bytes) -> bool:
    import json

    return bool(json.loads(line)["source_type"] == "image")


def _lines(staged: Location, name: str) -> Iterator[bytes]:
    with staged.open(name) as stream:
        yield from stream


@task(name="report", task_run_name="report", **step_policy())
def make_report(job: ReportJob) -> Any:
    """Write report.html and the markdown artifact."""
    from prefect.artifacts import create_markdown_artifact
    from prefect.logging import get_run_logger

    entry, facts = write_report(job)
    try:
        create_markdown_artifact(
            markdown=render_markdown(facts), key=ARTIFACT_KEY, description="What this run made"
        )
    except unreachable() as error:
        get_run_logger().warning(
            "the server did not take the report's artifact (%s): %s says the same",
            type(error).__name__,
            REPORT_FILE,
        )
    shown = facts.model_dump(mode="json", exclude={"gallery"})
    return {"file": entry.model_dump(mode="json"), "facts": shown}

"""What a run tells its caller that did not publish a data set."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flows.ingest_setup import Places
from flows.watch import Watch
from tasks.export import TRAINING_FILE
from tasks.manifest import Manifest
from tasks.report import REPORT_FILE


def unchanged_summary(
    places: Places, previous: Manifest, watch: Watch, started_at: datetime
) -> dict[str, Any]:
    """What a run reports that found nothing to do."""
    rows = {name: entry.rows for name, entry in previous.files.items() if entry.rows is not None}
    return {
        "outcome": "unchanged" if rows.get(TRAINING_FILE) else "nothing_produced",
        "seconds": seconds_since(started_at),
        "output": places.output.uri(),
        "report": places.output.uri(REPORT_FILE),
        "chunks": rows.get(TRAINING_FILE, 0),
        "pairs": sum(entry.counts.pairs for entry in previous.sources.values()),
        "rows": rows,
        "steps": step_summary(watch),
    }


def waiting_summary(
    places: Places, watch: Watch, sentence: str, started_at: datetime
) -> dict[str, Any]:
    """What a run reports that has to wait for a batch. OUT is as it was."""
    return {
        "outcome": "waiting",
        "seconds": seconds_since(started_at),
        "output": places.output.uri(),
        "waiting": sentence,
        "steps": step_summary(watch),
    }


def seconds_since(started_at: datetime) -> float:
    """Wall time, in thousandths."""
    return round((datetime.now(UTC) - started_at).total_seconds(), 3)


def step_summary(watch: Watch) -> dict[str, dict[str, float | int]]:
    """What each step did, by name."""
    return {
        step.name: {"done": step.done, "reused": step.reused, "seconds": round(step.seconds, 3)}
        for step in watch.steps
    }

"""What a person sees of a training in Prefect's UI: progress, curves, checkpoints.

None of it is worth a training: who calls these does so where a failure is said and nothing more
(flows/stage_watch.py).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from clara_model.tracking.chart import CHART_NAME
from clara_model.tracking.metrics_file import METRICS_NAME
from flows.stage_records import StageCheckpoint

if TYPE_CHECKING:
    from uuid import UUID

_TAIL_BYTES = 1 << 16


class StageArtifacts:
    """The progress bar and the picture of one stage's run; each is one artifact that changes."""

    def __init__(self, stage: str, folder: Path) -> None:
        self._stage = stage
        self._folder = folder
        self._bar: UUID | None = None
        self._picture: UUID | None = None
        self._shown: tuple[int, int] | None = None
        self._drawn: int | None = None

    def show_progress(self) -> None:
        """The last step of metrics.jsonl."""
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        step = last_step(self._folder / METRICS_NAME)
        if step is None or self._shown == (step["step"], step["total_steps"]):
            return
        done, total = step["step"], step["total_steps"]
        percent = 100.0 * done / total
        words = f"{self._stage}: step {done} of {total}, loss {step['loss']:.4g}"
        if self._bar is None:
            made = create_progress_artifact(percent, key=_key("training", self._stage))
            self._bar = made  # type: ignore[assignment]
        update_progress_artifact(self._bar, percent, description=words)  # type: ignore[arg-type]
        self._shown = (done, total)

    def show_curves(self) -> None:
        """training.png as it is now, inside the artifact: no address has to serve it."""
        from prefect.artifacts import create_image_artifact
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.actions import ArtifactUpdate

        file = self._folder / CHART_NAME
        if not file.is_file() or self._drawn == file.stat().st_mtime_ns:
            return
        drawn = file.stat().st_mtime_ns
        address = f"data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}"
        if self._picture is None:
            made = create_image_artifact(
                address, key=_key("curves", self._stage), description=f"{self._stage}: its curves"
            )
            self._picture = made  # type: ignore[assignment]
        else:
            with get_client(sync_client=True) as client:
                client.update_artifact(self._picture, ArtifactUpdate(data=address))
        self._drawn = drawn


def show_checkpoint(record: StageCheckpoint) -> None:
    """The link to a finished stage's checkpoint."""
    from prefect.artifacts import create_link_artifact

    create_link_artifact(
        link=_link(record.uri),
        link_text=record.uri,
        key=_key("checkpoint", record.stage),
        description=f"{record.stage}: {record.steps} steps of {record.rows} rows, "
        f"sha256 {record.sha256[:12]}",
    )


class CheckpointTable:
    """A table of the stages of a run, in their order: one artifact that grows."""

    def __init__(self) -> None:
        self._table: UUID | None = None

    def show(self, records: Sequence[StageCheckpoint]) -> None:
        from prefect.artifacts import create_table_artifact
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.actions import ArtifactUpdate

        rows = [_row(record) for record in records]
        if self._table is None:
            made = create_table_artifact(
                table=rows,
                key="checkpoints",
                description="Each stage's checkpoint: where it is, which one, what it came from",
            )
            self._table = made  # type: ignore[assignment]
            return
        with get_client(sync_client=True) as client:
            client.update_artifact(self._table, ArtifactUpdate(data=json.dumps(rows)))


def last_step(metrics: Path) -> dict[str, Any] | None:
    """The newest step in a metrics.jsonl, from its end; None where there is none."""
    try:
        with metrics.open("rb") as file:
            file.seek(max(0, metrics.stat().st_size - _TAIL_BYTES))
            lines = file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return None
    for line in reversed(lines):
        try:
            step = json.loads(line)
        except ValueError:
            continue  # the first one may be half a line
        if isinstance(step, dict) and step.get("kind") == "step":
            return step
    return None


def _row(record: StageCheckpoint) -> dict[str, Any]:
    figures = {name: value for name, value in record.metrics.items() if value is not None}
    return {
        "stage": record.stage,
        "checkpoint": record.uri,
        "sha256": record.sha256[:12],
        "parent": record.parent_uri or "",
        "parent sha256": (record.parent_sha256 or "")[:12],
        "steps": record.steps,
        "rows": record.rows,
        "seconds": round(record.seconds, 1),
        **{name.replace("_", " "): round(value, 4) for name, value in figures.items()},
    }


def _link(uri: str) -> str:
    return uri if "://" in uri else f"file://{quote(uri)}"


def _key(what: str, stage: str) -> str:
    return f"{what}-{stage.replace('_', '-')}"

"""What one stage hands to the next: where its checkpoint lies, and which one it is."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from clara_model.config import STAGES, Stage
from clara_model.errors import CheckpointError, ConfigError
from clara_model.training.results import MODEL_FOLDER, RESULT_FILE, StageResult
from tasks.storage import Location


class StageCheckpoint(BaseModel):
    """A finished stage. Small enough to be a flow run's parameter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: Stage
    uri: str
    """The checkpoint's folder: an absolute path or s3://..."""
    sha256: str
    """Of what decides the model's answers (clara_model.checkpoint.checkpoint_sha256)."""
    parent_uri: str | None = None
    parent_sha256: str | None = None
    steps: int
    rows: int
    seconds: float
    """Of training, in the run that finished it."""
    metrics: dict[str, float | None]
    """Of the last step (`train_...`) and of the last evaluation (`held_out_...`)."""

    def to_json(self) -> dict[str, Any]:
        """JSON values, as a flow's parameters and results have to be."""
        return self.model_dump(mode="json")


def parse_checkpoint(values: dict[str, Any] | None) -> StageCheckpoint | None:
    """The record in a flow's parameter. Raises ConfigError."""
    if values is None:
        return None
    try:
        return StageCheckpoint.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"parent: {field}: {first['msg']}. Give the record that an earlier stage returned, "
            "or name a checkpoint with init_from."
        ) from None


def checkpoint_of(
    result: StageResult, output: Location, parent_uri: str | None = None
) -> StageCheckpoint:
    """The record of a stage whose result lies in `output`, the run's folder."""
    return StageCheckpoint(
        stage=result.stage,
        uri=output.uri(f"{result.stage}/{MODEL_FOLDER}"),
        sha256=result.checkpoint_sha256,
        parent_uri=parent_uri if result.parent_sha256 else None,
        parent_sha256=result.parent_sha256,
        steps=result.steps,
        rows=result.rows,
        seconds=result.seconds,
        metrics=result.metrics,
    )


def finished_stage(
    output: Location, stage: Stage, parent_uri: str | None = None
) -> StageCheckpoint | None:
    """The record of a stage that is finished in `output`; None where it is not.

    `result.json` is written last, so nothing else is read here. Raises CheckpointError for one
    that cannot be read, StorageError.
    """
    where = output.uri(f"{stage}/{RESULT_FILE}")
    try:
        data = output.read_bytes(f"{stage}/{RESULT_FILE}")
    except FileNotFoundError:
        return None
    try:
        result = StageResult.model_validate_json(data)
    except ValidationError as error:
        raise CheckpointError(
            f"{where} cannot be read as a stage's result ({error.errors()[0]['msg']}): delete it, "
            "and the stage is trained again from its last checkpoint."
        ) from None
    return checkpoint_of(result, output, parent_uri)


def parent_of(output: Location, stage: Stage) -> StageCheckpoint | None:
    """The latest earlier stage that is finished in `output`; None for `compression`.

    Raises ConfigError where a later stage has nothing to start from.
    """
    for earlier in reversed(STAGES[: STAGES.index(stage)]):
        found = finished_stage(output, earlier)
        if found is not None:
            return found
    if stage != STAGES[0]:
        raise ConfigError(
            f"The stage {stage} starts from a checkpoint, and {output.uri()} has none of an "
            f"earlier stage: add `{STAGES[0]}` to the stages, or name one with init_from."
        )
    return None

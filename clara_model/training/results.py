"""What a finished stage leaves beside its model: `result.json`, written last."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from clara_model.checkpoint import checkpoint_sha256, verify_checkpoint
from clara_model.config import Stage
from clara_model.errors import CheckpointError
from clara_model.training.storage import named_write_errors, write_json

MODEL_FOLDER, RESULT_FILE = "model", "result.json"


class StageResult(BaseModel):
    """A stage that was trained to its end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = 1
    stage: Stage
    identity: dict[str, Any]
    """What decides what was learnt: data, options, shape, base, parent. JSON values."""
    checkpoint_sha256: str
    parent_sha256: str | None
    steps: int
    rows: int
    seconds: float
    """Of training, in the run that finished it."""
    metrics: dict[str, float | None]
    """Of the last step (`train_...`) and of the last evaluation (`held_out_...`)."""

    def model_folder(self, output: Path) -> Path:
        """The checkpoint, where `output` is the run's folder."""
        return output / self.stage / MODEL_FOLDER


def write_result(folder: Path, result: StageResult) -> None:
    """Writes `result.json` into the stage's folder. Raises StorageFull, TrainingFailed."""
    with named_write_errors(f"{folder / RESULT_FILE}"):
        write_json(folder / RESULT_FILE, result.model_dump(mode="json"))


def read_result(folder: Path, say: Callable[[str], None] = lambda line: None) -> StageResult | None:
    """The result in a stage's folder, whose checkpoint is whole and is the one that it names.

    None where there is none, or one of another version; None as well, and `say` gets a line, where
    its checkpoint is not whole or another one. Every file of the checkpoint is read.
    """
    try:
        values = json.loads((folder / RESULT_FILE).read_text(encoding="utf-8"))
        result = StageResult.model_validate(values)
    except (OSError, ValueError, ValidationError):
        return None
    model = folder / MODEL_FOLDER
    try:
        there = checkpoint_sha256(model)
        verify_checkpoint(model)
    except CheckpointError as error:
        say(f"{result.stage}: the result in {folder} does not count. {error}")
        return None
    if there != result.checkpoint_sha256:
        say(f"{result.stage}: the result in {folder} does not count: {model} is another model.")
        return None
    return result


def flattened(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"options": {"seed": 0}} to {"options.seed": 0}."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between two identities, as words."""
    # As it comes back from a file: lists for tuples.
    now = json.loads(json.dumps(now))
    return [
        f"{name} was {before.get(name)} and is {now.get(name)}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]

"""Which checkpoint of a model folder is the current one, and which rows it has seen.

MODEL/current.json           the current checkpoint; it moves when a training has ended well
MODEL/seen/<id>.txt          keys of the rows that one training added
MODEL/trainings/<id>/data/   the data set of a training; plan.json beside it; model/ what it left
MODEL/<stage>/               what `clara train DATA --output MODEL` left: the first current model

Everything is a file below one location, on this machine or in a bucket.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pydantic import Field, ValidationError

from clara_model.config import STAGES, Stage
from clara_model.data.files import STAGE_FILES
from flows.new_rows import RowCounts, keys_of, write_seen
from flows.stage_records import StageCheckpoint
from tasks.errors import ClaraError
from tasks.published import DataSetMissing, open_data_set
from tasks.records import Record
from tasks.storage import Location

CURRENT_FILE = "current.json"
PLAN_FILE = "plan.json"
SEEN_FOLDER = "seen"
TRAININGS_FOLDER = "trainings"


class CurrentModelInvalid(ClaraError):
    """A record beside a model cannot be read, or was written by another version."""


class CurrentModelMoved(ClaraError):
    """Another training became the current model while this one was going on."""


class CurrentModel(Record):
    """current.json. `seen` names the lists of keys, below `seen/`, of all it was trained on."""

    format_version: int = 1
    checkpoint: str = Field(description="URI of the checkpoint's folder")
    sha256: str
    stage: Stage
    seen: tuple[str, ...]
    training: str | None = Field(description="id of the training that made it; null: adopted")
    since: str = Field(description="UTC, ISO 8601")


class PlannedTraining(Record):
    """plan.json: what a training starts from, and what becomes of it when it has ended well."""

    format_version: int = 1
    id: str
    parent: str | None = Field(description="URI of the checkpoint it starts from; null: the base")
    parent_sha256: str | None
    stages: tuple[Stage, ...]
    data: str
    output: str
    seen: tuple[str, ...] = Field(description="`CurrentModel.seen` of its model")
    rows: dict[Stage, RowCounts]


def training_folder(model: Location, id_: str) -> Location:
    return model / TRAININGS_FOLDER / id_


def seen_folder(model: Location) -> Location:
    return model / SEEN_FOLDER


def read_current(model: Location) -> CurrentModel | None:
    """The current model; None where none was recorded. Raises CurrentModelInvalid."""
    found = _read(model, CURRENT_FILE, CurrentModel)
    return found if isinstance(found, CurrentModel) else None


def read_plan(folder: Location) -> PlannedTraining | None:
    """The plan in a training's folder; None where it is not there. Raises CurrentModelInvalid."""
    found = _read(folder, PLAN_FILE, PlannedTraining)
    return found if isinstance(found, PlannedTraining) else None


def write_plan(folder: Location, plan: PlannedTraining) -> None:
    folder.write_bytes(PLAN_FILE, _json(plan))


def adopt_once(model: Location, output: str) -> None:
    """`adopt`, where nothing was recorded yet.

    Before the data set changes: later nobody knows which rows the model was trained on.
    """
    if read_current(model) is None:
        adopt(model, output)


def adopt(model: Location, output: str) -> CurrentModel | None:
    """Makes the last finished stage in MODEL the current model; None where there is none.

    It has seen the rows of every stage file in OUT that a stage of it was trained on byte for
    byte; rows of other files count as new. Raises ClaraError.
    """
    results = {stage: _stage_result(model, stage) for stage in STAGES}
    finished = [stage for stage in STAGES if results[stage] is not None]
    if not finished:
        return None
    keys: list[int] = []
    try:
        data_set = open_data_set(output)
    except DataSetMissing:
        pass
    else:
        for stage in finished:
            name = STAGE_FILES[stage]
            entry = data_set.manifest.files.get(name)
            identity = (results[stage] or {}).get("identity", {})
            if entry is not None and identity.get(f"data.{name}") == entry.sha256:
                keys += keys_of(data_set, stage)
    last = finished[-1]
    sha256 = str((results[last] or {})["checkpoint_sha256"])
    name = f"{sha256[:16]}.txt"
    write_seen(seen_folder(model), name, keys)
    current = CurrentModel(
        checkpoint=model.uri(f"{last}/model"),
        sha256=sha256,
        stage=last,
        seen=(name,),
        training=None,
        since=_now(),
    )
    model.write_bytes(CURRENT_FILE, _json(current))
    return current


class Promotion(Record):
    """What a training is told, so that its last checkpoint becomes the current model."""

    model_output: str
    training: str = Field(description="id of its plan")


def promote(promotion: Promotion, checkpoint: StageCheckpoint) -> None:
    """Makes the checkpoint of a training that has ended well the current one. Safe to call twice.

    Raises CurrentModelMoved where the current model is not the one that the training started
    from, CurrentModelInvalid where its plan is not there.
    """
    model, training = Location(promotion.model_output), promotion.training
    plan = read_plan(training_folder(model, training))
    if plan is None:
        raise CurrentModelInvalid(
            f"{training_folder(model, training).uri(PLAN_FILE)} is not there: the checkpoint "
            f"{checkpoint.uri} was trained and cannot become the current model"
        )
    current = read_current(model)
    if current is not None and current.training == training and current.sha256 == checkpoint.sha256:
        return
    if current is not None and plan.parent is not None and current.sha256 != plan.parent_sha256:
        raise CurrentModelMoved(
            f"the current model of {model.uri()} is {current.checkpoint} by now, and this training "
            f"started from {plan.parent}: {checkpoint.uri} was trained and replaces nothing. What "
            "the current model has not seen is new to the next re-ingestion"
        )
    moved = CurrentModel(
        checkpoint=checkpoint.uri,
        sha256=checkpoint.sha256,
        stage=checkpoint.stage,
        seen=plan.seen,
        training=training,
        since=_now(),
    )
    model.write_bytes(CURRENT_FILE, _json(moved))


def _stage_result(model: Location, stage: Stage) -> dict[str, Any] | None:
    try:
        found = json.loads(model.read_bytes(f"{stage}/result.json"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        where = model.uri(f"{stage}/result.json")
        raise CurrentModelInvalid(f"{where} cannot be read ({error}): train it again") from error
    if not isinstance(found, dict) or "checkpoint_sha256" not in found:
        where = model.uri(f"{stage}/result.json")
        raise CurrentModelInvalid(f"{where} is no result of a training: train it again")
    return found


def _read(folder: Location, name: str, kind: type[Record]) -> Record | None:
    try:
        return kind.model_validate_json(folder.read_bytes(name))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise CurrentModelInvalid(
            f"{folder.uri(name)} cannot be read ({field or 'JSON'}: {first['msg']}): restore it, "
            "or delete it, and the last finished stage in the folder is taken"
        ) from error


def _json(record: Record) -> bytes:
    return (record.model_dump_json(indent=2) + "\n").encode("utf-8")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

"""After a re-ingestion: whether the current model is trained further, and on which rows.

Training starts from the current checkpoint, on the rows that it has not seen and a seeded sample
of those that it has. A training that fails leaves the current model as it is; its rows are new to
the next one. So nothing is lost, and nothing begins from zero unless that is asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from clara_model.config import STAGES, Stage, resolve_stage
from clara_model.data.files import STAGE_FILES
from flows.current_model import (
    CurrentModel,
    PlannedTraining,
    Promotion,
    read_current,
    read_plan,
    seen_folder,
    training_folder,
    write_plan,
)
from flows.new_rows import (
    RowCounts,
    SeenRows,
    count_rows,
    read_seen,
    write_increment,
    write_seen,
)
from tasks.errors import UsageError
from tasks.published import PublishedDataSet, open_data_set
from tasks.records import Record
from tasks.storage import Location

Say = Callable[[str], None]
TrainingState = Literal["no_model", "too_few_new_rows", "trained_already", "planned"]

COUNTED_FILE = "counted.json"
_OURS = ("data", "output", "init_from", "promotes")
"""Parameters of `train` that a warm start decides itself."""


class Decision(Record):
    """What becomes of the new rows."""

    state: TrainingState
    sentence: str
    plan: PlannedTraining | None = None


class _Counted(Record):
    """counted.json: what counting found, so that an unchanged data set is not read again."""

    id: str
    rows: dict[Stage, RowCounts] = Field(default_factory=dict)


@dataclass(frozen=True)
class WarmStart:
    """What decides a training: the same values and the same data set give the same id."""

    output: str
    model_output: str
    min_new_rows: int
    replay_share: float
    from_zero: bool
    seed: int
    train_parameters: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Raises UsageError for values that cannot work."""
        if self.min_new_rows < 1:
            raise UsageError(f"min_new_rows {self.min_new_rows}: give 1 or more")
        if self.replay_share < 0:
            raise UsageError(f"replay_share {self.replay_share}: give 0 or more old rows a new one")
        for name in _OURS:
            if name in self.train_parameters:
                raise UsageError(
                    f"train_parameters has {name!r}, which re-ingestion decides itself: take it out"
                )

    @property
    def model(self) -> Location:
        return Location(self.model_output)

    def decide(self, say: Say) -> Decision:
        """Counts the new rows and, where they are enough, writes the training's data and plan.

        Raises ClaraError: DataSetChanged where a run replaces the data set meanwhile.
        """
        current = read_current(self.model)
        if current is None and not self.from_zero:
            return Decision(
                state="no_model",
                sentence=f"no training: {self.model.uri()} holds no finished stage to start from. "
                f"Train once with `clara train {self.output} --output {self.model_output}`, or "
                "set from_zero",
            )
        data_set = open_data_set(self.output)
        seen_names = () if self.from_zero or current is None else current.seen
        stages = self._stages(current, data_set)
        id_ = self._id(data_set, current, seen_names, stages)
        if current is not None and current.training == id_:
            sentence = f"no training: the current model was trained on just this ({id_})"
            return Decision(state="trained_already", sentence=sentence)
        folder = training_folder(self.model, id_)
        planned = read_plan(folder)
        if planned is not None:
            return _planned(planned, f"training {id_} is tried again")
        seen = SeenRows()
        counts = self._counted(id_)
        if counts is None or _new(counts) >= self.min_new_rows:
            seen = read_seen(seen_folder(self.model), seen_names)
        if counts is None:
            counts = {stage: count_rows(data_set, stage, seen) for stage in stages}
            self._remember(id_, counts)
        if _new(counts) < self.min_new_rows:
            sentence = (
                f"no training: {_new(counts)} new rows since the current model, and min_new_rows "
                f"is {self.min_new_rows}"
            )
            return Decision(state="too_few_new_rows", sentence=sentence)
        say(f"{_new(counts)} new rows: writing the data of training {id_}")
        return _planned(self._plan(id_, folder, current, seen_names, counts, seen), "planned")

    def _plan(
        self,
        id_: str,
        folder: Location,
        current: CurrentModel | None,
        seen_names: tuple[str, ...],
        counts: dict[Stage, RowCounts],
        seen: SeenRows,
    ) -> PlannedTraining:
        # A stage without a new row has nothing to learn.
        counts = {stage: counted for stage, counted in counts.items() if counted.new}
        data = folder / "data"
        increment = write_increment(
            self.output,
            data,
            counts=counts,
            seen=seen,
            replay_share=self.replay_share,
            seed=id_,
        )
        name = f"{id_}.txt"
        write_seen(seen_folder(self.model), name, increment.new_keys)
        start = None if self.from_zero else current
        plan = PlannedTraining(
            id=id_,
            parent=start.checkpoint if start else None,
            parent_sha256=start.sha256 if start else None,
            stages=tuple(counts),
            data=data.uri(),
            output=folder.uri("model"),
            seen=(*seen_names, name),
            rows=increment.counts,
        )
        write_plan(folder, plan)
        return plan

    def _stages(
        self, current: CurrentModel | None, data_set: PublishedDataSet
    ) -> tuple[Stage, ...]:
        """Those that are named; else the current model's own, from zero `train`'s own."""
        named = self.train_parameters.get("stages")
        if named:
            given = str(named).replace(" ", "").split(",")
            return tuple(resolve_stage(name) for name in given if name)
        if current is not None and not self.from_zero:
            return (current.stage,)
        # Reasoning is a stage that one asks for, as with `clara train`.
        return tuple(s for s in STAGES[:3] if data_set.row_count(STAGE_FILES[s]))

    def _id(
        self,
        data_set: PublishedDataSet,
        current: CurrentModel | None,
        seen: tuple[str, ...],
        stages: tuple[Stage, ...],
    ) -> str:
        files = {
            name: entry.sha256
            for name, entry in data_set.manifest.files.items()
            if entry.rows is not None
        }
        decisive = {
            "files": files,
            "parent": None if self.from_zero or current is None else current.sha256,
            "seen": seen,
            "stages": stages,
            "replay_share": self.replay_share,
            "seed": self.seed,
            "train": dict(self.train_parameters),
        }
        text = json.dumps(decisive, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _counted(self, id_: str) -> dict[Stage, RowCounts] | None:
        try:
            counted = _Counted.model_validate_json(self.model.read_bytes(COUNTED_FILE))
        except (FileNotFoundError, ValueError):
            return None  # it only saves reading: what cannot be read is counted again
        return counted.rows if counted.id == id_ else None

    def _remember(self, id_: str, counts: dict[Stage, RowCounts]) -> None:
        record = _Counted(id=id_, rows=counts)
        self.model.write_bytes(COUNTED_FILE, record.model_dump_json().encode())


def model_tag(model_output: str) -> str:
    """The tag of every training into a model folder: one at a time is under way."""
    digest = hashlib.sha256(Location(model_output).uri().encode()).hexdigest()
    return f"clara.model.{digest[:16]}"


def parameters_of(
    plan: PlannedTraining, given: Mapping[str, Any], model_output: str
) -> dict[str, Any]:
    """The parameters of `flows.train.train` for a planned training, as JSON values."""
    promotion = Promotion(model_output=Location(model_output).uri(), training=plan.id)
    return {
        **given,
        "data": plan.data,
        "output": plan.output,
        "stages": ",".join(plan.stages),
        "init_from": plan.parent,
        "promotes": promotion.model_dump(),
    }


def _new(counts: Mapping[Stage, RowCounts]) -> int:
    return sum(counted.new for counted in counts.values())


def _planned(plan: PlannedTraining, how: str) -> Decision:
    rows = "; ".join(
        f"{stage} {counted.new} new, {counted.replayed} old" for stage, counted in plan.rows.items()
    )
    start = plan.parent or "the base model"
    return Decision(state="planned", sentence=f"{how}, from {start}: {rows}", plan=plan)

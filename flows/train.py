"""Data set to checkpoints: the `train` flow, stage by stage.

    prefect deployment run train/cpu -p data=... -p output=... --watch
    clara train DATA --output OUT          the same stages without a server

Each stage is a run of the deployment `train-stage/gpu`, which a GPU worker takes; where the server
has no such deployment, it is a subflow in this process. What passes from one to the next is a
StageCheckpoint: where the checkpoint is, its hash, its parent, its metrics.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.exceptions import CancelledRun
from prefect.states import Cancelled, State

from clara_model.config import Stage
from clara_model.errors import CheckpointError
from clara_model.training.options import choose_preset
from clara_model.training.resolve import ResolvedConfig
from clara_model.training.stage_inputs import check_data
from flows.cli_train import check_data_set, choose_base, data_location
from flows.current_model import Promotion, promote
from flows.failures import ended
from flows.run_log import run_teller
from flows.stage_places import CONFIG_FILE, free_folder, start_of, working_folder, write_config
from flows.stage_records import StageCheckpoint, finished_stage, parent_of, parse_checkpoint
from flows.stage_runs import StageRuns, stage_runs
from flows.stage_trainer import StageStopped
from flows.stage_watch import Say, attempt
from flows.train_artifacts import CheckpointTable
from flows.train_request import TrainRequest, parse_stages
from flows.train_stage import train_stage
from flows.work_folder import enter_work_folder
from tasks.storage import Location

STAGE_DEPLOYMENT = "train-stage/gpu"


@flow(name="train", flow_run_name="train {output}", persist_result=False)
def train(
    data: str,
    output: str,
    base_model: str | None = None,
    stages: str | None = None,
    init_from: str | None = None,
    preset: str | None = None,
    max_steps: int | None = None,
    options: dict[str, Any] | None = None,
    allow_incomplete: bool = False,
    stage_deployment: str | None = STAGE_DEPLOYMENT,
    start_timeout_s: float = 900.0,
    stage_attempts: int = 3,
    promotes: Promotion | None = None,
) -> list[dict[str, Any]] | State[Any]:
    """Train a model on a data set, stage by stage.

    Args:
        data: The data set: a folder, an archive of `clara data pack`, or s3://.
        output: Folder or s3://; gets a folder for each stage.
        base_model: Folder, hub name, s3:// or smollm2; default without CUDA: smollm2.
        stages: Names with commas; default: compression,instruction,end_to_end.
        init_from: A checkpoint to start from instead of the base.
        preset: paper or small; default: by the rows, and small on a CPU.
        max_steps: Optimizer steps of each stage at most.
        options: Other options of training, by the names of a configuration file.
        allow_incomplete: Also train on a data set without a manifest.
        stage_deployment: Whose runs the stages are; none: subflows in this process.
        start_timeout_s: Seconds for a worker to take a stage's run.
        stage_attempts: Runs of a stage at most, where they crash.
        promotes: Makes the last checkpoint the current model of a folder; set by `reingest`.

    Returns the records of the stages. Raises ClaraError and ModelError, which under a worker
    become the run's message. What is done already is not done again.
    """

    def run() -> list[dict[str, Any]] | State[Any]:
        enter_work_folder(data=data, output=output, init_from=init_from)
        request = TrainRequest(
            data=_in_full(data),
            output=_in_full(output),
            base_model=_folder_in_full(base_model),
            init_from=_folder_in_full(init_from),
            preset=preset,
            max_steps=max_steps,
            options=options or {},
            allow_incomplete=allow_incomplete,
        )
        say = run_teller()
        try:
            with stage_runs(
                stage_deployment, start_timeout_s=start_timeout_s, attempts=stage_attempts, say=say
            ) as runs:
                records = run_stages(request, parse_stages(stages), runs, say)
        except (StageStopped, CancelledRun) as stopped:
            return Cancelled(message=str(stopped))
        if promotes is not None:
            promote(promotes, records[-1])
        return [record.to_json() for record in records]

    return ended(run)


def run_stages(
    request: TrainRequest, stages: tuple[Stage, ...], runs: StageRuns | None, say: Say
) -> list[StageCheckpoint]:
    """The stages, one after another; `runs` None: in this process.

    Raises ClaraError, ModelError; StageStopped or Prefect's CancelledRun.
    """
    output = Location(request.output)
    output.make()
    parent = None if request.init_from else parent_of(output, stages[0])
    resolved = _checked(request, stages, parent, output, on_workers=runs is not None)
    for line in resolved.notices:
        say(line)
    # Settled here, once: stages that chose for themselves might choose differently.
    settled = request.model_copy(update={"preset": resolved.config.preset})
    start = request.init_from
    records: list[StageCheckpoint] = []
    table = CheckpointTable()
    for stage in stages:
        record = _run_stage(settled, stage, parent, start, output, runs)
        records.append(record)
        parent, start = record, None
        attempt("The artifact of the checkpoints", lambda: table.show(records), say)
    return records


def _run_stage(
    request: TrainRequest,
    stage: Stage,
    parent: StageCheckpoint | None,
    init_from: str | None,
    output: Location,
    runs: StageRuns | None,
) -> StageCheckpoint:
    parameters = {
        **request.model_dump(mode="json"),
        "stage": stage,
        "parent": parent.to_json() if parent else None,
        "init_from": init_from,
    }
    if runs is None:
        made = parse_checkpoint(train_stage(**parameters))  # type: ignore[arg-type]
        assert made is not None
        return made
    runs.run(stage, parameters)
    record = finished_stage(output, stage, parent.uri if parent else init_from)
    if record is None:
        raise CheckpointError(
            f"{stage} was trained, and {output.uri(stage)} shows no result here: the machines that "
            "train and this one have to see the same output. Name an s3:// address, or a folder "
            "that all of them share."
        )
    return record


def _checked(
    request: TrainRequest,
    stages: tuple[Stage, ...],
    parent: StageCheckpoint | None,
    output: Location,
    *,
    on_workers: bool,
) -> ResolvedConfig:
    """Everything that can be refused before the first stage is begun."""
    data = data_location(request.data, allow_incomplete=request.allow_incomplete)
    work = working_folder(output)
    places = {"data": str(data), "output": str(work)}
    preset = None
    if on_workers:
        # Which device will train is not known here; a GPU pool's has one.
        rows = _most_rows(stages, data) if request.preset is None else 0
        preset = choose_preset("cuda", rows)[0]
    else:
        start = start_of(parent, request.init_from)
        base = choose_base(request.base_model, start, request.options.get("device"))
        preset = "small" if base.notice else None
    resolved = request.resolved(stages, preset=preset, **places)
    check_data_set(data, resolved.config, allow_incomplete=request.allow_incomplete)
    check_data(resolved.config)
    if output.is_local:
        with free_folder(work, output):
            write_config(work / CONFIG_FILE, resolved.config)
    return resolved


def _most_rows(stages: tuple[Stage, ...], data: Path) -> int:
    from clara_model.data.files import stage_file

    rows = 0
    for stage in stages:
        with stage_file(stage, data).open("rb") as lines:
            rows = max(rows, sum(1 for line in lines if line.strip()))
    return rows


def _in_full(place: str) -> str:
    """An absolute path, or the address as it is: a worker stands in another folder."""
    return place if "://" in place else str(Path(place).expanduser().absolute())


def _folder_in_full(name: str | None) -> str | None:
    """The same for what may also be a name on the hub."""
    return _in_full(name) if name and Path(name).expanduser().is_dir() else name

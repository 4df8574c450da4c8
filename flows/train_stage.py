"""One stage of training as a flow: a run of `train-stage/gpu` on a GPU worker, or a subflow.

The trainer is a process of its own (flows/trainer_process.py); this flow brings what it reads,
shows what it says, and sends what it makes. See flows/train.py for the stages one after another.
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import State

from clara_model.config import Stage, resolve_stage
from clara_model.errors import CheckpointError
from clara_model.training.lifeline import GRACE_S
from flows.cli_train import check_data_set, choose_base, data_location
from flows.failures import ended
from flows.own_run import OwnRun
from flows.run_log import run_teller
from flows.stage_places import StagePlaces, free_folder, start_of
from flows.stage_records import StageCheckpoint, finished_stage, parent_of, parse_checkpoint
from flows.stage_trainer import StageStopped, processes_here, run_trainer
from flows.stage_watch import Chore, Chores, Say, attempt
from flows.train_artifacts import StageArtifacts, show_checkpoint
from flows.train_request import TrainRequest
from flows.work_folder import enter_work_folder
from tasks.storage import Location

_LOOK_EVERY_S = 5.0
_PROGRESS_EVERY_S = 5.0
_CURVES_EVERY_S = 60.0
_SEND_EVERY_S = 15.0
# A trainer whose flow was killed has so long to end, before it is killed itself.
_ORPHAN_PATIENCE_S = GRACE_S + 30.0


@flow(name="train-stage", flow_run_name="train {stage}", persist_result=False)
def train_stage(
    data: str,
    output: str,
    stage: str,
    parent: dict[str, Any] | None = None,
    base_model: str | None = None,
    init_from: str | None = None,
    preset: str | None = None,
    max_steps: int | None = None,
    options: dict[str, Any] | None = None,
    allow_incomplete: bool = False,
    processes: int | None = None,
) -> dict[str, Any] | State[Any]:
    """Train one stage, or find it done.

    Args:
        data: The data set: a folder, an archive of `clara data pack`, or s3://.
        output: The run's folder, or s3://: gets a folder for the stage.
        stage: compression, instruction, end_to_end or reasoning.
        parent: The record that the stage before returned; default: what the output holds.
        base_model: Folder, hub name, s3:// or smollm2.
        init_from: A checkpoint to start from instead of the parent.
        preset: paper or small.
        max_steps: Optimizer steps at most.
        options: Other options of training, by the names of a configuration file.
        allow_incomplete: Also train on a data set without a manifest.
        processes: Processes that train; default: CLARA_TRAIN_PROCESSES, else one a CUDA device.

    Returns the stage's record: its checkpoint's URI, hash, parent and metrics. Raises ClaraError
    and ModelError, which under a worker become the run's message.
    """

    def run() -> dict[str, Any] | State[Any]:
        enter_work_folder(data=data, output=output, init_from=init_from)
        request = TrainRequest(
            data=data,
            output=output,
            base_model=base_model,
            init_from=init_from,
            preset=preset,
            max_steps=max_steps,
            options=options or {},
            allow_incomplete=allow_incomplete,
        )
        say, own = run_teller(), OwnRun()
        try:
            return run_stage(request, resolve_stage(stage), parent, processes, own, say).to_json()
        except StageStopped:
            state = own.last_state()
            if state is None:
                raise
            return state

    return ended(run)


def run_stage(
    request: TrainRequest,
    stage: Stage,
    parent_values: dict[str, Any] | None,
    processes: int | None,
    own: OwnRun,
    say: Say,
) -> StageCheckpoint:
    """Trains one stage inside its flow run `own`. Raises ClaraError, ModelError; StageStopped."""
    output = Location(request.output)
    places = StagePlaces(output, stage)
    parent = parse_checkpoint(parent_values)
    if parent is None and request.init_from is None:
        parent = parent_of(output, stage)
    start = start_of(parent, request.init_from)
    data = data_location(request.data, allow_incomplete=request.allow_incomplete)
    base = choose_base(request.base_model, start, request.options.get("device"))
    resolved = request.resolved(
        (stage,),
        preset="small" if base.notice else None,
        data=str(data),
        output=str(places.work),
        base_model=base.base,
        init_from=start,
    )
    config = resolved.config
    check_data_set(data, config, allow_incomplete=request.allow_incomplete)
    count, cuda = processes_here(processes, config.device)
    if base.notice:
        say(base.notice)
    with free_folder(places.work, output, _ORPHAN_PATIENCE_S):
        places.fetch()
        places.begin(config)
    artifacts = StageArtifacts(stage, places.folder)
    chores = [
        Chore("Asking the server for this run's state", _LOOK_EVERY_S, own.look),
        Chore("The progress artifact", _PROGRESS_EVERY_S, artifacts.show_progress),
        Chore("The artifact of the curves", _CURVES_EVERY_S, artifacts.show_curves),
    ]
    if places.is_remote:
        chores.append(Chore("Sending the checkpoint", _SEND_EVERY_S, places.send_progress))
    with Chores(chores, say):
        run_trainer(
            places.config_file,
            places.folder,
            processes=count,
            cuda=cuda,
            say=say,
            should_stop=own.is_over,
        )
    places.send_result()
    record = finished_stage(output, stage, parent.uri if parent else request.init_from)
    if record is None:
        raise CheckpointError(f"{output.uri(stage)} lost its result while it was written.")
    attempt("The progress artifact", artifacts.show_progress, say)
    attempt("The artifact of the curves", artifacts.show_curves, say)
    attempt("The artifact of the checkpoint", lambda: show_checkpoint(record), say)
    return record

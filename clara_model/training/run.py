"""The stages of a run, one after another; each leaves a checkpoint and a result.

OUT/<stage>/checkpoints/step-000123/   to resume from (state.py)
OUT/<stage>/metrics.jsonl ...          clara_model.tracking
OUT/<stage>/model/                     the stage's checkpoint (clara_model.checkpoint)
OUT/<stage>/result.json                written last; with it the stage is finished
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from clara_model.checkpoint import Provenance, checkpoint_sha256, save_checkpoint
from clara_model.config import STAGES, Stage
from clara_model.data.load import StageData, load_stage_data
from clara_model.errors import CheckpointError, ConfigError, DataError
from clara_model.tracking.trackers import open_tracking
from clara_model.training.callbacks import TrainingCallback
from clara_model.training.config import TrainConfig
from clara_model.training.distributed import Processes
from clara_model.training.loop import Trainer
from clara_model.training.results import (
    MODEL_FOLDER,
    StageResult,
    differences,
    read_result,
    write_result,
)
from clara_model.training.stage_inputs import (
    EVAL_FILE,
    StageInputs,
    check_data,
    held_out_file,
    stage_inputs,
)

if TYPE_CHECKING:
    from rich.console import Console

    from clara_model.data.examples import Example
    from clara_model.tokens import TokenSpace

CallbacksFor = Callable[[Stage], Sequence[TrainingCallback]]


class Run:
    """What the stages of one run share."""

    def __init__(
        self,
        config: TrainConfig,
        *,
        processes: Processes | None = None,
        callbacks_for: CallbacksFor | None = None,
        console: Console | None = None,
    ) -> None:
        from rich.console import Console

        self.config = config
        self.processes = processes or Processes.join(config.device)
        self.callbacks_for = callbacks_for or (lambda stage: ())
        self.console = console or Console()

    def say(self, line: str) -> None:
        """A line for the user, from the main process."""
        if self.processes.is_main:
            self.print(line)

    def print(self, line: str) -> None:
        """A line for the user, whichever process this is."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


def run_stages(
    config: TrainConfig,
    *,
    processes: Processes | None = None,
    callbacks_for: CallbacksFor | None = None,
    console: Console | None = None,
) -> list[StageResult]:
    """Trains the stages of `config`; those whose result is there already are skipped.

    Every process that trains calls this; files and lines come from the main one. `callbacks_for`
    gives callbacks of a stage beside those of clara_model.tracking. Raises the errors of
    clara_model.errors; TrainingInterrupted after SIGTERM or Ctrl-C.
    """
    run = Run(config, processes=processes, callbacks_for=callbacks_for, console=console)
    with _alone_in(config.output, run.processes):
        folder = Path(config.data)
        if folder.is_dir() and not (folder / "manifest.json").is_file():
            run.say(f"{folder} has no manifest.json: the data set is not complete, or not ours.")
        check_data(config)
        parent = _first_parent(run)
        results = []
        for stage in config.stages:
            results.append(train_stage(run, stage, parent))
            parent = results[-1].model_folder(config.output)
    return results


def train_stage(run: Run, stage: Stage, parent: Path | None) -> StageResult:
    """Trains one stage from the checkpoint `parent` (None: from the base), or finds it done."""
    config, processes = run.config, run.processes
    folder = config.output / stage
    inputs = stage_inputs(config, stage, parent, processes.device)
    done = read_result(folder, run.say)
    if done is not None:
        changed = differences(done.identity, inputs.identity)
        if not changed:
            run.say(f"{stage}: skipped, {folder} holds its result for this data and configuration.")
            return done
        run.say(f"{stage}: trained anew, its result is of another run: {'; '.join(changed)}.")
    started = time.perf_counter()
    sharded = config.options(stage).shard_base and processes.world_size > 1
    model = inputs.load_model(torch.device("cpu") if sharded else processes.device)
    data = _load(inputs, inputs.data_file, stage, model.tokens)
    for notice in data.counts.notices():
        run.say(f"{stage}: {notice}")
    tracking = open_tracking(
        config.tracking,
        folder=folder,
        stage=stage,
        base_name=model.base_name,
        config=config.model_dump(mode="json"),
        console=run.console,
    )
    trainer = Trainer(
        model,
        data.examples,
        config.options(stage),
        callbacks=[tracking, *run.callbacks_for(stage)],
        held_out=_held_out(run, inputs, model.tokens),
        output=folder,
        processes=processes,
        identity=inputs.identity,
        say=run.print,
    )
    run.say(_announcement(trainer, data, inputs))
    trainer.train()
    kept = processes.on_main(lambda: _keep(trainer, data, inputs, folder, started))
    # The other processes read what the main one has written.
    result = kept or read_result(folder)
    if result is None:
        raise CheckpointError(
            f"A process does not see {folder}, which the main one wrote: name an output folder "
            "that all machines share."
        )
    run.say(f"{stage}: done, {folder / MODEL_FOLDER}")
    return result


def _keep(
    trainer: Trainer, data: StageData, inputs: StageInputs, folder: Path, started: float
) -> StageResult:
    """Writes the checkpoint of a finished stage, then its result."""
    metrics: dict[str, float | None] = {}
    if trainer.last_step is not None:
        metrics |= {
            f"train_{name}": getattr(trainer.last_step, name)
            for name in ("loss", "answer_loss", "alignment_loss", "recall_at_1")
        }
    if trainer.last_evaluation is not None:
        names = ("loss", "recall_at_1", "recall_at_3", "recall_at_5", "exact_match", "f1")
        metrics |= {f"held_out_{name}": getattr(trainer.last_evaluation, name) for name in names}
    provenance = Provenance(
        stage=inputs.stage,
        data=inputs.data.model_copy(update={"rows": len(data.examples)}),
        parent=inputs.parent,
        training=inputs.identity,
        steps=trainer.step,
        metrics=metrics,
        licences=(
            inputs.parent.provenance.licences
            if inputs.parent is not None and inputs.parent.provenance is not None
            else ()
        ),
    )
    save_checkpoint(trainer.model, folder / MODEL_FOLDER, provenance=provenance)
    result = StageResult(
        stage=inputs.stage,
        identity=inputs.identity,
        checkpoint_sha256=checkpoint_sha256(folder / MODEL_FOLDER),
        parent_sha256=inputs.parent.sha256 if inputs.parent else None,
        steps=trainer.step,
        rows=len(data.examples),
        seconds=time.perf_counter() - started,
        metrics=metrics,
    )
    write_result(folder, result)
    return result


def _load(inputs: StageInputs, file: Path, stage: Stage, tokens: TokenSpace) -> StageData:
    config = inputs.config
    return load_stage_data(
        stage,
        file,
        tokens,
        inputs.shape,
        candidates=config.candidates,
        allow_truncation=config.allow_truncation,
        seed=config.options(stage).seed,
        decoder_max_length=config.decoder_max_length,
        workers=config.workers,
        limit=config.limit_rows if file == inputs.data_file else None,
    )


def _held_out(run: Run, inputs: StageInputs, tokens: TokenSpace) -> Sequence[Example]:
    """The rows to evaluate on; none where the options want none or the data set has none."""
    options = run.config.options(inputs.stage)
    file = held_out_file(run.config)
    if not options.evaluation_rows:
        return ()
    if file is None:
        run.say(f"{inputs.stage}: no evaluation, there is no {EVAL_FILE} beside the data.")
        return ()
    if inputs.stage == "reasoning" and run.config.eval_data is None:
        run.say("reasoning: no evaluation, held-out rows of a data set have no traces.")
        return ()
    try:
        return _load(inputs, file, inputs.stage, tokens).examples
    except DataError as error:
        if run.config.eval_data is not None:
            raise
        run.say(f"{inputs.stage}: no evaluation. {error}")
        return ()


def _announcement(trainer: Trainer, data: StageData, inputs: StageInputs) -> str:
    options, shape = trainer.options, inputs.shape
    weights = sum(parameter.numel() for parameter in trainer.parameters.values())
    start = inputs.parent_folder or inputs.config.base_model
    return (
        f"{trainer.stage}: {len(data.examples)} rows, {data.counts.documents} documents; from "
        f"{start}; {trainer.total_steps} steps of {options.batch_size} rows; {weights / 1e6:.2f} "
        f"million weights train, learning rate {options.learning_rate:g} ({options.schedule}); "
        f"{shape.memory_tokens} memory tokens for {shape.doc_max_length} tokens of a document; on "
        f"{trainer.model.device} in {str(trainer.model.base_dtype).removeprefix('torch.')}, "
        f"{trainer.processes.world_size} process(es)."
    )


def _first_parent(run: Run) -> Path | None:
    """What the first stage starts from: the checkpoint that is named, or an earlier stage's."""
    config = run.config
    if config.init_from is not None:
        return Path(config.init_from)
    first = config.stages[0]
    for stage in reversed(STAGES[: STAGES.index(first)]):
        if read_result(config.output / stage, run.say) is not None:
            found = config.output / stage / MODEL_FOLDER
            run.say(f"{first}: starts from {found}, the result of {stage} in this folder.")
            return found
    if first != "compression":
        raise ConfigError(
            f"The stage {first} starts from a checkpoint, and {config.output} has none of an "
            "earlier stage: add `compression` to the stages, or name one with --init-from."
        )
    return None


@contextmanager
def _alone_in(output: Path, processes: Processes) -> Iterator[None]:
    """Keeps a second run out of the same folder."""
    from filelock import FileLock, Timeout

    if not processes.is_main:
        yield
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock = FileLock(output / ".training.lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError(
            f"Another training runs in {output}: wait for it, or name another output folder."
        ) from None
    except OSError as error:
        raise ConfigError(f"The output folder {output} cannot be written: {error}.") from None
    try:
        yield
    finally:
        lock.release()

"""Training one stage by a process of its own, again from its last checkpoint where it is killed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from clara_model.errors import ConfigError, ModelError, TrainingFailed
from flows.trainer_log import LOG_FILE, Say
from flows.trainer_process import PROCESSES, TrainerEnd, TrainerProcess, launch_command

TRAINER_ATTEMPTS = 3


class StageStopped(ModelError):
    """The stage was asked to stop, and its trainer has ended."""

    exit_code = 130


def processes_here(asked: int | None, device: str) -> tuple[int, bool]:
    """How many processes train on this machine, and whether on CUDA devices.

    `asked`, else CLARA_TRAIN_PROCESSES, else one for each CUDA device, or one. Raises ConfigError.
    """
    devices = _cuda_devices(device)
    if asked is None and (named := os.environ.get(PROCESSES)):
        if not named.isdigit():
            raise ConfigError(f"{PROCESSES} = {named!r}: name a number of processes.")
        asked = int(named)
    count = max(1, devices) if asked is None else asked
    if count < 1:
        raise ConfigError(f"processes = {count}: at least one has to train.")
    if devices and count > devices:
        raise ConfigError(
            f"processes = {count}, and this machine has {devices} CUDA device(s): name no more."
        )
    return count, devices > 0


def run_trainer(
    config_file: Path,
    folder: Path,
    *,
    processes: int,
    cuda: bool,
    say: Say,
    should_stop: Callable[[], bool],
    attempts: int = TRAINER_ATTEMPTS,
) -> None:
    """Trains until the stage is done. The trainer's lines go to `say` and to folder/trainer.log.

    A trainer that was killed is started again, at most `attempts` times in all; one that named an
    error is not, for it would name it again. Raises TrainingFailed with its sentence, StageStopped
    after `should_stop`.
    """
    command = launch_command(config_file, processes, cuda=cuda)
    for attempt in range(1, attempts + 1):
        with TrainerProcess(command, log=folder / LOG_FILE, say=say) as trainer:
            end = trainer.wait(should_stop)
        if should_stop():
            raise StageStopped(
                "The server counts this run as ended, so its trainer was stopped. It has saved: "
                "the same run goes on from its checkpoint."
            )
        if end.code == 0:
            return
        if not end.was_killed:
            raise TrainingFailed(_why(end, folder))
        if attempt < attempts:
            say(f"The trainer {end.how()}: it starts again from its last checkpoint.")
    raise TrainingFailed(
        f"The trainer {end.how()}, {attempts} times: look for a machine that runs out of memory, "
        f"or for who ends it ({folder / LOG_FILE}). The same run goes on from the last checkpoint."
    )


def _why(end: TrainerEnd, folder: Path) -> str:
    if end.sentence:
        return end.sentence
    return f"The trainer {end.how()} ({end.last_line}): {folder / LOG_FILE} says why."


def _cuda_devices(device: str) -> int:
    if device not in ("auto", "cuda"):
        return 0
    import torch

    return torch.cuda.device_count()

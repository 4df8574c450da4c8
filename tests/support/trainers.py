"""The trainers that run on this machine, found by what they train."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil


def trainers_of(output: Path, stage: str | None = None) -> list[psutil.Process]:
    """Living processes that train into `output`, launchers and their helpers not counted."""
    folder = f"{output}/{stage}/" if stage else f"{output}/"
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            dead = process.status() == psutil.STATUS_ZOMBIE
            if "clara_model.train" in words and words[-1].startswith(folder) and not dead:
                found.append(process)
    return found


def flow_of(trainer: psutil.Process) -> psutil.Process:
    """The process of the flow that started a trainer."""
    parent = trainer.parent()
    assert parent is not None
    return parent


def kill_9(*processes: psutil.Process) -> None:
    """All of them, as close together as signals can be."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)

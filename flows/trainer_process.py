"""The trainer as a process of its own: started, followed, asked to save, and never left behind.

It stands in a session of its own, so that no signal meant for the flow reaches it past this module,
and holds a pipe of ours as its stdin (clara_model.training.lifeline): where the flow's process is
killed, it saves and ends by itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from clara_model.training.lifeline import LIFELINE
from flows.trainer_log import NEEDED_SECRETS, Redaction, Say, TrainerLog, is_secret

SAVE_GRACE_S = 20.0
"""Between SIGTERM and SIGKILL. A Prefect worker gives the flow itself 30 s to end."""
PROCESSES = "CLARA_TRAIN_PROCESSES"
"""Environment variable: how many processes train on this machine."""

_LOOK_EVERY_S = 0.25
_HELPERS_GRACE_S = 10.0
_STOPPED_HELPERS_GRACE_S = 3.0
_INTERRUPTED = 130


@dataclass(frozen=True)
class TrainerEnd:
    """How a trainer ended."""

    code: int
    """Its exit code; below 0: the signal that ended it."""
    sentence: str | None
    """Its own words, where it named an error."""
    last_line: str
    child_signal: int | None = None
    """The signal that ended one process of several."""

    @property
    def was_killed(self) -> bool:
        """Whether it was ended from outside: what it has saved can be gone on from."""
        return self.code < 0 or self.code == _INTERRUPTED or self.child_signal is not None

    def how(self) -> str:
        """The end in words."""
        number = self.child_signal or (-self.code if self.code < 0 else None)
        if number is None:
            return f"ended with code {self.code}"
        with suppress(ValueError):
            return f"was ended by {signal.Signals(number).name}"
        return f"was ended by signal {number}"


def launch_command(config: Path, processes: int, *, cuda: bool) -> list[str]:
    """The command that trains `config` on this machine with so many processes.

    accelerate serves GPUs only: without one it starts a single process whatever it is told, so
    several go through torchrun, and one needs no launcher.
    """
    trainer = ["-m", "clara_model.train", str(config)]
    if cuda:
        several = ["--multi_gpu"] if processes > 1 else []
        # A free port: two stages may train on one machine.
        shape = ["--num_processes", str(processes), "--num_machines", "1"]
        shape += ["--main_process_port", "0"]
        launcher = ["-m", "accelerate.commands.launch", *several, *shape]
        return [sys.executable, *launcher, "--mixed_precision", "no", *trainer]
    if processes > 1:
        launcher = ["-m", "torch.distributed.run", "--standalone"]
        return [sys.executable, *launcher, "--nproc-per-node", str(processes), *trainer]
    return [sys.executable, *trainer]


def trainer_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a trainer's process is given: nothing of Prefect, and no key that it has no use for."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("PREFECT_") and (name in NEEDED_SECRETS or not is_secret(name))
    }
    # Where the flow was found, in a worker's empty folder too.
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return {**kept, LIFELINE: "stdin", "PYTHONUNBUFFERED": "1", "PYTHONPATH": path}


class TrainerProcess:
    """A running trainer. Leaving the block ends it, and every process that it has started."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        say: Say,
        environment: Mapping[str, str] | None = None,
        grace_s: float = SAVE_GRACE_S,
    ) -> None:
        given = dict(os.environ if environment is None else environment)
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = TrainerLog(log, say, Redaction(given))
        self._grace_s = grace_s
        # A launcher does not pass a signal on in time; a trainer tells its helpers itself.
        self._has_launcher = "clara_model.train" not in command[1:3]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                env=trainer_environment(given),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Of the process that was started, which leads the group of all of them."""
        return self._process.pid

    def __enter__(self) -> TrainerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self.stop()
        self._end_helpers()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._log.finish()

    def wait(self, should_stop: Callable[[], bool] = lambda: False) -> TrainerEnd:
        """Says the trainer's lines until it has ended; stops it where `should_stop` says so."""
        while self._process.poll() is None:
            self._log.follow()
            if should_stop():
                self.stop()
                break
            time.sleep(_LOOK_EVERY_S)
        self._log.finish()
        return TrainerEnd(
            code=self._process.returncode,
            sentence=self._log.error_sentence(),
            last_line=self._log.lines[-1] if self._log.lines else "it said nothing",
            child_signal=self._log.child_signal() if self._has_launcher else None,
        )

    def stop(self) -> None:
        """Asks the trainer to save and end; kills it where it takes longer than the grace.

        Whatever interrupts this wait, a second signal for one, kills it at once.
        """
        if self._process.poll() is not None:
            return
        try:
            self._signal(signal.SIGTERM)
            deadline = time.monotonic() + self._grace_s
            while self._process.poll() is None and time.monotonic() < deadline:
                self._log.follow()
                time.sleep(_LOOK_EVERY_S)
        finally:
            if self._process.poll() is None:
                self._kill_group()
                self._process.wait()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            if self._has_launcher:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)

    def _end_helpers(self) -> None:
        """The group must not outlive its leader: a launcher's children, workers of tokenization."""
        ended_well = self._process.returncode == 0
        grace_s = _HELPERS_GRACE_S if ended_well else _STOPPED_HELPERS_GRACE_S
        deadline = time.monotonic() + grace_s
        try:
            if not ended_well and _members(self.pid):
                with suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGTERM)
            while _members(self.pid) and time.monotonic() < deadline:
                time.sleep(_LOOK_EVERY_S)
        finally:
            if _members(self.pid):
                self._kill_group()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def _members(group: int) -> list[int]:
    """The living processes of a group; one that only waits to be reaped does not live."""
    import psutil

    found = []
    for process in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found

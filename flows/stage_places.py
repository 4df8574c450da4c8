"""Where a stage reads and writes: on this machine, and in storage where the run's OUT is there.

A trainer works in a local folder. Where OUT is one, that is it. Where OUT is remote, a folder
under CLARA_HOME/runs stands for it: what another machine has made is fetched before training, what
this one makes is sent while it trains. In storage, too, `result.json` comes last.

OUT/<stage>/train_config.json    sent before the first step: with it, the run has begun
OUT/<stage>/checkpoints/step-N/  the newest states to resume from
OUT/<stage>/model/, result.json  at the end
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clara_model.config import Stage
from clara_model.errors import CheckpointError, ConfigError
from clara_model.tracking.chart import CHART_NAME
from clara_model.tracking.metrics_file import METRICS_NAME, SAMPLES_NAME
from clara_model.training.config import TrainConfig
from clara_model.training.results import MODEL_FOLDER, RESULT_FILE
from clara_model.training.storage import named_write_errors
from flows.stage_records import StageCheckpoint
from tasks.errors import OutputNotWritable
from tasks.settings import settings
from tasks.storage import Location, atomic_file

CONFIG_FILE = "train_config.json"
TRAINING_LOCK = ".training.lock"
"""Held by clara_model.training.run while it trains."""

_RUNS = "runs"
_STATES = "checkpoints"
_STATE_MANIFEST = "manifest.json"
_FIGURES = (METRICS_NAME, SAMPLES_NAME, CHART_NAME)
_SENDING = ".sending"


def working_folder(output: Location) -> Path:
    """The local folder that a run with this OUT trains in."""
    if output.is_local:
        return output.local_path
    return settings().home / _RUNS / hashlib.sha256(output.uri().encode()).hexdigest()[:16]


@contextmanager
def free_folder(work: Path, output: Location, patience_s: float = 0.0) -> Iterator[None]:
    """Inside, nobody trains in the run's local folder, which is there.

    A trainer whose flow was killed takes a while to save and end: `patience_s` waits for that.
    Raises ConfigError where another one still trains then, OutputNotWritable.
    """
    from filelock import FileLock, Timeout

    try:
        work.mkdir(parents=True, exist_ok=True)
        lock = FileLock(work / TRAINING_LOCK)
        lock.acquire(timeout=patience_s)
    except Timeout:
        raise ConfigError(
            f"Another training runs in {output.uri()}: wait for it, or name another output folder."
        ) from None
    except OSError as error:
        raise OutputNotWritable(
            f"OUT {output.uri()!r} cannot be written to: {error.strerror or error}"
        ) from error
    try:
        yield
    finally:
        lock.release()


def write_config(path: Path, config: TrainConfig) -> None:
    """A --config file that repeats the run. Raises StorageFull, TrainingFailed."""
    with named_write_errors(str(path)), atomic_file(path) as file:
        file.write((config.model_dump_json(indent=2) + "\n").encode())


def local_parent(parent: StageCheckpoint) -> Path:
    """The folder of an earlier stage's checkpoint on this machine, downloaded once.

    Raises CheckpointError where another model lies there by now, StorageError.
    """
    from clara_model.checkpoint import checkpoint_sha256
    from tasks.local_copies import local_checkpoint

    folder = local_checkpoint(parent.uri).absolute()
    there = checkpoint_sha256(folder)
    if there != parent.sha256:
        raise CheckpointError(
            f"{parent.uri} holds another model ({there[:12]}) than the one that {parent.stage} "
            f"passed on ({parent.sha256[:12]}): another run wrote there meanwhile. Run the same "
            "command again, alone in its output folder."
        )
    return folder


def start_of(parent: StageCheckpoint | None, init_from: str | None) -> str | None:
    """The local folder of what a stage starts from; None where that is the base.

    Raises CheckpointError, StorageError.
    """
    from tasks.local_copies import local_checkpoint

    if parent is not None:
        return str(local_parent(parent))
    return str(local_checkpoint(init_from).absolute()) if init_from else None


class StagePlaces:
    """One stage's folder on this machine, `folder`, and its place in the run's OUT."""

    def __init__(self, output: Location, stage: Stage) -> None:
        self.output = output
        self.stage = stage
        self.work = working_folder(output)
        self.folder = self.work / stage
        self.config_file = self.folder / CONFIG_FILE
        self._there = output / stage
        self._sent: dict[str, tuple[int, int]] = {}
        self._result_dropped = False

    @property
    def is_remote(self) -> bool:
        return not self.output.is_local

    def fetch(self) -> None:
        """Brings what the run has so far to this machine. Raises StorageError.

        Storage decides: what is not there any more counts no longer here.
        """
        if not self.is_remote:
            return
        from tasks.transfer import download_folder

        if not self._there.exists(CONFIG_FILE):
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        result = self._read(RESULT_FILE)
        here = self.folder / RESULT_FILE
        if result is not None and not (here.is_file() and here.read_bytes() == result):
            here.unlink(missing_ok=True)
            download_folder(self._there / MODEL_FOLDER, self.folder / MODEL_FOLDER)
            self._write(RESULT_FILE, result)
        if result is None:
            here.unlink(missing_ok=True)
            self._fetch_state()

    def begin(self, config: TrainConfig) -> None:
        """Writes what the stage is made of. Raises StorageError, StorageFull."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_config(self.config_file, config)
        if self.is_remote:
            self._there.send(self.config_file, CONFIG_FILE)

    def send_progress(self) -> None:
        """Sends the newest complete checkpoint and the figures so far. Raises StorageError."""
        if not self.is_remote:
            return
        if not self._result_dropped and not (self.folder / RESULT_FILE).is_file():
            # Trained anew: the earlier result counts no longer.
            self._there.remove(RESULT_FILE)
            self._result_dropped = True
        self._send_state()
        for name in _FIGURES:
            self._send_changed(name)

    def send_result(self) -> None:
        """Sends a finished stage, its result last. Raises StorageError."""
        if not self.is_remote:
            return
        from tasks.transfer import upload_folder

        result = (self.folder / RESULT_FILE).read_bytes()
        if self._read(RESULT_FILE) not in (result, None):
            self._there.remove(RESULT_FILE)
        self._send_state()
        for name in _FIGURES:
            self._send_changed(name)
        upload_folder(self.folder / MODEL_FOLDER, self._there / MODEL_FOLDER)
        self._there.write_bytes(RESULT_FILE, result)

    # States to resume from

    def _fetch_state(self) -> None:
        from tasks.transfer import download_folder, has_folder

        states = self._there / _STATES
        steps = {step: name for name in states.names() if (step := _step(name)) is not None}
        newest = max(_local_steps(self.folder), default=-1)
        for step in sorted(steps, reverse=True):
            if step <= newest:
                return
            if has_folder(states / steps[step]):
                download_folder(states / steps[step], self.folder / _STATES / steps[step])
                for name in (METRICS_NAME, SAMPLES_NAME):
                    if (data := self._read(name)) is not None:
                        self._write(name, data)
                return

    def _send_state(self) -> None:
        from tasks.transfer import has_folder, upload_folder

        here = _local_steps(self.folder)
        if not here:
            return
        name = here[max(here)].name
        states = self._there / _STATES
        key = f"{_STATES}/{name}"
        written = _version(here[max(here)] / _STATE_MANIFEST)
        if written is None or self._sent.get(key) == written:
            return
        with _held(here[max(here)], self.work / _SENDING / self.stage) as held:
            if not (held / _STATE_MANIFEST).is_file():
                return
            upload_folder(held, states / name)
        self._sent[key] = written
        kept = {folder.name for folder in _local_steps(self.folder).values()} | {name}
        for other in states.names():
            if other not in kept and _step(other) is not None and has_folder(states / other):
                _remove_folder(states / other)

    # Single files

    def _send_changed(self, name: str) -> None:
        version = _version(self.folder / name)
        if version is not None and self._sent.get(name) != version:
            # Read first: it is appended to while it travels.
            self._there.write_bytes(name, (self.folder / name).read_bytes())
            self._sent[name] = version

    def _read(self, name: str) -> bytes | None:
        try:
            return self._there.read_bytes(name)
        except FileNotFoundError:
            return None

    def _write(self, name: str, data: bytes) -> None:
        with named_write_errors(str(self.folder / name)), atomic_file(self.folder / name) as file:
            file.write(data)


def _step(name: str) -> int | None:
    number = name.removeprefix("step-")
    return int(number) if name.startswith("step-") and number.isdigit() else None


def _local_steps(folder: Path) -> dict[int, Path]:
    """The complete states of a stage's folder by their steps."""
    return {
        step: path
        for path in (folder / _STATES).glob("step-*")
        if (step := _step(path.name)) is not None and (path / _STATE_MANIFEST).is_file()
    }


def _version(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size


@contextmanager
def _held(folder: Path, beside: Path) -> Iterator[Path]:
    """The files of a state under other names, so that the trainer may delete it meanwhile."""
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        with suppress(FileNotFoundError):
            # The manifest is the first to be deleted: the last to be held, it stands for all.
            for file in sorted(folder.iterdir(), key=lambda file: file.name == _STATE_MANIFEST):
                os.link(file, beside / file.name)
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _remove_folder(folder: Location) -> None:
    """Its record first: a folder that is half gone must not look complete."""
    from tasks.transfer import TRANSFER_FILE, read_record

    names = read_record(folder).files
    folder.remove(TRANSFER_FILE)
    for name in names:
        folder.remove(name)

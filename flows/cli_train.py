"""What `clara train` does around training: data, base and devices first, then the stages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.terminal import show_on_terminal
from tasks.errors import EXIT_DONE, OutputNotWritable, UsageError
from tasks.manifest import MANIFEST_FILE, measure_file, parse_manifest
from tasks.storage import atomic_file

if TYPE_CHECKING:
    from rich.console import Console

    from clara_model.training.config import TrainConfig
    from tasks.storage import Location

CONFIG_FILE = "train_config.json"
TRAINING_LOCK = ".training.lock"
"""Held by clara_model.training.run while it trains."""
_FORWARDED = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class BaseChoice:
    """Which base a run trains on; None leaves it to the checkpoint that it starts from."""

    base: str | None
    notice: str | None = None
    """A line for the user, where nobody named the base."""


def run_train(
    data: str | None,
    output: str | None,
    *,
    config_file: str | None,
    base_model: str | None,
    stages: str | None,
    allow_incomplete: bool,
    options: Mapping[str, Any],
) -> int:
    """Trains and returns the exit code. Raises ClaraError and ModelError."""
    from clara_model.errors import TrainingInterrupted
    from clara_model.train import sigterm_interrupts

    written: list[Path] = []
    try:
        with sigterm_interrupts():
            return _run(
                {"data": data, "output": output, "stages": stages, **options},
                file=Path(config_file).expanduser() if config_file else None,
                base_model=base_model,
                allow_incomplete=allow_incomplete,
                written=written,
            )
    except KeyboardInterrupt:
        raise TrainingInterrupted(_interrupted(written)) from None


def _run(
    flags: Mapping[str, Any],
    *,
    file: Path | None,
    base_model: str | None,
    allow_incomplete: bool,
    written: list[Path],
) -> int:
    """`written` gets the output folder as soon as something is in it."""
    from clara_model.training.resolve import read_config_file, resolve_config

    given = {key: value for key, value in flags.items() if value is not None}
    named = {**(read_config_file(file) if file else {}), **given}
    if not named.get("data"):
        raise UsageError("name the data set: clara train DATA --output OUT")
    if not named.get("output"):
        raise UsageError("name the folder of the checkpoints: --output OUT")
    places, output = local_places(named)
    data_set = data_location(str(named["data"]), allow_incomplete=allow_incomplete)
    base = choose_base(
        base_model or named.get("base_model"),
        places.get("init_from") or named.get("init_from"),
        named.get("device"),
    )
    resolved = resolve_config(
        preset="small" if base.notice else None,
        file=file,
        flags={**given, **places, "data": str(data_set), "base_model": base.base},
    )
    config = resolved.config
    check_data_set(data_set, config, allow_incomplete=allow_incomplete)
    console = show_on_terminal()
    for line in (base.notice, *resolved.notices):
        if line:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    if output is None:
        _train(config, _write_config(config), written, console)
        for stage in config.stages:
            print(config.output / stage / "model")
        return EXIT_DONE
    from flows.remote_output import mirrored

    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    with mirrored(output, config, say):
        _train(config, _write_config(config), written, console)
    for stage in config.stages:
        print(output.uri(f"{stage}/model"))
    return EXIT_DONE


def _train(config: TrainConfig, config_path: Path, written: list[Path], console: Console) -> None:
    written.append(config_path.parent)
    devices = _cuda_devices(config)
    if devices > 1:
        launch(accelerate_command(config_path, devices))
        return
    from clara_model.training.run import run_stages

    run_stages(config, console=console)


def local_places(named: Mapping[str, Any]) -> tuple[dict[str, str], Location | None]:
    """Local folders for what is named in storage, and OUT where that is there.

    Raises StorageError, TransferIncomplete.
    """
    from tasks.local_copies import local_checkpoint
    from tasks.storage import Location

    places: dict[str, str] = {}
    if (start := str(named.get("init_from") or "")) and "://" in start:
        places["init_from"] = str(local_checkpoint(start).absolute())
    if "://" not in str(named["output"]):
        return places, None
    from flows.stage_places import working_folder

    output = Location(str(named["output"]))
    output.make()
    places["output"] = str(working_folder(output))
    return places, None if output.is_local else output


def data_location(data: str, *, allow_incomplete: bool) -> Path:
    """The data set's folder, or the stage file, in full and on this machine.

    A remote one is downloaded once, an archive unpacked once. Raises UsageError, StorageError.
    """
    from tasks.archives import is_archive
    from tasks.local_copies import local_data_set

    if "://" in data or is_archive(data):
        return local_data_set(data, allow_incomplete=allow_incomplete).absolute()
    path = Path(data).expanduser().absolute()
    if not path.exists():
        raise UsageError(f"DATA {data!r} does not exist: name the folder that clara ingest wrote")
    if path.is_dir() and not (path / MANIFEST_FILE).is_file() and not allow_incomplete:
        raise UsageError(
            f"the data set in {data!r} is not complete (it has no {MANIFEST_FILE}): a run is "
            "writing it, or one was stopped. Run the same `clara ingest` command again, or train "
            "on it as it is with --allow-incomplete"
        )
    return path


def check_data_set(path: Path, config: TrainConfig, *, allow_incomplete: bool) -> None:
    """Raises UsageError where a file is not the one that the manifest describes.

    A stage file on its own has no manifest, and serves one stage.
    """
    if path.is_file():
        if len(config.stages) != 1:
            raise UsageError(
                f"DATA {str(path)!r} is a single file, and the stages {', '.join(config.stages)} "
                "read one each: name the stage with --stages, or the data set's folder"
            )
        return
    if not (path / MANIFEST_FILE).is_file():
        return
    from clara_model.data.files import STAGE_FILES

    manifest = parse_manifest((path / MANIFEST_FILE).read_bytes(), where=str(path / MANIFEST_FILE))
    for name in (STAGE_FILES[stage] for stage in config.stages):
        file, entry = path / name, manifest.files.get(name)
        if not file.is_file():
            continue  # the trainer says which file a stage lacks
        with file.open("rb") as stream:
            same = entry is not None and measure_file(stream, counts_rows=False).sha256 == (
                entry.sha256
            )
        if not same and not allow_incomplete:
            raise UsageError(
                f"{file} is not the file that {MANIFEST_FILE} describes: run the same `clara "
                "ingest` command again, or train on it as it is with --allow-incomplete"
            )


def choose_base(base_model: str | None, init_from: str | None, device: str | None) -> BaseChoice:
    """The base that is named, or recorded in the checkpoint, or SmolLM2 where there is no CUDA.

    Both may be remote: they are downloaded once. Raises UsageError where nothing is named on a
    machine with CUDA, BaseModelError for a base that is not here, StorageError.
    """
    from flows.prepare_model import base_of_checkpoint, default_base, find_base
    from tasks.local_copies import local_base_model, local_checkpoint

    if base_model:
        base_model = local_base_model(base_model)
    if init_from:
        return BaseChoice(base_of_checkpoint(str(local_checkpoint(init_from)), base_model))
    if base_model:
        return BaseChoice(find_base(base_model))
    import torch

    if torch.cuda.is_available() and device != "cpu":
        raise UsageError(
            "name the base model with --base-model: a folder, a name on the hub, or smollm2 "
            "(`clara model list` shows what is here)"
        )
    return BaseChoice(
        str(default_base()),
        notice="No base model is named and there is no CUDA device here: the base is "
        "SmolLM2-135M-Instruct (Apache-2.0), from its wheel, with the preset small.",
    )


def accelerate_command(config_path: Path, devices: int) -> list[str]:
    """One process for each CUDA device of this machine."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    shape = ["--num_processes", str(devices), "--num_machines", "1", "--mixed_precision", "no"]
    return [*launcher, *shape, "-m", "clara_model.train", str(config_path)]


def launch(command: list[str]) -> int:
    """Runs the trainer's processes; Ctrl-C and SIGTERM reach all of them, so that they save.

    Returns 0. Raises TrainingInterrupted, TrainingFailed.
    """
    from clara_model.errors import TrainingFailed, TrainingInterrupted

    # A group of its own: the terminal's Ctrl-C comes from here, once, and not from two sides.
    process = subprocess.Popen(command, start_new_session=True)
    interrupted = False

    def forward(number: int, _frame: object) -> None:
        nonlocal interrupted
        interrupted = True
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted:
        raise TrainingInterrupted("interrupted; the same command goes on from the last checkpoint")
    if code:
        raise TrainingFailed(
            f"training on several devices ended with code {code}; the lines above say why"
        )
    return EXIT_DONE


def _cuda_devices(config: TrainConfig) -> int:
    if config.device not in ("auto", "cuda"):
        return 0
    import torch

    return torch.cuda.device_count()


def _interrupted(written: list[Path]) -> str:
    """What an interruption leaves to go on from."""
    kept = ("*/checkpoints/step-[0-9]*", "*/result.json")
    if any(next(output.glob(pattern), None) for output in written for pattern in kept):
        return "interrupted; the same command goes on from the last checkpoint"
    return "interrupted before there was a checkpoint; the same command begins anew"


def _write_config(config: TrainConfig) -> Path:
    """What the run is made of, beside its checkpoints: a --config file that repeats it.

    Raises ConfigError where a run is going on in that folder: the file is that run's.
    """
    from filelock import FileLock, Timeout

    from clara_model.errors import ConfigError

    output = config.output.expanduser().absolute()
    # From wherever the file is used, it means the same folders.
    whole = config.model_copy(update={"output": output, "init_from": _in_full(config.init_from)})
    path = output / CONFIG_FILE
    try:
        output.mkdir(parents=True, exist_ok=True)
        with FileLock(output / TRAINING_LOCK, timeout=0), atomic_file(path) as file:
            file.write((whole.model_dump_json(indent=2) + "\n").encode())
    except Timeout:
        raise ConfigError(
            f"Another training runs in {config.output}: wait for it, or name another output folder."
        ) from None
    except OSError as error:
        raise OutputNotWritable(
            f"OUT {str(config.output)!r} cannot be written to: {error.strerror or error}"
        ) from error
    return path


def _in_full(folder: str | None) -> str | None:
    return str(Path(folder).expanduser().absolute()) if folder else folder

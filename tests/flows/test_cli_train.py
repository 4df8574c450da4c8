"""`clara train`: its options, what it checks first, a whole small run, several devices."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from clara_model import Clara, train
from clara_model.config import ClaraConfig
from clara_model.errors import TrainingFailed, TrainingInterrupted
from clara_model.tracking.options import TrackingOptions
from clara_model.training.config import ModelOptions, TrainConfig
from clara_model.training.options import TrainOptions
from flows import cli_train, prepare_model
from flows.train_options import flag_of, training_fields
from tasks.errors import UsageError
from tests.support.corpora import ROOT, clara
from tests.support.tiny_models import tiny_base
from tests.support.tiny_training import write_dataset
from tests.support.training_flows import describe_dataset

Command = Callable[..., tuple[int, str, str]]
SMALL = (
    *("--doc-max-length", "48", "--compression-rate", "16", "--lora-r", "4", "--candidates", "4"),
    *("--dtype", "float32", "--device", "cpu", "--max-steps", "1", "--batch-size", "2"),
    *("--sample-answers", "0", "--evaluation-rows", "2", "--wandb", "off", "--no-chart"),
    *("--workers", "0", "--progress", "off"),
)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `clara train` in this process: code, stdout, stderr."""
    from flows.cli import main

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["clara", "train", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A complete data set: its manifest names its files by their hashes."""
    return describe_dataset(write_dataset(tmp_path / "data", rows=4))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_base(tmp_path / "base", "llama")


def test_every_option_of_training_is_a_flag_with_words() -> None:
    shown = clara("train", "--help", COLUMNS="400").stdout
    offered = {name: help_ for name, _, help_ in training_fields()}
    wanted = {
        name
        for model in (ModelOptions, TrackingOptions, TrainOptions)
        for name in model.model_fields
    }
    assert wanted <= set(offered)
    sections = {"model", "tracking", "compression", "instruction", "end_to_end", "reasoning"}
    own = {"data", "output", "base_model", "stages"}
    assert set(TrainConfig.model_fields) - sections - own <= set(offered)
    assert set(ClaraConfig.model_fields) <= set(offered)
    for name, help_ in offered.items():
        assert f"{flag_of(name)} " in shown
        assert len(help_.split()) > 3 and not help_.startswith(("Default", "Presets")), name


def test_help_of_training_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['clara', 'train', '--help']\n"
        "from flows.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = ('torch', 'transformers', 'numpy', 'prefect', 'peft', 'matplotlib', 'wandb')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_all_stages_leave_checkpoints_and_are_skipped_a_second_time(
    command: Command, data: Path, base: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    code, said, told = command(data, "--base-model", base, "-o", output, *SMALL)
    assert code == 0, told
    folders = [Path(line) for line in said.splitlines()]
    assert [folder.parent.name for folder in folders] == [
        "compression",
        "instruction",
        "end_to_end",
    ]
    for folder in folders:
        assert Clara.load(folder).stage == folder.parent.name
    # What the run was made of repeats it, and nothing is trained twice.
    code, again, told = command("--config", output / "train_config.json")
    assert (code, again) == (0, said)
    assert told.count("skipped") == 3
    # Another run from a checkpoint; an alias says which stage it means.
    code, said, told = command(
        *(data / "end_to_end_data.jsonl", "--stages", "stage3", "--init-from", folders[0]),
        *("-o", tmp_path / "other", *SMALL[8:]),
    )
    assert code == 0, told
    assert "stage3 is the stage end_to_end" in told
    assert Clara.load(said.strip()).base_name == str(base)


def test_what_is_wrong_is_said_before_anything_is_trained(
    command: Command, data: Path, base: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    usual = ("--base-model", base, "-o", output, *SMALL)
    incomplete = write_dataset(tmp_path / "incomplete", rows=4)
    (incomplete / "manifest.json").unlink()
    for arguments, said in (
        (("-o", output), "name the data set"),
        ((data,), "--output OUT"),
        ((tmp_path / "no-such", *usual), "does not exist"),
        ((tmp_path / "no-such.tar.gz", *usual), "does not exist"),
        ((incomplete, *usual), "--allow-incomplete"),
        ((data / "eval_data.jsonl", *usual), "single file"),
        ((data, *usual, "--stages", "stage9"), "'stage9' is no stage"),
        ((data, *usual, "--learning-rate", "-1"), "learning_rate"),
        ((data, *usual, "--config", tmp_path / "no.yaml"), "cannot be read"),
        ((data, "-o", output, "--base-model", "./no-such"), "is no folder here"),
        ((data, "-o", output, "--init-from", tmp_path), "is no checkpoint"),
        ((data, *usual[:2], "-o", base / "config.json", *SMALL), "cannot be written to"),
    ):
        code, _, told = command(*arguments)
        assert (code, said in told) == (2, True), told
        assert "Traceback" not in told
    assert not list(output.glob("*/"))


def test_a_data_set_that_was_changed_is_not_trained_on_in_silence(
    command: Command, data: Path, base: Path, tmp_path: Path
) -> None:
    rows = data / "pretrain_data.jsonl"
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:-1]))
    usual = (data, "--base-model", base, "-o", tmp_path / "out", "--stages", "stage1", *SMALL)
    code, _, told = command(*usual)
    assert code == 2
    assert "pretrain_data.jsonl is not the file that manifest.json describes" in told
    assert command(*usual, "--allow-incomplete")[0] == 0
    (data / "manifest.json").write_text("{")
    assert command(*usual)[0] == 1


def test_without_a_base_the_default_one_serves_where_there_is_no_cuda(
    command: Command, data: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_model, "default_base", lambda: base)
    output = tmp_path / "out"
    code, _, told = command(data, "-o", output, "--stages", "compression", *SMALL)
    assert code == 0, told
    assert "the base is SmolLM2-135M-Instruct" in told
    assert "reset small" in told
    config = json.loads((output / "train_config.json").read_text())
    assert (config["preset"], config["base_model"]) == ("small", str(base))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(UsageError, match="--base-model"):
        cli_train.choose_base(None, None, None)
    assert cli_train.choose_base(None, None, "cpu").base == str(base)


def test_several_devices_are_several_processes(
    command: Command, data: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelerate.commands.launch import launch_command_parser

    launched: list[list[str]] = []

    def launch(parts: list[str]) -> int:
        launched.append(parts)
        return 0

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(cli_train, "launch", launch)
    arguments = [*SMALL]
    arguments[arguments.index("cpu")] = "auto"
    code, _, told = command(data, "--base-model", base, "-o", tmp_path / "out", *arguments)
    assert code == 0, told
    [parts] = launched
    assert parts[1:4] == ["-m", "accelerate.commands.launch", "--multi_gpu"]
    assert parts[parts.index("--num_processes") + 1] == "2"
    assert parts[-2:] == ["clara_model.train", str(tmp_path / "out" / "train_config.json")]
    understood = launch_command_parser().parse_args(parts[3:])
    assert (understood.module, understood.training_script) == (True, "clara_model.train")


def test_a_signal_reaches_the_processes_and_a_failure_is_said(tmp_path: Path) -> None:
    ready, saved = tmp_path / "ready", tmp_path / "saved"
    child = (
        "import signal, sys, time, pathlib\n"
        "def save(*_):\n"
        f"    pathlib.Path({str(saved)!r}).touch(); sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(60)\n"
    )
    parent = (
        "import sys\n"
        "from clara_model.errors import ModelError\n"
        "from flows.cli_train import launch\n"
        "try:\n"
        f"    launch([sys.executable, '-c', {child!r}])\n"
        "except ModelError as error:\n"
        "    sys.exit(error.exit_code)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=ROOT)
    deadline = time.monotonic() + 60
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=60) == TrainingInterrupted.exit_code
    assert saved.exists()
    with pytest.raises(TrainingFailed, match="ended with code 3"):
        cli_train.launch([sys.executable, "-c", "raise SystemExit(3)"])
    assert cli_train.launch([sys.executable, "-c", ""]) == 0


def test_sigterm_before_the_first_step_is_an_interruption(
    command: Command, data: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clara_model.training import run as training

    def stopped(*_arguments: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(training, "run_stages", stopped)
    output = tmp_path / "out"
    usual = (data, "--base-model", base, "-o", output, *SMALL)
    code, _, told = command(*usual)
    assert (code, "the same command begins anew" in told) == (130, True), told
    (output / "compression" / "checkpoints" / "step-000003").mkdir(parents=True)
    code, _, told = command(*usual)
    assert (code, "goes on from the last checkpoint" in told) == (130, True), told
    assert train.main([str(output / "train_config.json")]) == 130
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_run_that_is_going_on_keeps_its_configuration(
    command: Command, data: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    from clara_model.training import run as training

    monkeypatch.setattr(training, "run_stages", lambda *_a, **_o: [])
    monkeypatch.chdir(tmp_path)
    usual = (data, "--base-model", base, "-o", "out", *SMALL)
    assert command(*usual)[0] == 0
    written = (tmp_path / "out" / "train_config.json").read_text()
    # It means the same folder wherever it is used from.
    assert json.loads(written)["output"] == str(tmp_path / "out")
    with FileLock(tmp_path / "out" / cli_train.TRAINING_LOCK):
        code, _, told = command(*usual, "--epochs", "7")
    assert (code, "Another training runs in out" in told) == (2, True), told
    assert (tmp_path / "out" / "train_config.json").read_text() == written

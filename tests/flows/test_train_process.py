"""The trainer's process: what it is given, what is heard of it, how it is ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clara_model.errors import ConfigError, TrainingFailed
from flows import stage_trainer
from flows.stage_trainer import StageStopped, processes_here, run_trainer
from flows.trainer_process import TrainerEnd, TrainerProcess, launch_command, trainer_environment
from tests.support.corpora import ROOT


def _script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def _wait_for(said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_every_line_is_said_once_in_order_and_never_waited_for(tmp_path: Path) -> None:
    # More than a pipe holds, before anybody looks.
    script = (
        "import sys\n"
        "for n in range(20000): print('line', n)\n"
        "sys.stderr.write('Error: half a line')\n"
        "sys.exit(2)\n"
    )
    said: list[str] = []
    log = tmp_path / "stage" / "trainer.log"
    with TrainerProcess(_script(script), log=log, say=said.append) as trainer:
        end = trainer.wait()
    assert said == [*(f"line {n}" for n in range(20000)), "Error: half a line"]
    assert (end.code, end.sentence, end.was_killed) == (2, "half a line", False)
    # A second attempt says only what it says itself.
    said.clear()
    with TrainerProcess(_script("print('again')"), log=log, say=said.append) as trainer:
        trainer.wait()
    assert said == ["again"]
    assert len(log.read_text().splitlines()) == 20001


def test_no_key_is_given_to_a_trainer_or_said(tmp_path: Path) -> None:
    keys = {
        "PREFECT_API_KEY": "pnu_0123456789",
        "PREFECT_API_URL": "http://127.0.0.1:1/api",
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-aws",
        "OPENAI_API_KEY": "sk-0123456789",
        "WANDB_API_KEY": "wandb-0123456789",
        "TOKENIZERS_PARALLELISM": "false",
    }
    given = trainer_environment({**os.environ, **keys})
    assert not [name for name in given if name.startswith("PREFECT_")]
    assert {"AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY"}.isdisjoint(given)
    assert given["WANDB_API_KEY"] == keys["WANDB_API_KEY"]
    assert given["TOKENIZERS_PARALLELISM"] == "false"
    said: list[str] = []
    script = (
        "import os; print('key', os.environ['WANDB_API_KEY'], 'a-secret-of-aws', "
        "'at https://me:hunter22@host/x')"
    )
    log = tmp_path / "trainer.log"
    with TrainerProcess(
        _script(script), log=log, say=said.append, environment={**os.environ, **keys}
    ) as trainer:
        trainer.wait()
    assert said == ["key *** *** at https://***@host/x"]


def test_a_trainer_that_is_stopped_saves_and_one_that_does_not_end_is_killed(
    tmp_path: Path,
) -> None:
    saving = (
        "import signal, sys, time\n"
        "def save(*_):\n"
        "    print('saved'); sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "print('ready')\n"
        "while True: time.sleep(0.05)\n"
    )
    said: list[str] = []
    log = tmp_path / "trainer.log"
    with TrainerProcess(_script(saving), log=log, say=said.append) as trainer:
        end = trainer.wait(lambda: "ready" in said)
    assert (said, end.code) == (["ready", "saved"], 130)
    stubborn = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', "
        "'import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(300)'])\n"
        "print(child.pid)\n"
        "time.sleep(300)\n"
    )
    said.clear()
    with TrainerProcess(_script(stubborn), log=log, say=said.append, grace_s=0.5) as trainer:
        end = trainer.wait(lambda: bool(said))
    assert end.code == -signal.SIGKILL
    _wait_for(lambda: not _lives(int(said[0])))


def test_whatever_leaves_the_block_ends_the_trainer(tmp_path: Path) -> None:
    log = tmp_path / "trainer.log"
    pids: list[int] = []
    with (
        pytest.raises(KeyboardInterrupt),
        TrainerProcess(_script("import time; time.sleep(300)"), log=log, say=print) as trainer,
    ):
        pids.append(trainer.pid)
        raise KeyboardInterrupt
    assert not _lives(pids[0])


def test_helpers_do_not_outlive_a_killed_launcher(tmp_path: Path) -> None:
    launcher = (
        "import os, signal, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    said: list[str] = []
    with TrainerProcess(
        _script(launcher), log=tmp_path / "trainer.log", say=said.append
    ) as trainer:
        end = trainer.wait()
    assert (end.code, end.was_killed, end.how()) == (-9, True, "was ended by SIGKILL")
    _wait_for(lambda: not _lives(int(said[0])))


def test_a_trainer_ends_with_a_flow_that_is_killed(tmp_path: Path) -> None:
    ready, saved = tmp_path / "ready", tmp_path / "saved"
    trainer = (
        "import pathlib, os, signal, sys, time\n"
        "from clara_model.training.lifeline import watch_lifeline\n"
        "def save(*_):\n"
        f"    pathlib.Path({str(saved)!r}).touch(); sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, save)\n"
        "watch_lifeline()\n"
        f"pathlib.Path({str(ready)!r}).write_text(str(os.getpid()))\n"
        "while True: print('.'); time.sleep(0.05)\n"
    )
    flow = (
        "import pathlib, sys\n"
        "from flows.trainer_process import TrainerProcess\n"
        f"log = pathlib.Path({str(tmp_path / 'trainer.log')!r})\n"
        f"command = [sys.executable, '-c', {trainer!r}]\n"
        "with TrainerProcess(command, log=log, say=print) as running:\n"
        "    running.wait()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", flow], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _wait_for(lambda: ready.exists() and bool(ready.read_text()))
        pid = int(ready.read_text())
        process.kill()
        process.wait()
        _wait_for(lambda: not _lives(pid))
    finally:
        process.kill()
    assert saved.exists()


def test_which_end_can_be_gone_on_from() -> None:
    ends = {
        TrainerEnd(0, None, ""): False,
        TrainerEnd(-9, None, ""): True,
        TrainerEnd(130, None, ""): True,
        TrainerEnd(130, "interrupted after step 3", ""): True,
        TrainerEnd(1, "no room", ""): False,
        TrainerEnd(1, None, "Traceback"): False,
        # torchrun's own code is 1, whatever ended its children.
        TrainerEnd(1, None, "", child_signal=9): True,
    }
    assert {end: end.was_killed for end in ends} == ends


def test_a_launcher_tells_how_its_children_ended(tmp_path: Path) -> None:
    for line, number in (
        ("  exitcode  : -9 (pid: 311)", 9),
        ("  exitcode  : 130 (pid: 311)", 15),
        ("  exitcode  : 1 (pid: 311)", None),
        ("  traceback : Signal 9 (SIGKILL) received by PID 311", 9),
    ):
        script = f"print({line!r}); raise SystemExit(1)"
        log = tmp_path / "trainer.log"
        with TrainerProcess(_script(script), log=log, say=lambda line: None) as trainer:
            assert trainer.wait().child_signal == number


def test_several_processes_need_a_launcher(tmp_path: Path) -> None:
    from accelerate.commands.launch import launch_command_parser

    config = tmp_path / "train_config.json"
    assert launch_command(config, 1, cuda=False)[1:] == ["-m", "clara_model.train", str(config)]
    several = launch_command(config, 2, cuda=False)
    assert several[1:3] == ["-m", "torch.distributed.run"]
    assert several[-5:] == ["--nproc-per-node", "2", "-m", "clara_model.train", str(config)]
    for count in (1, 4):
        command = launch_command(config, count, cuda=True)
        assert command[1:3] == ["-m", "accelerate.commands.launch"]
        understood = launch_command_parser().parse_args(command[3:])
        assert (understood.num_processes, understood.multi_gpu) == (count, count > 1)
        assert (understood.module, understood.training_script) == (True, "clara_model.train")


def test_how_many_processes_train(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage_trainer, "_cuda_devices", lambda device: 0)
    assert processes_here(None, "auto") == (1, False)
    monkeypatch.setenv("CLARA_TRAIN_PROCESSES", "3")
    assert processes_here(None, "cpu") == (3, False)
    assert processes_here(2, "cpu") == (2, False)
    monkeypatch.setenv("CLARA_TRAIN_PROCESSES", "many")
    with pytest.raises(ConfigError, match="'many'"):
        processes_here(None, "cpu")
    monkeypatch.delenv("CLARA_TRAIN_PROCESSES")
    monkeypatch.setattr(stage_trainer, "_cuda_devices", lambda device: 2)
    assert processes_here(None, "auto") == (2, True)
    with pytest.raises(ConfigError, match="2 CUDA device"):
        processes_here(4, "auto")


def test_a_killed_trainer_starts_again_and_a_failed_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = tmp_path / "count"
    starts = f"import os, pathlib; count = pathlib.Path({str(count)!r})\n" + (
        "count.write_text(str(int(count.read_text()) + 1) if count.exists() else '1')\n"
    )
    said: list[str] = []

    def run(script: str, stop: bool = False) -> None:
        count.unlink(missing_ok=True)
        said.clear()
        monkeypatch.setattr(
            stage_trainer, "launch_command", lambda *_a, **_o: _script(starts + script)
        )
        run_trainer(
            tmp_path / "config.json",
            tmp_path,
            processes=1,
            cuda=False,
            say=said.append,
            should_stop=lambda: stop,
        )

    run("if count.read_text() != '3': os.kill(os.getpid(), 9)\n")
    assert count.read_text() == "3"
    assert (
        said == ["The trainer was ended by SIGKILL: it starts again from its last checkpoint."] * 2
    )
    with pytest.raises(TrainingFailed, match="was ended by SIGKILL, 3 times"):
        run("os.kill(os.getpid(), 9)\n")
    with pytest.raises(TrainingFailed, match=r"^no such row$"):
        run("print('Error: no such row'); raise SystemExit(2)\n")
    assert count.read_text() == "1"
    with pytest.raises(TrainingFailed, match=r"ended with code 1 \(ValueError: a bug\)"):
        run("raise ValueError('a bug')\n")
    with pytest.raises(StageStopped):
        run("import time; time.sleep(300)\n", stop=True)

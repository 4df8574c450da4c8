"""A trainer ends with the process that started it: with a checkpoint, within its grace."""

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

from clara_model.errors import ConfigError
from clara_model.training.lifeline import LIFELINE, watch_lifeline
from tests.support.corpora import ROOT
from tests.support.tiny_training import run_options


def _start(*arguments: str, stdout: int | None = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, LIFELINE: "stdin", "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _wait_for(said: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 120
    while not said():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def test_a_trainer_whose_starter_died_saves_and_ends(tmp_path: Path) -> None:
    options = run_options(
        tmp_path, stages=["compression"], epochs=5000, checkpoint_every_steps=2, evaluation_rows=0
    )
    config = tmp_path / "run.json"
    config.write_text(json.dumps(options))
    trainer = _start("-m", "clara_model.train", str(config), stdout=subprocess.DEVNULL)
    states = tmp_path / "out" / "compression" / "checkpoints"
    try:
        _wait_for(lambda: any(states.glob("step-*/manifest.json")), "a checkpoint")
        assert trainer.stdin is not None
        trainer.stdin.close()
        assert trainer.wait(60) == 130
    finally:
        trainer.kill()
        trainer.wait()
    state = max(states.glob("step-*"))
    assert (state / "manifest.json").is_file()
    # What it was at when it was told is saved, not only what was due.
    steps = (tmp_path / "out" / "compression" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(steps[-1])["step"] == int(state.name.removeprefix("step-"))


def test_what_does_not_end_is_killed_with_its_helpers() -> None:
    script = (
        "import signal, subprocess, sys, time\n"
        "from clara_model.training.lifeline import watch_lifeline\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True))\n"
        "helper = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
        "watch_lifeline(grace_s=0.5)\n"
        "print(helper.pid, flush=True)\n"
        "while True: time.sleep(0.1)\n"
    )
    trainer = _start("-c", script)
    try:
        assert trainer.stdout is not None and trainer.stdin is not None
        helper = int(trainer.stdout.readline())
        trainer.stdin.close()
        assert trainer.wait(30) == -signal.SIGKILL
        _wait_for(lambda: not _lives(helper), "the helper's end")
    finally:
        trainer.kill()


def test_lines_that_nobody_reads_any_more_do_not_end_it(tmp_path: Path) -> None:
    done = tmp_path / "done"
    script = (
        "import pathlib, signal, sys, threading\n"
        "from clara_model.training.lifeline import watch_lifeline\n"
        "asked = threading.Event()\n"
        "signal.signal(signal.SIGTERM, lambda *_: asked.set())\n"
        "watch_lifeline()\n"
        "print('ready', flush=True)\n"
        "while not asked.wait(0.05): pass\n"
        "print('saving', flush=True)\n"
        f"pathlib.Path({str(done)!r}).touch()\n"
    )
    trainer = _start("-c", script)
    try:
        assert trainer.stdout is not None and trainer.stdin is not None
        assert trainer.stdout.readline() == "ready\n"
        trainer.stdout.close()
        trainer.stdin.close()
        assert trainer.wait(30) == 0
    finally:
        trainer.kill()
    assert done.exists()


def test_a_lifeline_is_asked_for_and_is_of_one_kind() -> None:
    watch_lifeline({})
    with pytest.raises(ConfigError, match="the only lifeline there is is `stdin`"):
        watch_lifeline({LIFELINE: "a rope"})


def _lives(pid: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False

"""The command with a model: killed, planned, previewed, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support import answerers
from tests.support.corpora import ROOT, clara, rows
from tests.support.llm_peer import LLMPeer, Reply
from tests.support.model_runs import DOCUMENTS, KEY, asked

pytestmark = pytest.mark.usefixtures("prefect_api")


def test_a_killed_run_sends_only_what_was_not_answered(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    answered, heard = 3, 0

    def stalling(body: dict[str, Any]) -> Any:
        """Answers so many passages; the others wait for longer than the run lives."""
        nonlocal heard
        heard += answerers.passage_of(body) is not None
        return answerers.answer(body) if heard <= answered else Reply(delay_s=600)

    with LLMPeer(stalling) as peer:
        arguments = ["--model", "loop", "--base-url", peer.base_url, "--concurrency", "2"]
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "ingest", source, "-o", output, *arguments],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 120
        store = output / ".cache" / "answers"
        while len(list(store.glob("*/*.json"))) < answered and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert len(list(store.glob("*/*.json"))) == answered
    # Another address, the same model: what is stored answers for it, and its log is clean.
    with LLMPeer(answerers.answer) as peer:
        arguments[3] = peer.base_url
        done = clara("ingest", source, "-o", output, *arguments)
        assert done.returncode == 0, done.stderr
        assert len(asked(peer)) == DOCUMENTS - answered
    assert len(rows(output, "clara_training_data")) == DOCUMENTS


def test_plan_counts_and_calls_nothing_and_preview_pays_once(
    source: Path, tmp_path: Path, peer: LLMPeer
) -> None:
    variables = {"MODEL": "loop", "BASE_URL": peer.base_url, "OPENAI_API_KEY": KEY}
    where = ("-o", tmp_path / "out")
    plan = clara("plan", source, *where, "--json", "--price-input", "1", "--price-output", "1",
                 **variables)  # fmt: skip
    assert plan.returncode == 0, plan.stderr
    found = json.loads(plan.stdout)
    steps = {step["step"]: step for step in found["steps"]}
    assert steps["synthesize"]["calls"] == found["chunks"] == DOCUMENTS
    assert steps["synthesize"]["cost"] > 0
    assert not peer.log
    shown = clara("preview", source, *where, "--chunks", "2", **variables)
    assert shown.returncode == 0, shown.stderr
    assert len(asked(peer)) == 2
    for wanted in ("synthesize: system", "synthesize: answer", "Kept: 3 pairs", "<passage-"):
        assert wanted in shown.stdout
    done = clara("ingest", source, *where, **variables)
    assert done.returncode == 0, done.stderr
    assert "documents are sent to 127.0.0.1" in done.stderr + done.stdout
    assert KEY not in plan.stdout + plan.stderr + shown.stdout + done.stdout + done.stderr
    assert len(asked(peer)) == DOCUMENTS


def test_exit_codes_and_sentences_of_the_command(source: Path, tmp_path: Path) -> None:
    with LLMPeer(answerers.answer, models=["other"]) as peer:
        missing = clara(
            "ingest", source, "-o", tmp_path / "a", MODEL="loop", BASE_URL=peer.base_url
        )
    assert missing.returncode == 4
    assert "MODEL" in missing.stderr and "other" in missing.stderr
    gone = clara(
        "ingest", source, "-o", tmp_path / "b", MODEL="m", BASE_URL="http://127.0.0.1:9/v1"
    )
    assert gone.returncode == 4
    assert "127.0.0.1:9" in gone.stderr
    for done in (missing, gone):
        assert "Traceback" not in done.stderr + done.stdout
        assert KEY not in done.stderr + done.stdout
    offline = clara("ingest", source, "-o", tmp_path / "c", "--offline", MODEL="m",
                    BASE_URL="https://api.example.com/v1")  # fmt: skip
    assert offline.returncode == 2
    assert "--offline" in offline.stderr


def test_prompts_can_be_copied_and_used(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    assert clara("prompts", "copy", folder).returncode == 0
    assert {path.name for path in folder.iterdir()} == {
        "describe.md",
        "judge.md",
        "repair.md",
        "synthesize.md",
        "two_hops.md",
    }
    again = clara("prompts", "copy", folder)
    assert again.returncode == 2
    assert "is there already" in again.stderr

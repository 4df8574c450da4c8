"""`kill -9` at several points: the next run continues, and ends with the same bytes.

What is killed is the real command; what continues is the same flow in this process.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.ingest import ingest
from tests.support.corpora import ROOT, clara, data_bytes, write_corpus

pytestmark = pytest.mark.usefixtures("prefect_api", "kept_workers")

DOCUMENTS = 8


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """A source, and the data that an undisturbed run makes of it."""
    folder = tmp_path_factory.mktemp("resume")
    source = write_corpus(folder / "source", DOCUMENTS)
    done = clara("ingest", source, "-o", folder / "out", "--workers", "1")
    assert done.returncode == 0, done.stderr
    return source, data_bytes(folder / "out")


def run(source: Path, output: Path) -> dict[str, Any]:
    return ingest(source=str(source), output=str(output), workers=1)


def entries(output: Path, step: str) -> int:
    return sum(1 for _ in (output / ".cache" / step).glob("*/*.json"))


def kill_when(source: Path, output: Path, condition: Callable[[], bool]) -> bool:
    """Starts a run and kills it, and only it, with SIGKILL once the condition holds.

    False where the run was over before: on a busy machine the moment may pass unseen.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "ingest", source, "-o", output, "--workers", "1"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and not condition():
        assert time.monotonic() < deadline, "the point to kill at was never seen"
        time.sleep(0.002)
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), errors
    return process.returncode != 0 and not (output / "manifest.json").exists()


# Each: at which sight the run is killed, and which step must not be done anew in full after it.
POINTS: dict[str, tuple[Callable[[Path], bool], str]] = {
    "while extracting": (lambda out: entries(out, "extract") >= 3, "extract"),
    "after chunking": (lambda out: entries(out, "chunk") >= DOCUMENTS, "extract"),
    "while writing rows": (
        lambda out: (out / ".staging" / "clara_training_data.jsonl").exists(),
        "synthesize",
    ),
    "while writing stage files": (
        lambda out: (out / ".staging" / "pretrain_data.jsonl").exists(),
        "synthesize",
    ),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_is_continued(
    whole: tuple[Path, dict[str, bytes]], tmp_path: Path, point: str
) -> None:
    source, expected = whole
    output = tmp_path / "out"
    condition, kept = POINTS[point]
    for _ in range(5):
        if kill_when(source, output, lambda: condition(output)):
            break
        shutil.rmtree(output)
    else:
        pytest.fail(f"no run of five could be killed {point}")
    assert run(source, output)["steps"][kept]["reused"] > 0
    assert data_bytes(output) == expected
    assert (output / "manifest.json").exists()
    assert not list(output.glob(".clara-*.tmp"))


def test_a_kill_between_two_renames_leaves_no_manifest_and_is_mended(
    whole: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    """The moment itself is too short to hit: the state that it leaves is made by hand."""
    source, expected = whole
    output = tmp_path / "out"
    run(source, output)
    (output / ".staging" / "previous_manifest.json").write_bytes(
        (output / "manifest.json").read_bytes()
    )
    (output / "manifest.json").unlink()
    (output / "eval_data.jsonl").unlink()
    assert run(source, output)["steps"]["synthesize"]["done"] == 0
    assert data_bytes(output) == expected
    sources = json.loads((output / "manifest.json").read_text())["sources"]
    assert {entry["status"] for entry in sources.values()} == {"unchanged"}


def test_ctrl_c_ends_with_130_and_leaves_the_server_running(
    whole: tuple[Path, dict[str, bytes]], tmp_path: Path
) -> None:
    from flows import local_server

    source, expected = whole
    output = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "ingest", source, "-o", output, "--workers", "1"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while entries(output, "extract") < 2 and time.monotonic() < deadline:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert local_server.status()[1]
    assert clara("ingest", source, "-o", output, "--workers", "1").returncode == 0
    assert data_bytes(output) == expected

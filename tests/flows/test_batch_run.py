"""`--batch-api` as a run sees it: submitted by one, collected by the next, paid once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.ingest import ingest
from tasks.errors import UsageError
from tasks.settings import settings
from tests.support import answerers
from tests.support.batch_peer import KEY, BatchPeer, batch_peer, completion
from tests.support.corpora import clara, rows, write_corpus

pytestmark = pytest.mark.usefixtures("prefect_api", "kept_workers")

DOCUMENTS = 4


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "source", DOCUMENTS)


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchPeer]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings.cache_clear()
    with batch_peer() as started:
        started.answer = lambda body: (200, completion(answerers.answer(body)))
        yield started
    settings.cache_clear()


def run(source: Path, output: Path, peer: BatchPeer, **options: Any) -> dict[str, Any]:
    given = {"model": "loop", "base_url": peer.base_url, "batch_api": True, **options}
    return ingest(source=str(source), output=str(output), workers=1, **given)


def test_submitted_by_one_run_and_collected_by_a_later_one(
    source: Path, tmp_path: Path, peer: BatchPeer
) -> None:
    output = tmp_path / "out"
    first = run(source, output, peer)
    assert first["outcome"] == "waiting"
    assert f"{DOCUMENTS} calls wait in batch_1" in first["waiting"]
    assert not (output / "manifest.json").exists()
    assert run(source, output, peer)["outcome"] == "waiting"
    assert len(peer.batches) == 1
    peer.finish()
    done = run(source, output, peer, price_input=1.0, price_output=1.0)
    assert done["outcome"] == "done"
    assert len(rows(output, "clara_training_data")) == DOCUMENTS
    assert set(Counter(peer.submitted_keys).values()) == {1}
    # Only preflight asked directly.
    assert peer.count("POST", "/v1/chat/completions") == 3
    manifest = json.loads((output / "manifest.json").read_text())
    steps = {step["step"]: step for step in manifest["usage"]["now"]["by_step"]}
    assert steps["synthesize"]["calls"] == DOCUMENTS
    assert manifest["cost"]["now"] > 0
    assert run(source, output, peer)["outcome"] == "unchanged"


def test_a_run_that_may_wait_does_it_in_one(source: Path, tmp_path: Path, peer: BatchPeer) -> None:
    peer.finish_at_once = True
    done = run(source, tmp_path / "out", peer, batch_wait_s=60.0)
    assert done["outcome"] == "done"
    assert len(peer.batches) == 1


def test_what_a_batch_left_open_is_submitted_again(
    source: Path, tmp_path: Path, peer: BatchPeer
) -> None:
    output = tmp_path / "out"
    run(source, output, peer)
    peer.finish(status="expired", answered=1)
    assert run(source, output, peer)["outcome"] == "waiting"
    assert sorted(Counter(peer.submitted_keys).values()) == [1, 2, 2, 2]
    peer.finish("batch_2")
    assert run(source, output, peer)["outcome"] == "done"
    assert len(rows(output, "clara_training_data")) == DOCUMENTS


def test_a_line_that_always_fails_is_given_up(
    source: Path, tmp_path: Path, peer: BatchPeer
) -> None:
    def failing(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if "K001" in (answerers.passage_of(body) or ""):
            return 500, {"error": {"message": "out of memory"}}
        return 200, completion(answerers.answer(body))

    peer.answer, peer.finish_at_once = failing, True
    assert run(source, tmp_path / "out", peer, batch_wait_s=60.0)["outcome"] == "done"
    assert len(rows(tmp_path / "out", "clara_training_data")) == DOCUMENTS - 1
    assert len(peer.batches) == 3
    assert "call_failed" in {reject["reason"] for reject in rows(tmp_path / "out", "rejects")}


def test_the_command_says_that_it_waits(source: Path, tmp_path: Path, peer: BatchPeer) -> None:
    arguments = ("--model", "loop", "--base-url", peer.base_url, "--batch-api")
    done = clara("ingest", source, "-o", tmp_path / "out", *arguments)
    assert done.returncode == 3
    assert "run the same command again" in done.stderr
    assert KEY not in done.stderr + done.stdout


def test_what_cannot_go_together_is_refused(source: Path, tmp_path: Path, peer: BatchPeer) -> None:
    with pytest.raises(UsageError, match="--fresh"):
        run(source, tmp_path / "out", peer, fresh=True)
    with pytest.raises(UsageError, match="--batch-api"):
        run(source, tmp_path / "out", peer, synthesizer="extractive")

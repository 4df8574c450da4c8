"""What fails: a call, an item, the key, the endpoint, the budget; and how a run goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.endpoint.failures import EndpointRefused
from tasks.errors import CostLimitReached, PreflightFailed
from tasks.settings import settings
from tests.support import answerers
from tests.support.corpora import data_bytes, rows, write_corpus
from tests.support.llm_peer import LLMPeer, Reply, error
from tests.support.model_runs import DOCUMENTS, asked, run

pytestmark = pytest.mark.usefixtures("prefect_api", "kept_workers", "short_waits")


def test_three_calls_in_ten_fail_and_no_chunk_is_lost(source: Path, tmp_path: Path) -> None:
    with LLMPeer(answerers.answer, failure_rate=0.3, seed=5) as peer:
        run(source, tmp_path / "out", peer, call_attempts=20)
        assert len(rows(tmp_path / "out", "clara_training_data")) == DOCUMENTS
        counts = peer.answered()
        assert {counts[exchange.key] for exchange in asked(peer)} == {1}


def test_a_refused_key_stops_before_anything_is_extracted(
    source: Path, tmp_path: Path, peer: LLMPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-9876543210")
    settings.cache_clear()
    with pytest.raises(PreflightFailed, match="refused the key of OPENAI_API_KEY") as caught:
        run(source, tmp_path / "out", peer)
    assert "9876543210" not in str(caught.value)
    assert not (tmp_path / "out" / ".cache" / "extract").exists()


def test_an_endpoint_that_dies_stops_the_run_and_the_same_command_continues(
    source: Path, tmp_path: Path
) -> None:
    served = 0

    def dying(body: dict[str, Any]) -> Any:
        nonlocal served
        if answerers.passage_of(body) is None:
            return answerers.answer(body) if served < 3 else error(503, "gone")
        served += 1
        return answerers.answer(body) if served <= 3 else error(503, "gone")

    output = tmp_path / "out"
    with (
        LLMPeer(dying) as peer,
        pytest.raises(EndpointRefused, match="the same command") as caught,
    ):
        run(source, output, peer, concurrency=1, call_attempts=3)
    assert caught.value.exit_code == 1
    assert not (output / "manifest.json").exists()
    with LLMPeer(answerers.answer) as well:
        run(source, output, well, concurrency=1)
        assert len(asked(well)) == DOCUMENTS - 3
    assert len(rows(output, "clara_training_data")) == DOCUMENTS


def test_an_item_that_crashes_the_server_is_asked_for_again_by_every_run(
    source: Path, tmp_path: Path
) -> None:
    poisoned, attempts = True, 0

    def crashing(body: dict[str, Any]) -> Any:
        nonlocal attempts
        if poisoned and "K001" in (answerers.passage_of(body) or ""):
            attempts += 1
            return error(500, "out of memory")
        return answerers.answer(body)

    with LLMPeer(crashing) as peer:
        for times in (1, 2, 3):
            run(source, tmp_path / "out", peer, call_attempts=2)
            assert attempts == 2 * times
            assert len(rows(tmp_path / "out", "clara_training_data")) == DOCUMENTS - 1
        poisoned = False
        run(source, tmp_path / "out", peer, call_attempts=2)
    assert len(rows(tmp_path / "out", "clara_training_data")) == DOCUMENTS
    assert not rows(tmp_path / "out", "rejects")


def test_when_every_item_fails_the_endpoint_does(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "many", 12)

    def answer(body: dict[str, Any]) -> Any:
        no_passage = answerers.passage_of(body) is None
        return answerers.answer(body) if no_passage else error(500, "out of memory")

    with LLMPeer(answer) as peer, pytest.raises(EndpointRefused, match="out of memory"):
        run(source, tmp_path / "out", peer, call_attempts=2, concurrency=1)


def test_an_item_that_is_refused_is_a_reject_and_the_others_go_on(
    source: Path, tmp_path: Path
) -> None:
    def picky(body: dict[str, Any]) -> Any:
        if "K001" in (answerers.passage_of(body) or ""):
            return error(400, "Input data may contain inappropriate content.",
                         code="data_inspection_failed")  # fmt: skip
        return answerers.answer(body)

    with LLMPeer(picky) as peer:
        run(source, tmp_path / "out", peer)
        refused = rows(tmp_path / "out", "rejects")
        assert {r["reason"] for r in refused} == {"content_refused", "no_valid_pair"}
        assert len({r["file_path"] for r in refused}) == 1
        assert len(rows(tmp_path / "out", "clara_training_data")) == DOCUMENTS - 1
        calls = len(peer.log)
        assert run(source, tmp_path / "out", peer)["outcome"] == "unchanged"
        assert len(peer.log) == calls


def test_a_request_that_is_refused_as_such_stops_the_run(source: Path, tmp_path: Path) -> None:
    def strict(body: dict[str, Any]) -> Any:
        if answerers.passage_of(body) is None:
            return answerers.answer(body)
        return error(400, "Unrecognized request argument supplied: top_q", param="top_q")

    with LLMPeer(strict) as peer, pytest.raises(EndpointRefused, match="top_q"):
        run(source, tmp_path / "out", peer)


def test_max_cost_stops_before_the_limit_and_the_same_command_continues(
    source: Path, tmp_path: Path, peer: LLMPeer
) -> None:
    prices = {"price_input": 1000.0, "price_output": 1000.0}
    output = tmp_path / "out"
    # Room for some calls: a request of some 1,400 tokens is reserved by its bytes, and 4 times
    # as dear as it turns out to be.
    limit = 14.0
    with pytest.raises(CostLimitReached) as caught:
        run(source, output, peer, max_cost=limit, concurrency=1, **prices)
    assert caught.value.exit_code == 5
    before = len(asked(peer))
    assert 0 < before < DOCUMENTS
    run(source, output, peer, **prices)
    assert len(asked(peer)) == DOCUMENTS
    assert len(rows(output, "clara_training_data")) == DOCUMENTS


def test_a_page_in_place_of_an_answer_is_made_again(source: Path, tmp_path: Path) -> None:
    with LLMPeer(answerers.answer) as peer:
        run(source, tmp_path / "first", peer, concurrency=1)
    broken = [Reply(), *[Reply(body="<html>login</html>"), Reply(cut=40), Reply(drop="in_body")]]
    with LLMPeer(answerers.answer, script=broken) as peer:
        run(source, tmp_path / "out", peer, concurrency=1)
        assert len(peer.log) == 1 + DOCUMENTS + 3
    assert data_bytes(tmp_path / "out") == data_bytes(tmp_path / "first")

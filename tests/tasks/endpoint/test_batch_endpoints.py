"""Endpoints that have no batch interface, or one of their own making."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.endpoint.batch_submission import BatchLimits
from tasks.endpoint.failures import EndpointRefused
from tasks.endpoint.options import Capabilities
from tests.support.batch_peer import BatchPeer, Fault, batch_peer, error
from tests.support.batch_runs import Run


@pytest.fixture
def peer() -> Iterator[BatchPeer]:
    with batch_peer() as peer:
        yield peer


@pytest.fixture
def run(peer: BatchPeer, tmp_path: Path) -> Run:
    return Run(peer.base_url, tmp_path / "cache")


def test_an_endpoint_without_a_batch_interface(peer: BatchPeer, run: Run) -> None:
    peer.has_batches = False
    with pytest.raises(EndpointRefused, match="--batch-api"):
        run.submit(run.numbered(1))


def test_an_endpoint_that_lists_files_but_makes_no_batches(peer: BatchPeer, run: Run) -> None:
    peer.fault("POST", "/v1/batches", Fault(status=405), times=2)
    for _run in range(2):
        with pytest.raises(EndpointRefused, match="--batch-api"):
            run.submit(run.numbered(1))
    assert peer.count("POST", "/v1/files") == 1  # the file is used again


def test_a_file_that_was_uploaded_long_ago_is_uploaded_anew(peer: BatchPeer, run: Run) -> None:
    peer.fault("POST", "/v1/batches", Fault(status=405))
    with pytest.raises(EndpointRefused):
        run.submit(run.numbered(1))
    peer.files.clear()
    (entry,) = run.ledger_files("open")
    old = f'"intended_at":{time.time() - 40 * 86400:.0f}'
    entry.write_text(re.sub(r'"intended_at":[\d.]+', old, entry.read_text()))
    assert run.submit(run.numbered(1)).batches == 1
    assert len(peer.submitted_keys) == 1


def test_a_file_of_other_parameters_is_not_used(peer: BatchPeer, run: Run) -> None:
    peer.fault("POST", "/v1/batches", Fault(status=405))
    with pytest.raises(EndpointRefused):
        run.submit(run.numbered(1))
    run.capabilities = Capabilities(token_parameter="max_completion_tokens")
    run.submit(run.numbered(1))
    (batch,) = peer.batches.values()
    assert "max_tokens" not in peer.files[batch["input_file_id"]].lines[0]["body"]


def test_a_key_that_may_not_use_it(peer: BatchPeer, run: Run) -> None:
    run.key = "sk-another-secret"
    with pytest.raises(EndpointRefused) as refused:
        run.submit(run.numbered(1))
    assert refused.value.kind == "key"
    cause: BaseException | None = refused.value
    while cause is not None:  # nothing with the key in its headers hangs on it
        assert type(cause).__module__.partition(".")[0] not in ("openai", "httpx2")
        cause = cause.__cause__ or cause.__context__


def test_metadata_is_left_out_where_it_is_refused(peer: BatchPeer, run: Run) -> None:
    peer.metadata_refused = True
    run.limits = BatchLimits(max_lines=1)
    run.submit(run.numbered(2))
    assert [batch["metadata"] for batch in peer.batches.values()] == [None, None]
    assert peer.count("POST", "/v1/batches") == 3  # found out once


def test_a_file_that_is_not_known_everywhere_yet_is_waited_for(peer: BatchPeer, run: Run) -> None:
    late = Fault(status=400, body=error("Cannot find file file-1, or project lacks access to it"))
    peer.fault("POST", "/v1/batches", late, times=2)
    assert run.submit(run.numbered(1)).batches == 1
    assert peer.count("GET", "/v1/batches") == 0
    assert len(peer.batches) == 1


def test_too_many_calls_are_waited_out(peer: BatchPeer, run: Run) -> None:
    slow = Fault(status=429, body=error("Rate limit reached", "rate_limit_exceeded"))
    peer.fault("POST", "/v1/files", slow)
    peer.fault("POST", "/v1/batches", slow)
    assert run.submit(run.numbered(1)).batches == 1
    assert peer.count("GET", "/v1/.*") == 0


def test_an_endpoint_that_dies_is_named_and_the_ledger_keeps_what_was_done(
    peer: BatchPeer, run: Run
) -> None:
    peer.fault("GET", "/v1/batches/batch_1", Fault(status=503), times=3)
    pending = run.numbered(1)
    run.submit(pending)
    with pytest.raises(EndpointRefused) as refused:
        run.collect()
    assert refused.value.kind == "unavailable"
    peer.finish()
    assert run.collect().keys == tuple(pending)

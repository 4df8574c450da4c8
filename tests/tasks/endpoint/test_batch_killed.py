"""Runs that die, or lose an answer, at every point of a batch: nothing is submitted twice.

The endpoint's own record says what it was given: each line of each batch is paid for.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks.endpoint.batch_ledger import BatchLedger, LedgerDamaged
from tasks.endpoint.batch_submission import BatchLimits
from tasks.endpoint.failures import EndpointRefused
from tasks.endpoint.wire import Wire
from tests.support.batch_peer import KEY, BatchPeer, Fault, batch_peer
from tests.support.batch_runs import MODEL, Run, request
from tests.support.corpora import ROOT

CONTENT = "/v1/files/[^/]+/content"


@pytest.fixture
def peer() -> Iterator[BatchPeer]:
    with batch_peer() as peer:
        yield peer


@pytest.fixture
def run(peer: BatchPeer, tmp_path: Path) -> Run:
    return Run(peer.base_url, tmp_path / "cache")


def die_at(peer: BatchPeer, run: Run, method: str, path: str, *, served: bool) -> None:
    """Runs the command in a process that the endpoint kills when that call comes."""
    process: subprocess.Popen[bytes] | None = None

    def kill() -> None:
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)

    peer.fault(method, path, Fault(served=served, hook=kill))
    arguments = [run.base_url, str(run.cache), "4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.batch_runs", *arguments], cwd=ROOT
    )
    assert process.wait(timeout=60) == -signal.SIGKILL


# --- killed ----------------------------------------------------------------------------------


@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches"])
def test_a_run_that_is_killed_is_continued(
    peer: BatchPeer, run: Run, path: str, served: bool
) -> None:
    die_at(peer, run, "POST", path, served=served)
    pending = run.numbered(4)
    run.collect()
    run.submit(pending)
    assert sorted(peer.submitted_keys) == sorted(pending)
    assert len(peer.files) == 1  # nor is the file uploaded twice
    peer.finish()
    assert sorted(run.collect().keys) == sorted(pending)
    assert run.submit(run.unanswered(pending)).batches == 0


def test_a_run_that_is_killed_while_it_collects_loses_nothing(peer: BatchPeer, run: Run) -> None:
    pending = run.numbered(4)
    run.submit(pending)
    peer.finish(status="expired", answered=3)
    die_at(peer, run, "GET", CONTENT, served=True)
    assert len(run.collect().keys) == 3
    left = run.unanswered(pending)
    assert run.submit(left).requests == 1
    assert sorted(peer.submitted_keys) == sorted([*pending, *left])


def test_a_batch_of_a_killed_run_that_has_ended_meanwhile_is_collected_at_once(
    peer: BatchPeer, run: Run
) -> None:
    die_at(peer, run, "POST", "/v1/batches", served=True)
    peer.finish()
    assert len(run.collect().keys) == 4


@pytest.mark.parametrize("served", [False, True])
def test_an_interrupted_run_is_continued(peer: BatchPeer, run: Run, served: bool) -> None:
    pending = run.numbered(4)

    async def interrupted(batches):  # type: ignore[no-untyped-def]
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(batches.submit(pending))
        cancel: Callable[[], object] = lambda: loop.call_soon_threadsafe(task.cancel)  # noqa: E731
        peer.fault("POST", "/v1/batches", Fault(served=served, hook=cancel))
        with pytest.raises(asyncio.CancelledError):
            await task

    run.do(interrupted)
    run.submit(pending)
    assert sorted(peer.submitted_keys) == sorted(pending)


def test_what_is_no_longer_asked_for_is_not_submitted(peer: BatchPeer, run: Run) -> None:
    """The prompt was changed after a run had died before its batch was made."""
    die_at(peer, run, "POST", "/v1/batches", served=False)
    other = run.pending(request(100), request(101))
    run.collect()
    run.submit(other)
    assert sorted(peer.submitted_keys) == sorted(other)
    peer.finish()
    assert sorted(run.collect().keys) == sorted(other)


# --- answers that got lost ---------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/files", "/v1/batches"])
@pytest.mark.parametrize("served", [False, True])
def test_a_lost_answer_is_looked_up_before_the_call_is_made_again(
    peer: BatchPeer, run: Run, path: str, served: bool
) -> None:
    peer.fault("POST", path, Fault(served=served))
    pending = run.numbered(3)
    run.submit(pending)
    assert sorted(peer.submitted_keys) == sorted(pending)
    assert len(peer.files) == 1
    assert peer.count("POST", path) == (1 if served else 2)


@pytest.mark.parametrize("served", [False, True])
def test_a_gateway_that_failed_may_have_passed_it_on(
    peer: BatchPeer, run: Run, served: bool
) -> None:
    pending = run.numbered(3)
    peer.fault("POST", "/v1/batches", Fault(status=502, served=served))
    run.submit(pending)
    assert sorted(peer.submitted_keys) == sorted(pending)


def test_an_endpoint_that_lists_late_is_given_time(peer: BatchPeer, run: Run) -> None:
    peer.fault("POST", "/v1/batches", Fault(served=True))
    peer.listing_skips = 5
    pending = run.numbered(3)
    run.submit(pending)
    assert sorted(peer.submitted_keys) == sorted(pending)


def test_the_batch_is_found_on_a_later_page(peer: BatchPeer, run: Run) -> None:
    peer.fault("POST", "/v1/batches", Fault(served=True))
    peer.page_size = 1
    run.limits = BatchLimits(max_lines=1)
    pending = run.numbered(4)
    run.submit(pending)
    peer.fault("POST", "/v1/batches", Fault(served=True))
    more = pending | run.pending(request(50))
    run.submit(more)
    assert sorted(peer.submitted_keys) == sorted(more)


def test_the_batch_is_found_without_metadata(peer: BatchPeer, run: Run) -> None:
    peer.metadata_refused = True
    peer.fault("POST", "/v1/batches", Fault(served=False))
    pending = run.numbered(3)
    run.submit(pending)
    peer.fault("POST", "/v1/batches", Fault(served=True))
    other = run.pending(request(60))
    run.submit(other)
    assert sorted(peer.submitted_keys) == sorted([*pending, *other])


def test_an_endpoint_that_lists_no_files(peer: BatchPeer, run: Run) -> None:
    peer.fault("GET", "/v1/files", Fault(status=404), times=9)
    peer.fault("POST", "/v1/files", Fault(served=True))
    pending = run.numbered(2)
    run.submit(pending)
    assert sorted(peer.submitted_keys) == sorted(pending)


def test_a_list_that_never_ends_is_left(peer: BatchPeer, run: Run) -> None:
    """A copy of the interface that knows no pages gives the first one again and again."""
    peer.knows_pages = False
    peer.fault("POST", "/v1/files", Fault(served=False))
    peer.fault("POST", "/v1/batches", Fault(served=False))
    pending = run.numbered(2)
    run.submit(pending)
    assert sorted(peer.submitted_keys) == sorted(pending)


def test_a_download_that_breaks_off_is_made_again(peer: BatchPeer, run: Run) -> None:
    pending = run.numbered(3)
    run.submit(pending)
    peer.finish()
    peer.fault("GET", CONTENT, Fault(), times=2)
    assert sorted(run.collect().keys) == sorted(pending)


def test_batches_before_one_that_was_refused_are_kept(peer: BatchPeer, run: Run) -> None:
    run.limits = BatchLimits(max_lines=2)
    pending = run.numbered(6)
    refusal = Fault(status=403, body={"error": {"message": "batches are switched off"}})
    peer.fault("POST", "/v1/files", Fault(hook=lambda: peer.fault("POST", "/v1/batches", refusal)))
    with pytest.raises(EndpointRefused, match="batches are switched off"):
        run.submit(pending)
    run.submit(pending)
    assert sorted(peer.submitted_keys) == sorted(pending)


# --- several runs ------------------------------------------------------------------------------


def test_two_runs_at_once_submit_once(peer: BatchPeer, run: Run) -> None:
    pending = run.numbered(4)
    overlapping = pending | run.pending(request(80))

    async def both() -> None:
        wires = [Wire(run.endpoint, KEY, run.capabilities) for _ in range(2)]
        first, second = (run.batches(wire) for wire in wires)
        await asyncio.gather(first.submit(pending), second.submit(overlapping))
        for wire in wires:
            await wire.close()

    asyncio.run(both())
    assert sorted(peer.submitted_keys) == sorted(overlapping)


def test_shared_storage_needs_no_lock(peer: BatchPeer, run: Run) -> None:
    """What one machine submitted another one collects."""
    run.options = {"cache_uri": f"memory://{uuid.uuid4().hex}"}
    pending = run.numbered(3)
    run.submit(pending)
    assert run.submit(pending).batches == 0
    peer.finish()
    assert sorted(run.collect().keys) == sorted(pending)


def test_a_batch_that_another_machine_took_over_is_left_to_it(peer: BatchPeer, run: Run) -> None:
    run.options = {"cache_uri": f"memory://{uuid.uuid4().hex}"}
    pending = run.numbered(3)
    ledger = BatchLedger(run.endpoint.cache_uri, run.base_url, MODEL)

    def take_over() -> None:
        (entry,) = ledger.open_entries()
        ledger.save(entry.model_copy(update={"writer": "another machine"}))

    slow = Fault(status=500, hook=take_over)
    peer.fault("POST", "/v1/batches", slow)
    run.submit(pending)
    assert peer.batches == {}
    run.submit(pending)  # the other machine died: this one takes over in turn
    assert sorted(peer.submitted_keys) == sorted(pending)


@pytest.mark.parametrize("text", ["", "{}", '{"key": "x", "unheard": 1}'])
def test_a_ledger_that_cannot_be_read_stops_the_run(peer: BatchPeer, run: Run, text: str) -> None:
    pending = run.numbered(2)
    run.submit(pending)
    (entry,) = (run.cache / "batches").glob("*/open/*.json")
    entry.write_text(text)
    for work in (run.collect, lambda: run.submit(pending)):
        with pytest.raises(LedgerDamaged, match=str(entry)):
            work()
    assert len(peer.batches) == 1


def test_contents_that_are_gone_stop_the_run(peer: BatchPeer, run: Run) -> None:
    pending = run.numbered(2)
    run.submit(pending)
    peer.finish()
    (contents,) = (run.cache / "batches").glob("*/contents/*.json")
    contents.unlink()
    with pytest.raises(LedgerDamaged, match="is missing"):
        run.collect()

"""Requests through a batch interface: submitted once, collected by later runs, paid and told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.endpoint.answers import AnswerStore
from tasks.endpoint.batch import Batches
from tasks.endpoint.batch_records import BatchState
from tasks.endpoint.batch_submission import BatchLimits
from tasks.endpoint.budget import Budget, worst_cost
from tasks.endpoint.chat import AnswerPending, ChatAnswer
from tasks.endpoint.limiter import Limiter
from tasks.endpoint.options import Prices
from tasks.endpoint.wire import Wire
from tasks.errors import CostLimitReached
from tasks.llm import LLMClient
from tests.support.batch_peer import KEY, BatchPeer, batch_peer, completion
from tests.support.batch_runs import SHAPE, Run, request


@pytest.fixture
def peer() -> Iterator[BatchPeer]:
    with batch_peer() as peer:
        yield peer


@pytest.fixture
def run(peer: BatchPeer, tmp_path: Path) -> Run:
    return Run(peer.base_url, tmp_path / "cache")


# --- the usual way ---------------------------------------------------------------------------


def test_answers_of_a_batch_land_in_the_store(peer: BatchPeer, run: Run) -> None:
    pending = run.numbered(5)

    submitted = run.submit(pending)
    assert (submitted.requests, submitted.batches) == (5, 1)
    assert sorted(peer.submitted_keys) == sorted(pending)
    assert run.unanswered(pending) == pending

    peer.finish()
    collected = run.collect()
    assert sorted(collected.keys) == sorted(pending)
    assert collected.unanswered == 0
    for key, one in pending.items():
        answer = run.answer(key)
        assert answer is not None and answer.text == f"echo: {one.messages[0].text}"


def test_a_line_is_the_request_that_a_direct_call_would_send(peer: BatchPeer, run: Run) -> None:
    run.options = {"extra_body": {"enable_thinking": False}}
    run.submit(run.pending(request(1, shape=SHAPE)))
    (batch,) = peer.batches.values()
    file = peer.files[batch["input_file_id"]]
    (line,) = file.lines
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
    assert batch["endpoint"] == line["url"]
    assert line["body"]["model"] == "peer-model"
    assert line["body"]["enable_thinking"] is False
    assert line["body"]["response_format"]["json_schema"]["schema"] == SHAPE.json_schema
    assert "第1号水厂" in file.data.decode("utf-8")
    assert file.purpose == "batch"
    assert batch["completion_window"] == "24h"


def test_a_batch_under_way_is_left_alone_and_not_submitted_again(peer: BatchPeer, run: Run) -> None:
    pending = run.numbered(3)
    run.submit(pending)
    collected = run.collect()
    assert collected.keys == () and collected.notes == ()
    more = pending | run.pending(request(7))
    again = run.submit(more)
    assert (again.requests, again.waiting, again.batches) == (1, 3, 1)
    assert sorted(peer.submitted_keys) == sorted(more)


def test_nothing_to_submit_asks_the_endpoint_nothing(peer: BatchPeer, run: Run) -> None:
    assert run.submit({}).batches == 0
    assert run.collect().keys == ()
    assert peer.log == []


def test_what_it_cost_is_counted_by_step_when_it_is_collected(peer: BatchPeer, run: Run) -> None:
    run.options = {"prices": Prices(input_per_million=1000, output_per_million=2000)}
    run.submit(run.numbered(2) | run.pending(request(9, step="judge")))
    peer.finish()

    async def collect(batches):  # type: ignore[no-untyped-def]
        await batches.collect()
        return batches.spending()

    judge, synthesize = run.do(collect)
    assert (judge.step, judge.calls, judge.prompt_tokens) == ("judge", 1, 100)
    assert (synthesize.calls, synthesize.completion_tokens) == (2, 40)
    assert synthesize.cost == pytest.approx(2 * (100 * 0.001 + 20 * 0.002))


def test_more_requests_than_a_file_may_hold_become_several_batches(
    peer: BatchPeer, run: Run
) -> None:
    pending = run.numbered(10)
    run.limits = BatchLimits(max_lines=4)
    assert run.submit(pending).batches == 3
    assert sorted(peer.submitted_keys) == sorted(pending)
    peer.finish()
    assert sorted(run.collect().keys) == sorted(pending)


def test_files_stay_below_their_size(peer: BatchPeer, run: Run) -> None:
    pending = run.numbered(6)
    run.limits = BatchLimits(max_bytes=500)
    assert run.submit(pending).batches > 1
    sizes = [len(file.data) for file in peer.files.values()]
    assert max(sizes) <= 500
    assert sorted(peer.submitted_keys) == sorted(pending)


def test_a_line_larger_than_a_file_may_be_goes_alone(peer: BatchPeer, run: Run) -> None:
    run.limits = BatchLimits(max_bytes=1)
    assert run.submit(run.numbered(2)).batches == 2
    assert [len(file.lines) for file in peer.files.values()] == [1, 1]


def test_an_answer_that_is_there_already_is_kept(peer: BatchPeer, run: Run) -> None:
    """A direct call was faster: replacing its answer would change the data set."""
    pending = run.numbered(1)
    (key,) = pending
    for text, fresh, expected in (("first", False, "first"), ("second", False, "first"),
                                  ("third", True, "third")):  # fmt: skip
        peer.answer = lambda body, text=text: (200, completion(text))
        run.submit(pending)
        peer.finish()
        run.fresh = fresh
        assert run.collect().keys == (key,)
        answer = run.answer(key)
        assert answer is not None and answer.text == expected


# --- with the client ---------------------------------------------------------------------------


def test_the_client_puts_aside_what_a_later_run_answers(peer: BatchPeer, run: Run) -> None:
    question = request(3)

    async def ask(batches: Batches, wire: Wire) -> tuple[ChatAnswer | None, LLMClient]:
        store = AnswerStore(str(run.cache))
        client = LLMClient(run.endpoint, wire, store, Limiter(4), Budget(None))
        client.trust((await batches.collect()).keys)
        try:
            return await client.ask(question), client
        except AnswerPending:
            await batches.submit(client.pending)
            return None, client

    first, _client = run.do_with_wire(ask)
    assert first is None
    still, _client = run.do_with_wire(ask)
    assert still is None
    assert peer.submitted_keys == list(run.pending(question))
    peer.finish()
    answer, client = run.do_with_wire(ask)
    assert answer is not None and answer.text == "echo: 第3号水厂"
    assert client.pending == {} and client.spending() == ()


# --- money ----------------------------------------------------------------------------------


def test_only_what_the_budget_allows_is_submitted(peer: BatchPeer, run: Run) -> None:
    run.options = {"prices": Prices(input_per_million=1, output_per_million=1)}
    pending = run.numbered(4)
    costs = [worst_cost(one, run.endpoint) for one in pending.values()]
    run.budget = Budget(max_cost=sum(costs[:2]) * 1.001)
    submitted = run.submit(pending)
    assert (submitted.requests, submitted.unaffordable) == (2, 2)
    assert sorted(peer.submitted_keys) == sorted(list(pending)[:2])
    with pytest.raises(CostLimitReached):
        run.submit(pending)
    run.budget = Budget(max_cost=100)
    assert run.submit(pending).requests == 2


# --- what is told --------------------------------------------------------------------------------


def test_the_state_is_told_in_a_sentence(peer: BatchPeer, run: Run) -> None:
    run.submit(run.numbered(4))
    peer.batches["batch_1"]["created_at"] = 1_000_000
    state = run.do(lambda batches: batches.state())
    (batch,) = state.open
    assert (batch.id, state.requests, state.done) == ("batch_1", 4, 0)
    assert state.sentence(now=batch.submitted_at + 190) == (
        f"4 calls wait in batch_1 at {state.host} (0 of 4 done, submitted 3 minutes ago): run the "
        "same command again to collect them"
    )
    assert "submitted just now" in state.sentence(now=batch.submitted_at - 5)
    assert "2 hours ago" in state.sentence(now=batch.submitted_at + 7300)
    run.limits = BatchLimits(max_lines=1)
    run.submit(run.numbered(7))
    assert "7 calls wait in 4 batches" in run.do(lambda batches: batches.state()).sentence()
    assert BatchState(host="h").sentence() == "no calls wait at h"


def test_waiting_ends_when_all_batches_have(peer: BatchPeer, run: Run) -> None:
    run.limits = BatchLimits(max_lines=2)
    pending = run.numbered(4)
    run.submit(pending)
    told: list[BatchState] = []

    def on_state(state: BatchState) -> None:
        told.append(state)
        if state.open:
            peer.finish(state.open[0].id)

    async def wait(batches):  # type: ignore[no-untyped-def]
        return await batches.wait(3600, on_state=on_state)

    state = run.do(wait)
    assert [len(one.open) for one in told] == [2, 1, 0]
    assert (state.open, len(state.ended), state.done) == ((), 2, 4)
    assert len(run.collect().keys) == 4


def test_waiting_ends_when_the_time_is_up(peer: BatchPeer, run: Run) -> None:
    run.submit(run.numbered(1))
    state = run.do(lambda batches: batches.wait(95, poll_s=30))
    assert len(state.open) == 1
    assert peer.count("GET", "/v1/batches/batch_1") == 5
    assert run.clock.now() == pytest.approx(95)


def test_no_key_is_written_anywhere(peer: BatchPeer, run: Run) -> None:
    run.submit(run.numbered(2))
    peer.finish()
    run.collect()
    written = [path for path in run.cache.rglob("*") if path.is_file()]
    assert len(run.ledger_files("closed")) == 1 and run.ledger_files("open") == []
    assert run.ledger_files("contents") == []
    assert all(KEY.encode() not in path.read_bytes() for path in written)

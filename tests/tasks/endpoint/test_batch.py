"""Requests through a batch interface: submitted once, collected by later runs, whole or in part."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.cache import StepCache
from tasks.endpoint.batch_records import BatchState
from tasks.endpoint.batch_submission import BatchLimits
from tasks.endpoint.budget import Budget, worst_cost
from tasks.endpoint.failures import EndpointRefused
from tasks.endpoint.options import Capabilities, Prices
from tasks.endpoint.preflight_memory import CapabilityMemory
from tasks.errors import CostLimitReached
from tasks.storage import Location
from tests.support.batch_peer import KEY, BatchPeer, Fault, batch_peer, completion, error
from tests.support.batch_runs import SHAPE, Run, request


@pytest.fixture
def peer() -> Iterator[BatchPeer]:
    with batch_peer() as peer:
        yield peer


@pytest.fixture
def run(peer: BatchPeer, tmp_path: Path) -> Run:
    return Run(peer.base_url, tmp_path / "cache")


def ledger_files(run: Run, folder: str) -> list[Path]:
    return sorted((run.cache / "batches").glob(f"*/{folder}/*.json"))


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


# --- lines that failed -------------------------------------------------------------------------


def test_a_refused_item_is_stored_and_the_others_are_answered(peer: BatchPeer, run: Run) -> None:
    def answer(body: dict) -> tuple[int, dict]:
        if "K002" in body["messages"][0]["content"]:
            return 400, error(
                "Input data may contain inappropriate content", "data_inspection_failed"
            )
        return 200, completion("fine")

    peer.answer = answer
    pending = run.numbered(4)
    run.submit(pending)
    peer.finish()
    assert len(run.collect().keys) == 4
    refused = [run.answer(key) for key, one in pending.items() if "K002" in one.messages[0].text]
    assert refused[0] is not None and refused[0].refusal is not None
    assert refused[0].refusal.reason == "content_refused"
    run.submit(run.unanswered(pending))
    assert len(peer.submitted_keys) == 4


def test_lines_that_failed_for_now_are_submitted_again(peer: BatchPeer, run: Run) -> None:
    peer.answer = lambda body: (500, error("The server had an error", kind="server_error"))
    pending = run.numbered(3)
    run.submit(pending)
    peer.finish()
    collected = run.collect()
    assert collected.keys == () and collected.unanswered == 3
    assert "3 of 3 calls of batch_1 (completed) were not answered" in collected.notes[0]
    peer.answer = lambda body: (200, completion("at last"))
    assert run.submit(run.unanswered(pending)).requests == 3
    peer.finish("batch_2")
    assert len(run.collect().keys) == 3
    assert sorted(peer.submitted_keys) == sorted([*pending, *pending])


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_part_of_a_batch_is_collected(peer: BatchPeer, run: Run, status: str) -> None:
    pending = run.numbered(6)
    run.submit(pending)
    peer.finish(status=status, answered=2, silent=1)
    collected = run.collect()
    assert len(collected.keys) == 2 and collected.unanswered == 4
    left = run.unanswered(pending)
    assert len(left) == 4
    run.submit(left)
    again = peer.files[peer.batches["batch_2"]["input_file_id"]].lines
    assert sorted(line["custom_id"] for line in again) == sorted(left)


def test_the_same_requests_may_form_a_batch_again_once_the_first_has_ended(
    peer: BatchPeer, run: Run
) -> None:
    pending = run.numbered(2)
    for _round in range(3):
        assert run.submit(pending).batches == 1
        peer.finish(status="expired", answered=0)
        assert run.collect().unanswered == 2
    names = {peer.files[batch["input_file_id"]].name for batch in peer.batches.values()}
    assert len(names) == 3


def test_a_key_that_is_refused_in_the_lines_stops_the_run_once(peer: BatchPeer, run: Run) -> None:
    def answer(body: dict) -> tuple[int, dict]:
        if "pump" in body["messages"][0]["content"]:
            return 200, completion("fine")
        return 401, error(f"Incorrect API key provided: {KEY}", "invalid_api_key")

    peer.answer = answer
    pending = run.numbered(4)
    run.submit(pending)
    peer.finish()
    with pytest.raises(EndpointRefused, match="refused the key") as refused:
        run.collect()
    assert KEY not in str(refused.value)
    assert len(run.unanswered(pending)) == 2  # what was answered is kept
    assert run.collect().keys == ()  # the batch is closed: the same command goes on
    assert run.submit(run.unanswered(pending)).requests == 2


def test_a_model_that_is_not_there_stops_the_run(peer: BatchPeer, run: Run) -> None:
    peer.answer = lambda body: (404, error("The model does not exist", "model_not_found"))
    run.submit(run.numbered(1))
    peer.finish()
    with pytest.raises(EndpointRefused, match="has no model 'peer-model'"):
        run.collect()


def test_a_parameter_that_is_refused_is_said_otherwise_next_time(peer: BatchPeer, run: Run) -> None:
    def answer(body: dict) -> tuple[int, dict]:
        if "max_tokens" in body:
            message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return 400, error(message, "unsupported_parameter")
        return 200, completion("fine")

    peer.answer = answer
    pending = run.numbered(2)

    async def both(batches):  # type: ignore[no-untyped-def]
        await batches.submit(pending)
        peer.finish()
        assert (await batches.collect()).unanswered == 2
        await batches.submit(pending)
        peer.finish("batch_2")
        return await batches.collect()

    assert len(run.do(both).keys) == 2
    memory = CapabilityMemory(StepCache(Location(run.cache)))
    assert memory.get(run.endpoint) == Capabilities(token_parameter="max_completion_tokens")


def test_an_answer_that_is_never_json_is_refused_after_the_third_batch(
    peer: BatchPeer, run: Run
) -> None:
    """Each was paid for: no command may go on paying for ever."""
    peer.answer = lambda body: (200, completion("no JSON, sorry"))
    pending = run.numbered(1, shape=SHAPE)
    for attempt in range(3):
        assert run.submit(run.unanswered(pending)).requests == 1
        peer.finish()
        assert run.collect().unanswered == (0 if attempt == 2 else 1)
    (key,) = pending
    answer = run.answer(key)
    assert answer is not None and answer.refusal is not None
    assert answer.refusal.reason == "answer_malformed"


def test_lines_that_are_not_ours_are_passed_over(peer: BatchPeer, run: Run) -> None:
    pending = run.numbered(1)
    run.submit(pending)
    peer.finish()
    output = peer.files[peer.batches["batch_1"]["output_file_id"]]
    output.data = b'{"custom_id": "other"}\n{"custom_id": 7}\n\n' + output.data * 2
    assert run.collect().keys == tuple(pending)


def test_a_results_file_with_a_broken_line_is_fetched_again_then_taken_as_it_is(
    peer: BatchPeer, run: Run
) -> None:
    pending = run.numbered(3)
    run.submit(pending)
    peer.finish()
    output_id = peer.batches["batch_1"]["output_file_id"]
    peer.files[output_id].data = peer.files[output_id].data[:-40]
    collected = run.collect()
    assert len(collected.keys) == 2 and collected.unanswered == 1
    assert peer.count("GET", f"/v1/files/{output_id}/content") == 3


# --- batches that came to nothing ---------------------------------------------------------------


def test_a_file_that_failed_validation_is_told_and_may_be_submitted_anew(
    peer: BatchPeer, run: Run
) -> None:
    peer.refuse_file = lambda file: {"code": "invalid_json_line", "message": "line 1 is odd"}
    pending = run.numbered(2)
    run.submit(pending)
    with pytest.raises(EndpointRefused, match=r"batch_1 of 2 calls as a whole.*line 1 is odd"):
        run.collect()
    peer.refuse_file = lambda file: None
    assert run.collect().keys == ()
    assert run.submit(pending).requests == 2
    peer.finish("batch_2")
    assert len(run.collect().keys) == 2


def test_where_there_is_no_room_smaller_batches_are_made(peer: BatchPeer, run: Run) -> None:
    def refuse(file):  # type: ignore[no-untyped-def]
        if len(file.lines) <= 2:
            return None
        return {"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}

    peer.refuse_file = refuse
    pending = run.numbered(8)
    rounds = 0
    while left := run.unanswered(pending):
        rounds += 1
        assert rounds < 12
        run.submit(left)
        for batch in peer.batches.values():
            if batch["status"] == "validating":
                peer.finish(batch["id"])
        run.collect()
    assert {len(peer.files[b["input_file_id"]].lines) for b in peer.batches.values()} >= {8, 4, 2}
    accepted = [b for b in peer.batches.values() if b["status"] == "completed"]
    keys = [l["custom_id"] for b in accepted for l in peer.files[b["input_file_id"]].lines]  # noqa: E741
    assert sorted(keys) == sorted(pending)


def test_no_room_for_a_single_call_stops_the_run(peer: BatchPeer, run: Run) -> None:
    peer.refuse_file = lambda file: {"code": "token_limit_exceeded", "message": "no room"}
    run.submit(run.numbered(1))
    with pytest.raises(EndpointRefused, match="no room"):
        run.collect()


def test_no_room_beside_a_batch_that_runs_is_waited_for(peer: BatchPeer, run: Run) -> None:
    run.submit(run.pending(request(50)))
    peer.refuse_file = lambda file: {"code": "token_limit_exceeded", "message": "no room"}
    pending = run.numbered(1)
    run.submit(pending)
    assert "had no room" in run.collect().notes[0]
    assert run.submit(pending).requests == 1


def test_a_failed_batch_whose_lines_tell_everything_is_no_failure_of_the_run(
    peer: BatchPeer, run: Run
) -> None:
    run.submit(run.numbered(3))
    peer.finish(status="failed")
    assert len(run.collect().keys) == 3


def test_a_batch_that_the_endpoint_forgot_stops_the_run_until_someone_decides(
    peer: BatchPeer, run: Run
) -> None:
    pending = run.numbered(2)
    run.submit(pending)
    peer.batches.clear()
    with pytest.raises(EndpointRefused, match="does not know the batch batch_1") as refused:
        run.collect()
    found = re.search(r"delete (\S+\.json)", str(refused.value))
    assert found
    Path(found[1]).unlink()
    assert run.collect().keys == ()
    assert run.submit(pending).requests == 2


def test_a_batch_of_another_month_is_given_up(peer: BatchPeer, run: Run) -> None:
    pending = run.numbered(2)
    run.submit(pending)
    peer.batches.clear()
    (entry,) = ledger_files(run, "open")
    old = f'"submitted_at":{time.time() - 40 * 86400:.0f}'
    entry.write_text(re.sub(r'"submitted_at":[\d.]+', old, entry.read_text()))
    collected = run.collect()
    assert collected.unanswered == 2 and "any more" in collected.notes[0]
    assert run.submit(pending).requests == 2


def test_results_that_are_gone_are_submitted_again(peer: BatchPeer, run: Run) -> None:
    run.submit(run.numbered(2))
    peer.finish()
    del peer.files[peer.batches["batch_1"]["output_file_id"]]
    collected = run.collect()
    assert collected.unanswered == 2
    assert "does not have the file" in collected.notes[0]


# --- endpoints ------------------------------------------------------------------------------


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
    (entry,) = ledger_files(run, "open")
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
    assert len(ledger_files(run, "closed")) == 1 and ledger_files(run, "open") == []
    assert ledger_files(run, "contents") == []
    assert all(KEY.encode() not in path.read_bytes() for path in written)

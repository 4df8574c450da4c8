"""Lines of a batch that failed, batches that came to nothing, and what each of them leads to."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.cache import StepCache
from tasks.endpoint.failures import EndpointRefused
from tasks.endpoint.options import Capabilities
from tasks.endpoint.preflight_memory import CapabilityMemory
from tasks.storage import Location
from tests.support.batch_peer import KEY, BatchPeer, batch_peer, completion, error
from tests.support.batch_runs import SHAPE, Run, request


@pytest.fixture
def peer() -> Iterator[BatchPeer]:
    with batch_peer() as peer:
        yield peer


@pytest.fixture
def run(peer: BatchPeer, tmp_path: Path) -> Run:
    return Run(peer.base_url, tmp_path / "cache")


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
    (entry,) = run.ledger_files("open")
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

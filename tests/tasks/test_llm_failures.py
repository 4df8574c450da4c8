"""What ends a call, what ends the run, how long is waited, and what is kept all the same."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tasks.endpoint.answers import AnswerStore
from tasks.endpoint.chat import ChatAnswer
from tasks.endpoint.clock import Clock
from tasks.endpoint.failures import EndpointRefused, ItemRefused
from tasks.endpoint.options import Capabilities
from tasks.errors import CostLimitReached, DiskFull, PreflightFailed
from tasks.llm import LLMClient
from tests.support.llm_clients import (
    KEY,
    SHAPE,
    FakeClock,
    ask,
    ask_all,
    make_client,
    options,
    questions,
    request,
    run,
    spent,
)
from tests.support.llm_peer import LLMPeer
from tests.support.llm_replies import Reply, completion, error

# --- how long is waited ---------------------------------------------------------------------------


def waited_after(tmp_path: Path, *replies: Reply, **more: Any) -> float:
    clock = FakeClock()
    with LLMPeer(script=replies) as peer:
        began = clock.now()
        ask(make_client(options(peer.base_url, tmp_path, **more), clock=clock), request())
        assert len(peer.log) == len(replies) + 1
    return clock.now() - began


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "25"}, 25),
        ({"Retry-After-Ms": "2500"}, 2.5),
        ({"Retry-After": "3600"}, 60),
        (
            {
                "Date": "Sun, 22 Nov 2026 10:00:00 GMT",
                "Retry-After": "Sun, 22 Nov 2026 10:00:40 GMT",
            },
            40,
        ),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_wish_to_wait_is_honoured_and_capped(
    tmp_path: Path, headers: dict[str, str], seconds: float, status: int
) -> None:
    waited = waited_after(tmp_path, error(status, headers=headers))
    assert waited == pytest.approx(seconds, abs=0.01)


def test_delays_grow_and_stay_below_their_cap(tmp_path: Path) -> None:
    # Full jitter: at most 0.5 + 1 + 2 + 4 + 8 + 16 + 30 + 30 seconds.
    waited = waited_after(tmp_path, *[error(500)] * 8)
    assert 5 < waited < 91.5


def test_a_limit_that_lasts_for_minutes_ends_no_run(tmp_path: Path) -> None:
    slow = error(429, headers={"Retry-After": "20"})
    assert waited_after(tmp_path, *[slow] * 14, attempts=10) >= 14 * 20


def test_being_limited_while_others_are_served_ends_no_call(tmp_path: Path) -> None:
    """An endpoint that takes one call at a time: all others are refused, far more than 3 times."""
    busy = 0

    async def work(client: LLMClient) -> list[Any]:
        return await ask_all(client, questions(60))

    class OneAtATime(LLMPeer):
        def _reply(self, *arguments: Any) -> Reply:
            nonlocal busy
            busy += 1
            return error(429) if busy % 5 else Reply()

    with OneAtATime() as peer:
        client = make_client(options(peer.base_url, tmp_path, attempts=3, concurrency=16))
        answers = run(client, work)
        assert all(isinstance(answer, ChatAnswer) for answer in answers)
        assert len(peer.log) == 300
        assert client.limiter.allowed < 16


# --- what fails how -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (error(500, "kaputt"), "unavailable", ("gave no answer", "3 attempts", "500", "kaputt")),
        (Reply(drop="before"), "unavailable", ("3 attempts", "connection")),
        (Reply(cut=50), "unavailable", ("3 attempts", "50 bytes")),
    ],
)
def test_an_endpoint_that_dies_ends_the_run_with_what_helps(
    tmp_path: Path, reply: Reply, kind: str, words: tuple[str, ...]
) -> None:
    with LLMPeer(lambda _: reply) as peer:
        client = make_client(options(peer.base_url, tmp_path, attempts=3))
        with pytest.raises(EndpointRefused) as caught:
            ask(client, request())
    assert caught.value.kind == kind
    for part in (*words, "127.0.0.1", "is kept", "same command"):
        assert part in str(caught.value)
    assert caught.value.exit_code == 1


def test_limits_without_end_are_called_by_their_name(tmp_path: Path) -> None:
    with LLMPeer(lambda _: error(429, "too many")) as peer:
        clock = FakeClock()
        client = make_client(options(peer.base_url, tmp_path, attempts=3), clock=clock)
        with pytest.raises(EndpointRefused, match="--concurrency") as caught:
            ask(client, request())
        assert caught.value.kind == "unavailable"
        assert clock.now() - 1000 > 300  # minutes, for the limits of some are by the minute


def test_a_host_that_went_away_is_unreachable_and_answers_are_kept(tmp_path: Path) -> None:
    with LLMPeer() as peer:
        base_url = peer.base_url
        ask(make_client(options(base_url, tmp_path)), request("before"))
    client = make_client(options(base_url, tmp_path, attempts=2))

    async def work(client: LLMClient) -> tuple[Any, ...]:
        kept = await client.ask(request("before"))
        return kept, *await ask_all(client, [request("after")])

    kept, error = run(client, work)
    assert isinstance(kept, ChatAnswer)
    assert isinstance(error, EndpointRefused) and error.kind == "unreachable"
    assert "BASE_URL" in str(error) and "refused" in str(error).lower()


def test_an_item_that_crashes_the_server_is_rejected_for_now(tmp_path: Path) -> None:
    def crashes(body: dict[str, Any]) -> Any:
        return error(500, "CUDA error") if "poison" in json.dumps(body) else "fine"

    with LLMPeer(crashes) as peer:
        endpoint = options(peer.base_url, tmp_path, attempts=3)

        async def work(client: LLMClient) -> list[Any]:
            return await ask_all(client, [request("poison"), request("good")])

        rejected, good = run(make_client(endpoint), work)
        assert isinstance(good, ChatAnswer)
        assert isinstance(rejected, ItemRefused)
        assert rejected.reason == "call_failed" and rejected.retryable
        assert "CUDA error" in rejected.detail
        before = len(peer.log)
        with pytest.raises(ItemRefused):  # not remembered: it is tried again
            ask(make_client(endpoint), request("poison"))
        assert len(peer.log) > before


def test_a_key_that_is_refused_stops_everything_at_once(tmp_path: Path) -> None:
    with LLMPeer(api_key="right") as peer:
        client = make_client(options(peer.base_url, tmp_path, concurrency=4))
        errors = run(client, lambda c: ask_all(c, questions(50)))
        assert all(isinstance(found, EndpointRefused) for found in errors)
        assert len(peer.log) <= 4
        for found in errors:
            assert KEY not in str(found) and KEY[-6:] not in str(found)


def test_calls_under_way_are_answered_and_kept_after_a_stop(tmp_path: Path) -> None:
    with LLMPeer(latency_s=0.2) as peer:
        endpoint = options(peer.base_url, tmp_path, concurrency=3)

        async def work(client: LLMClient) -> list[Any]:
            calls = asyncio.gather(*(client.ask(r) for r in questions(6)), return_exceptions=True)
            while client.under_way < 3:
                await asyncio.sleep(0.01)
            client.stop(CostLimitReached("enough"))
            with pytest.raises(CostLimitReached, match="enough"):
                await client.ask(request("later"))
            return await calls

        found = run(make_client(endpoint), work)
        assert Counter(map(type, found)) == {ChatAnswer: 3, CostLimitReached: 3}
        again = make_client(endpoint)
        run(again, lambda c: ask_all(c, questions(6)))
        assert spent(again).reused == 3


def test_a_stop_ends_the_wait_for_a_limit(tmp_path: Path) -> None:

    with LLMPeer(lambda _: error(429, headers={"Retry-After": "60"})) as peer:
        client = make_client(options(peer.base_url, tmp_path), clock=Clock())

        async def work(client: LLMClient) -> list[Any]:
            calls = asyncio.gather(*(client.ask(r) for r in questions(2)), return_exceptions=True)
            while client.retried < 2:
                await asyncio.sleep(0.01)
            client.stop(PreflightFailed("over"))
            return await asyncio.wait_for(calls, 10)

        assert [str(found) for found in run(client, work)] == ["over"] * 2


def test_a_disk_that_is_full_stops_before_more_is_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise DiskFull("no space is left")

    monkeypatch.setattr(AnswerStore, "put", full)
    with LLMPeer() as peer:
        client = make_client(options(peer.base_url, tmp_path, concurrency=1))
        errors = run(client, lambda c: ask_all(c, questions(100)))
        assert all(isinstance(found, DiskFull) for found in errors)
        assert len(peer.log) < 50  # an answer is stored while the next call is under way


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (completion("", finish_reason="content_filter"), "content_refused"),
        (completion("cut", finish_reason="length"), "answer_too_long"),
        (
            error(400, "it violates our policy", code="content_policy_violation").body,
            "content_refused",
        ),
    ],
)
def test_a_refusal_is_paid_once(tmp_path: Path, body: Any, reason: str) -> None:
    status = 400 if "error" in body else 200
    with LLMPeer(lambda _: Reply(status=status, body=body)) as peer:
        endpoint = options(peer.base_url, tmp_path)
        client = make_client(endpoint)
        for turn in (client, make_client(endpoint)):
            with pytest.raises(ItemRefused) as caught:
                ask(turn, request())
            assert caught.value.reason == reason
        assert len(peer.log) == 1
        if status == 200:
            assert (spent(client).calls, spent(client).prompt_tokens) == (1, 40)


def test_what_a_server_has_no_room_for_is_asked_again_by_a_later_run(tmp_path: Path) -> None:
    with LLMPeer(lambda _: error(400, "maximum context length is 10")) as peer:
        endpoint = options(peer.base_url, tmp_path)
        with pytest.raises(ItemRefused) as caught:
            ask(make_client(endpoint), request())
        assert caught.value.reason == "context_too_long" and caught.value.retryable
    with LLMPeer(lambda _: "fine") as larger:
        assert ask(make_client(options(larger.base_url, tmp_path)), request()).text == "fine"


def test_an_answer_in_no_shape_is_asked_for_three_times(tmp_path: Path) -> None:
    with LLMPeer(lambda _: "I would rather not.") as peer:
        client = make_client(options(peer.base_url, tmp_path))
        with pytest.raises(ItemRefused) as caught:
            ask(client, request(shape=SHAPE))
        assert caught.value.reason == "answer_malformed"
        assert len(peer.log) == 3
        assert spent(client).failed_attempts == 3 and spent(client).prompt_tokens > 0
        with pytest.raises(ItemRefused):
            ask(make_client(options(peer.base_url, tmp_path)), request(shape=SHAPE))
        assert len(peer.log) == 3


def test_a_shape_that_comes_at_the_second_attempt_is_kept(tmp_path: Path) -> None:
    with LLMPeer(script=[Reply(body=completion("{}"))]) as peer:
        answer = ask(make_client(options(peer.base_url, tmp_path)), request(shape=SHAPE))
        assert set(json.loads(answer.text)) == {"title", "score"}
        assert len(peer.log) == 2


def test_parameters_that_are_refused_in_the_middle_of_a_run_are_left_out(tmp_path: Path) -> None:
    refused = ("max_tokens", "temperature", "json_schema")
    with LLMPeer(lambda _: {"title": "t", "score": 1}, refuses=refused) as peer:
        client = make_client(options(peer.base_url, tmp_path, concurrency=8))
        asked = [request(f"q {number}", shape=SHAPE) for number in range(40)]
        answers = run(client, lambda c: ask_all(c, asked))
        assert all(isinstance(answer, ChatAnswer) for answer in answers)
        assert client.wire.capabilities == Capabilities(
            structured="json_object",
            token_parameter="max_completion_tokens",
            takes_temperature=False,
        )
        assert len(peer.log) <= 40 + 3 * 8


def test_parameters_that_are_refused_both_ways_end_the_run(tmp_path: Path) -> None:
    with LLMPeer(refuses=("max_tokens", "max_completion_tokens")) as peer:
        with pytest.raises(EndpointRefused) as caught:
            ask(make_client(options(peer.base_url, tmp_path)), request())
        assert caught.value.kind == "request"
        assert len(peer.log) == 2

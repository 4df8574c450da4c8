"""The client against llmock, a faulty endpoint that others wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from llmock.chaos import ChaosSettings
from llmock.scenarios import Delay, Fail, Reply
from llmock.simulation import MockResponseSettings
from llmock.testing import LLMockServer

from tasks.endpoint.chat import ChatAnswer
from tasks.endpoint.failures import EndpointRefused
from tests.support.llm_clients import (
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


@pytest.fixture
def server() -> Iterator[LLMockServer]:
    with LLMockServer(responses=MockResponseSettings(response_style="echo")) as running:
        yield running


def statuses(server: LLMockServer) -> list[int]:
    return [record.status for record in server.state.journal.records()]


def test_random_statuses_lose_no_answer(tmp_path: Path) -> None:
    rates = {429: 0.1, 500: 0.1, 503: 0.05, 408: 0.05, 529: 0.05}
    chaos = ChaosSettings(error_rates=rates, latency_ms=2)
    with LLMockServer(chaos=chaos, responses=MockResponseSettings("echo")) as server:
        client = make_client(options(server.base_url(), tmp_path, concurrency=16))
        answers = run(client, lambda c: ask_all(c, questions(120)))
        assert all(isinstance(answer, ChatAnswer) for answer in answers), answers
        assert len({answer.text for answer in answers}) == 120
        seen = statuses(server)
        assert seen.count(200) == 120
        assert len(seen) - 120 == spent(client).failed_attempts > 20


def test_its_own_waits_are_honoured(server: LLMockServer, tmp_path: Path) -> None:
    clock = FakeClock()
    server.state.scenarios.add(Fail(429, retry_after=17.0), Fail(503, retry_after=0.75))
    began = clock.now()
    ask(make_client(options(server.base_url(), tmp_path), clock=clock), request())
    assert clock.now() - began >= 17.75
    assert statuses(server) == [429, 503, 200]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "request"), (401, "key"), (402, "payment"), (403, "forbidden"), (404, "path")],
)
def test_what_never_passes_is_asked_once(
    server: LLMockServer, tmp_path: Path, status: int, kind: str
) -> None:
    server.state.scenarios.add(Fail(status, times=None))
    with pytest.raises(EndpointRefused) as caught:
        ask(make_client(options(server.base_url(), tmp_path)), request())
    assert caught.value.kind == kind
    assert len(statuses(server)) == 1


def test_an_empty_account_is_told_from_a_limit(server: LLMockServer, tmp_path: Path) -> None:
    server.state.scenarios.add(Fail(429, code="insufficient_quota", times=None))
    with pytest.raises(EndpointRefused, match="Top up"):
        ask(make_client(options(server.base_url(), tmp_path)), request())


def test_an_answer_that_is_late_is_asked_for_again(server: LLMockServer, tmp_path: Path) -> None:
    server.state.scenarios.add(Delay(2.0))
    client = make_client(options(server.base_url(), tmp_path, timeout_s=0.5))
    assert "你好" in ask(client, request()).text
    assert spent(client).failed_attempts >= 1  # a busy machine may be late once more


def test_prose_around_the_shape_is_read(server: LLMockServer, tmp_path: Path) -> None:
    server.state.scenarios.add(
        Reply(text="Let me think."), Reply(text='Here: {"title": "阀门", "score": 5} — done.')
    )
    answer = ask(make_client(options(server.base_url(), tmp_path)), request(shape=SHAPE))
    assert answer.text == '{"title":"阀门","score":5}'


def test_a_server_that_ends_in_the_middle_keeps_what_it_answered(tmp_path: Path) -> None:
    server = LLMockServer(chaos=ChaosSettings(latency_ms=20)).start()
    base_url = server.base_url()
    client = make_client(options(base_url, tmp_path, concurrency=4, attempts=3))

    async def work(_: object) -> list[object]:
        calls = asyncio.gather(*(client.ask(r) for r in questions(200)), return_exceptions=True)
        while len(statuses(server)) < 20:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(server.stop)
        return await calls

    found = run(client, work)
    answered = [one for one in found if isinstance(one, ChatAnswer)]
    failed = [one for one in found if isinstance(one, EndpointRefused)]
    assert len(answered) >= 16 and len(answered) + len(failed) == 200
    assert "same command continues" in str(failed[0])
    with LLMockServer() as second:
        again = make_client(options(second.base_url(), tmp_path, concurrency=16))
        run(again, lambda c: ask_all(c, questions(200)))
        assert spent(again).reused == len(answered)
        assert statuses(second).count(200) == 200 - len(answered)

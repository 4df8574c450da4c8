"""The client over real sockets: nothing is lost, and nothing is paid twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tasks.endpoint.answers import AnswerStore
from tasks.endpoint.chat import AnswerPending, ChatAnswer
from tasks.llm import LLMClient
from tests.support.corpora import ROOT
from tests.support.llm_clients import (
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
from tests.support.llm_replies import error

# --- nothing lost, nothing paid twice -------------------------------------------------------------


def test_three_in_ten_calls_fail_and_every_request_is_answered_exactly_once(
    tmp_path: Path,
) -> None:
    with LLMPeer(failure_rate=0.3, seed=11) as peer:
        client = make_client(options(peer.base_url, tmp_path, concurrency=32))
        answers = run(client, lambda c: ask_all(c, questions(300)))
        assert all(isinstance(answer, ChatAnswer) for answer in answers), answers
        assert len({answer.text for answer in answers}) == 300
        assert Counter(peer.answered().values()) == {1: 300}
        failed = len(peer.log) - 300
        assert failed > 60
        assert (spent(client).calls, spent(client).failed_attempts) == (300, failed)
        assert client.retried == failed and client.under_way == 0
        assert peer.most_at_once <= 32

        again = make_client(options(peer.base_url, tmp_path, concurrency=32))
        assert run(again, lambda c: ask_all(c, questions(300))) == answers
        assert len(peer.log) == 300 + failed
        assert (spent(again).calls, spent(again).reused) == (0, 300)


def test_equal_requests_under_way_are_one_call(tmp_path: Path) -> None:
    with LLMPeer(latency_s=0.05) as peer:
        client = make_client(options(peer.base_url, tmp_path))
        first, *others = run(client, lambda c: ask_all(c, [request("same")] * 20))
        assert others == [first] * 19
        assert len(peer.log) == 1
        assert (spent(client).calls, spent(client).reused) == (1, 0)


def test_who_is_cancelled_takes_no_one_along(tmp_path: Path) -> None:
    async def work(client: LLMClient) -> None:
        calls = [asyncio.create_task(client.ask(request("same"))) for _ in range(3)]
        while not client.under_way:
            await asyncio.sleep(0.01)
        calls[0].cancel()
        assert isinstance(await calls[1], ChatAnswer)
        assert isinstance(await calls[2], ChatAnswer)
        assert calls[0].cancelled()
        lonely = asyncio.create_task(client.ask(request("other")))
        while not client.under_way:
            await asyncio.sleep(0.01)
        lonely.cancel()
        await asyncio.gather(lonely, return_exceptions=True)
        while client.under_way:
            await asyncio.sleep(0.01)
        assert isinstance(await client.ask(request("other")), ChatAnswer)
        assert client.limiter.running == 0

    with LLMPeer(latency_s=0.1) as peer:
        run(make_client(options(peer.base_url, tmp_path)), work)


def test_an_answer_is_stored_before_it_is_seen(tmp_path: Path) -> None:
    with LLMPeer() as peer:
        endpoint = options(peer.base_url, tmp_path)
        answer = ask(make_client(endpoint), request())
        key = request().key(endpoint.model, endpoint.extra_body)
        assert AnswerStore(str(tmp_path)).get(key) == answer


def test_another_host_with_the_same_model_has_the_same_answers(tmp_path: Path) -> None:
    with LLMPeer() as first, LLMPeer() as second:
        answer = ask(make_client(options(first.base_url, tmp_path)), request())
        assert ask(make_client(options(second.base_url, tmp_path)), request()) == answer
        assert second.log == []
        changed = options(second.base_url, tmp_path, extra_body={"top_p": 0.5})
        ask(make_client(changed), request())
        ask(make_client(options(second.base_url, tmp_path, model="qwen-max")), request())
        assert len(second.log) == 2


def test_fresh_asks_anew_what_earlier_runs_know_and_once_only(tmp_path: Path) -> None:
    with LLMPeer() as peer:
        endpoint = options(peer.base_url, tmp_path)
        ask(make_client(endpoint), request())
        fresh = make_client(endpoint, fresh=True)

        async def work(client: LLMClient) -> None:
            await client.ask(request())
            await client.ask(request())

        run(fresh, work)
        assert len(peer.log) == 2
        assert (spent(fresh).calls, spent(fresh).reused) == (1, 0)


def test_a_killed_run_is_continued_and_sends_only_what_was_not_answered(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from tests.support.llm_clients import make_client, options, request\n"
        "from tasks.endpoint.clock import Clock\n"
        "async def main():\n"
        "    client = make_client(options(sys.argv[1], sys.argv[2], concurrency=8),"
        " clock=Clock())\n"
        "    asked = [request(f'question {n}') for n in range(100)]\n"
        "    await asyncio.gather(*(client.ask(r) for r in asked))\n"
        "    await client.close()\n"
        "asyncio.run(main())\n"
    )
    cache = tmp_path / "cache"
    with LLMPeer(latency_s=0.1) as peer:
        command = [sys.executable, "-c", script, peer.base_url, str(cache)]
        process = subprocess.Popen(command, cwd=ROOT)
        while len(peer.log) < 30:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        while peer.at_once:  # what it had sent is still being answered, to nobody
            time.sleep(0.01)
        kept = {path.stem for path in cache.rglob("*.json")}
        assert 0 < len(kept) < 100
        before = len(peer.log)
        subprocess.run(command, cwd=ROOT, check=True, timeout=60)
        sent_again = [exchange.key for exchange in peer.log[before:]]
        assert len(sent_again) == len(set(sent_again)) == 100 - len(kept)
        assert len(peer.answered()) == 100
        subprocess.run(command, cwd=ROOT, check=True, timeout=60)
        assert len(peer.log) == before + len(sent_again)


# --- batches --------------------------------------------------------------------------------------


def test_in_a_batch_requests_are_put_aside_and_nothing_is_sent(tmp_path: Path) -> None:
    with LLMPeer() as peer:
        endpoint = options(peer.base_url, tmp_path)
        known = ask(make_client(endpoint), request("known"))
        client = make_client(endpoint.model_copy(update={"batch": True}))

        async def work(client: LLMClient) -> list[Any]:
            return await ask_all(client, [request("known"), request("a"), request("a")])

        found = run(client, work)
        assert found[0] == known
        assert all(isinstance(one, AnswerPending) for one in found[1:])
        key = request("a").key(endpoint.model, endpoint.extra_body)
        assert client.pending == {key: request("a")}
        assert len(peer.log) == 1


def test_a_fresh_batch_uses_what_was_collected_for_it(tmp_path: Path) -> None:
    endpoint = options("http://127.0.0.1:1/v1", tmp_path, batch=True)
    key = request().key(endpoint.model, endpoint.extra_body)
    answer = ChatAnswer(text="collected", model=endpoint.model)
    AnswerStore(str(tmp_path)).put(key, answer)
    fresh = make_client(endpoint, fresh=True)

    async def work(client: LLMClient) -> ChatAnswer:
        with pytest.raises(AnswerPending):
            await client.ask(request())
        client.trust([key])
        return await client.ask(request())

    assert run(fresh, work) == answer


# --- watching -------------------------------------------------------------------------------------


def test_changes_are_told_as_they_happen(tmp_path: Path) -> None:
    with LLMPeer(script=[error(500)]) as peer:
        client = make_client(options(peer.base_url, tmp_path))
        seen: list[tuple[int, int, int]] = []

        def listen() -> None:
            calls = sum(entry.calls for entry in client.spending())
            seen.append((client.under_way, client.retried, calls))

        client.on_change = listen
        ask(client, request())
        assert (1, 0, 0) in seen and (1, 1, 0) in seen
        assert (0, 1, 1) in seen

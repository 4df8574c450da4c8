"""One loop and one client for all threads of a process, and every way out of waiting for them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tasks import shared_calls
from tasks.endpoint.chat import ChatAnswer
from tasks.endpoint.options import Capabilities, EndpointOptions, Prices
from tasks.errors import CostLimitReached, PreflightFailed
from tasks.settings import settings
from tasks.shared_calls import (
    CallsClosed,
    close_shared_calls,
    run,
    set_capabilities,
    shared_client,
    shared_clients,
    spending,
)
from tests.support.corpora import ROOT
from tests.support.llm_clients import KEY, options, questions, request
from tests.support.llm_peer import LLMPeer


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings.cache_clear()
    yield
    close_shared_calls()
    settings.cache_clear()


def answers(endpoint: EndpointOptions, count: int) -> list[ChatAnswer]:
    client = shared_client(endpoint)

    async def work() -> list[ChatAnswer]:
        return await asyncio.gather(*(client.ask(r) for r in questions(count)))

    return run(work)


def threads_alive() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "clara-calls"]


def test_threads_share_one_loop_and_one_client(tmp_path: Path) -> None:
    with LLMPeer(latency_s=0.02) as peer:
        endpoint = options(peer.base_url, tmp_path, concurrency=5)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: answers(endpoint, 30), range(8)))
        assert all(one == found[0] for one in found)
        assert len(peer.log) == 30  # eight threads asked for each of them
        assert peer.most_at_once <= 5
        assert {exchange.authorization for exchange in peer.log} == {f"Bearer {KEY}"}
        assert len(shared_clients()) == 1 and len(threads_alive()) == 1
        (only,) = spending()
        assert (only.calls, only.reused) == (30, 0)


def test_a_client_is_made_once_for_what_decides_its_answers(tmp_path: Path) -> None:
    endpoint = options("http://127.0.0.1:1/v1", tmp_path)
    client = shared_client(endpoint)
    assert shared_client(endpoint.model_copy(update={"concurrency": 3})) is client
    for change in (
        {"need": "vision"},
        {"base_url": "http://127.0.0.1:2/v1"},
        {"model": "other"},
        {"extra_body": {"top_p": 0.1}},
        {"batch": True},
        {"cache_uri": str(tmp_path / "elsewhere")},
    ):
        other = shared_client(endpoint.model_copy(update=change))
        assert other is not client
        assert other.budget is client.budget
    assert len(shared_clients()) == 7


def test_capabilities_reach_clients_made_before_and_after(tmp_path: Path) -> None:
    weak = Capabilities(structured="text")
    first = options("http://127.0.0.1:1/v1", tmp_path)
    second = options("http://127.0.0.1:2/v1", tmp_path)
    before = shared_client(first)
    set_capabilities(first, weak)
    set_capabilities(second, weak)
    assert before.wire.capabilities == weak
    assert shared_client(second).wire.capabilities == weak


def test_a_missing_key_is_told_when_the_client_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    settings.cache_clear()
    with pytest.raises(PreflightFailed, match="OPENAI_API_KEY"):
        shared_client(options("https://api.openai.com/v1", tmp_path))


def test_text_and_pictures_share_the_money(tmp_path: Path) -> None:
    prices = Prices(input_per_million=1000.0, output_per_million=1000.0)
    with LLMPeer() as peer:
        more: dict[str, Any] = {"prices": prices, "max_cost": 0.5}
        text = options(peer.base_url, tmp_path, **more)
        vision = options(peer.base_url, tmp_path, need="vision", model="v", **more)
        clients = shared_client(text), shared_client(vision)

        async def work() -> list[Any]:
            asked = [c.ask(r) for r in questions(60) for c in clients]
            return await asyncio.gather(*asked, return_exceptions=True)

        found = run(work)
        assert any(isinstance(one, CostLimitReached) for one in found)
        total = sum(entry.cost or 0.0 for entry in spending())
        assert {entry.need for entry in spending()} == {"text", "vision"}
        assert 0.2 < total <= clients[0].budget.spent <= 0.5


def test_what_a_coroutine_raises_is_raised_here(tmp_path: Path) -> None:
    async def fails(error: BaseException) -> None:
        await asyncio.sleep(0)
        raise error

    for error in (ValueError("eins"), TimeoutError("zwei"), CostLimitReached("drei")):
        with pytest.raises(type(error), match=str(error)):
            run(lambda error=error: fails(error))

    def no_coroutine() -> Any:
        raise KeyError("vier")

    with pytest.raises(KeyError, match="vier"):
        run(no_coroutine)
    with pytest.raises(CallsClosed):
        run(lambda: fails(asyncio.CancelledError()))


def test_waiting_on_the_loop_for_the_loop_is_refused() -> None:
    async def outer() -> None:
        run(lambda: asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="await instead"):
        run(outer)


def test_who_is_interrupted_cancels_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a task's thread is: by an error that arrives while it waits."""
    cancelled = threading.Event()
    started = threading.Event()

    async def long() -> None:
        started.set()
        try:
            await asyncio.sleep(600)
        finally:
            cancelled.set()

    wait = shared_calls.wait

    def interrupted(*arguments: Any, **options: Any) -> Any:
        if started.is_set() and not cancelled.is_set():
            monkeypatch.setattr(shared_calls, "wait", wait)
            raise KeyboardInterrupt
        return wait(*arguments, **options)

    monkeypatch.setattr(shared_calls, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(long)
    assert cancelled.is_set()
    assert run(lambda: asyncio.sleep(0, "still there")) == "still there"


def test_closing_releases_every_thread_that_waits(tmp_path: Path) -> None:
    with LLMPeer(latency_s=30) as peer, ThreadPoolExecutor(4) as pool:
        endpoint = options(peer.base_url, tmp_path)
        waiting = [pool.submit(answers, endpoint, 5) for _ in range(4)]
        while peer.at_once < 5:
            time.sleep(0.01)
        close_shared_calls()
        for one in waiting:
            with pytest.raises(CallsClosed):
                one.result(timeout=20)
        assert shared_clients() == () and threads_alive() == []
        close_shared_calls()


def test_after_closing_a_new_run_starts_from_nothing(tmp_path: Path) -> None:
    with LLMPeer() as peer:
        endpoint = options(peer.base_url, tmp_path)
        first = answers(endpoint, 3)
        close_shared_calls()
        assert spending() == ()
        assert answers(endpoint, 3) == first
        (only,) = spending()
        assert (only.calls, only.reused) == (0, 3)


def test_ctrl_c_ends_a_command_at_once_and_keeps_its_answers(tmp_path: Path) -> None:
    script = (
        "import asyncio, sys\n"
        "from tasks.shared_calls import close_shared_calls, run, shared_client\n"
        "from tests.support.llm_clients import options, questions\n"
        "client = shared_client(options(sys.argv[1], sys.argv[2], key_variable=None))\n"
        "async def work():\n"
        "    await asyncio.gather(*(client.ask(r) for r in questions(2000)))\n"
        "try:\n"
        "    run(work)\n"
        "except KeyboardInterrupt:\n"
        "    close_shared_calls()\n"
        "    sys.exit(130)\n"
    )
    with LLMPeer(latency_s=0.05) as peer:
        command = [sys.executable, "-c", script, peer.base_url, str(tmp_path)]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
        while len(peer.log) < 40:
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGINT)
        _, complaints = process.communicate(timeout=15)
        assert process.returncode == 130
        assert complaints == b""
        assert len(list(tmp_path.rglob("*.json"))) >= 40 - 16


def test_one_request_from_the_main_thread(tmp_path: Path) -> None:
    with LLMPeer() as peer:
        client = shared_client(options(peer.base_url, tmp_path))
        assert isinstance(run(lambda: client.ask(request())), ChatAnswer)

"""Tokens become money, and the limit of the cost holds whatever goes wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.endpoint.budget import Budget, worst_cost
from tasks.endpoint.chat import ChatAnswer
from tasks.endpoint.options import Prices
from tasks.errors import CostLimitReached
from tasks.llm import LLMClient
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
from tests.support.llm_replies import Reply, completion, error

PRICES = Prices(input_per_million=1000.0, output_per_million=4000.0)


def test_tokens_become_money_by_step(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 500}
    with LLMPeer(lambda _: {**completion("ok"), "usage": usage}) as peer:
        client = make_client(options(peer.base_url, tmp_path, prices=PRICES))

        async def work(client: LLMClient) -> None:
            await client.ask(request("a"))
            await client.ask(request("b"))
            await client.ask(request("c", step="judge"))

        run(client, work)
    judge, synthesize = client.spending()
    assert (judge.step, judge.calls, judge.cost) == ("judge", 1, pytest.approx(3.0))
    assert (synthesize.calls, synthesize.prompt_tokens) == (2, 2000)
    assert synthesize.cost == pytest.approx(6.0)
    assert (synthesize.need, synthesize.model) == ("text", "qwen-turbo")


@pytest.mark.parametrize("failure_rate", [0.0, 0.3])
def test_the_limit_of_the_cost_is_never_exceeded(tmp_path: Path, failure_rate: float) -> None:
    limit = 3.0
    with LLMPeer(failure_rate=failure_rate) as peer:
        endpoint = options(peer.base_url, tmp_path, prices=PRICES, max_cost=limit, concurrency=16)
        client = make_client(endpoint, budget=Budget(limit))
        asked = questions(200)
        assert worst_cost(asked[0], endpoint) < limit < 200 * worst_cost(asked[0], endpoint) / 4
        found = run(client, lambda c: ask_all(c, asked))
        answered = [one for one in found if isinstance(one, ChatAnswer)]
        stopped = [one for one in found if isinstance(one, CostLimitReached)]
        assert len(answered) + len(stopped) == 200 and answered and stopped
        billed = sum(
            PRICES.cost(one.usage.prompt_tokens, one.usage.completion_tokens)
            for one in answered
            if one.usage
        )
        assert spent(client).cost is not None
        assert billed <= (spent(client).cost or 0.0) + 1e-9
        assert (spent(client).cost or 0.0) <= client.budget.spent <= limit
        assert client.budget.reserved == 0

        more = make_client(options(peer.base_url, tmp_path, prices=PRICES))
        run(more, lambda c: ask_all(c, asked))
        assert spent(more).reused == len(answered)


@pytest.mark.parametrize(
    "lost", [Reply(drop="in_body"), Reply(cut=40), Reply(delay_s=30), Reply(body=completion(None))]
)
def test_what_may_have_been_worked_on_is_charged(tmp_path: Path, lost: Reply) -> None:
    with LLMPeer(script=[lost]) as peer:
        endpoint = options(peer.base_url, tmp_path, prices=PRICES, timeout_s=2)
        budget = Budget(1000.0)
        answer = ask(make_client(endpoint, budget=budget), request())
        assert answer.usage is not None
        known = PRICES.cost(answer.usage.prompt_tokens, answer.usage.completion_tokens)
        told = PRICES.cost(40, 8) if lost.body else worst_cost(request(), endpoint)
        assert budget.spent == pytest.approx(known + told)


@pytest.mark.parametrize("free", [error(429), error(500), error(503)])
def test_what_was_refused_is_not_charged(tmp_path: Path, free: Reply) -> None:
    with LLMPeer(script=[free]) as peer:
        budget = Budget(1000.0)
        endpoint = options(peer.base_url, tmp_path, prices=PRICES)
        usage = ask(make_client(endpoint, budget=budget), request()).usage
        assert usage is not None
        assert budget.spent == PRICES.cost(usage.prompt_tokens, usage.completion_tokens)


def test_an_answer_without_tokens_is_charged_at_its_worst(tmp_path: Path) -> None:
    bare = {name: value for name, value in completion("x").items() if name != "usage"}
    with LLMPeer(lambda _: bare) as peer:
        budget = Budget(1000.0)
        endpoint = options(peer.base_url, tmp_path, prices=PRICES)
        ask(make_client(endpoint, budget=budget), request())
        assert budget.spent == worst_cost(request(), endpoint)

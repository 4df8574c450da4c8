"""Estimates: of the right order, never free where something is sent, and bounded by concurrency."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tasks.endpoint.chat import ChatMessage, ChatRequest, ImagePart
from tasks.endpoint.options import EndpointOptions, Prices
from tasks.estimates import image_tokens, request_tokens, step_estimate, tokens_of, wall_seconds


def endpoint(prices: Prices | None = None) -> EndpointOptions:
    return EndpointOptions(
        need="text", base_url="http://127.0.0.1/v1", model="m", prices=prices, cache_uri="c"
    )


def test_chinese_takes_more_tokens_a_character_than_english() -> None:
    assert tokens_of("水" * 100) == 80
    assert tokens_of("word " * 20) == 25
    assert tokens_of("") == 0


def test_a_picture_counts_by_its_size_up_to_a_limit() -> None:
    assert image_tokens(280, 280) == 100
    assert image_tokens(8000, 8000) == image_tokens(4000, 4000)
    stream = io.BytesIO()
    Image.new("RGB", (280, 280)).save(stream, "JPEG")
    message = ChatMessage(role="user", text="what?", images=(ImagePart(jpeg=stream.getvalue()),))
    request = ChatRequest(step="describe", messages=(message,), max_tokens=10)
    assert 100 < request_tokens(request) < 110


def test_money_is_known_only_with_prices() -> None:
    calls = [(1000, 500), (2000, 500)]
    assert step_estimate("synthesize", endpoint(), calls).cost is None
    prices = Prices(input_per_million=1.0, output_per_million=10.0)
    found = step_estimate("synthesize", endpoint(prices), calls)
    assert found.cost == pytest.approx(3000 / 1e6 + 10 * 1000 / 1e6)
    assert (found.calls, found.prompt_tokens, found.completion_tokens) == (2, 3000, 1000)


def test_time_falls_with_concurrency_but_never_below_one_call() -> None:
    step = step_estimate("synthesize", endpoint(), [(10, 50)] * 8)
    assert wall_seconds([step], 1) == pytest.approx(16.0)
    assert wall_seconds([step], 8) == pytest.approx(2.0)
    assert wall_seconds([step], 1000) == pytest.approx(2.0)
    assert wall_seconds([step_estimate("judge", endpoint(), [])], 4) == 0

"""A preflight against an endpoint that a test writes: what is asked, and what is said of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tasks.cache import StepCache
from tasks.endpoint.options import Capabilities, EndpointOptions, Need
from tasks.endpoint.preflight import CapabilityMemory, preflight
from tasks.errors import EXIT_PREFLIGHT, PreflightFailed
from tasks.storage import Location
from tests.support.small_endpoint import Answer, Call, Reply, completion, small_endpoint

KEY = "sk-very-secret-0123456789"


def options(base_url: str, *, need: Need = "text", **more: Any) -> EndpointOptions:
    values = {"model": "some-model", "key_variable": "OPENAI_API_KEY", "cache_uri": "/tmp/none"}
    return EndpointOptions(need=need, base_url=base_url, **{**values, **more})


def ask(endpoint: EndpointOptions, folder: Path, **more: Any) -> Capabilities:
    memory = CapabilityMemory(StepCache(Location(folder)))
    return asyncio.run(preflight(endpoint, memory=memory, **{"attempts": 2, **more}))


def refusal(
    answer: Answer, folder: Path, *, certificate: Path | None = None, **more: Any
) -> tuple[str, list[Call]]:
    """The sentence with which a preflight fails, and what was asked."""
    with small_endpoint(answer, certificate) as peer:
        base_url = peer.base_url.removesuffix(more.pop("without", ""))
        with pytest.raises(PreflightFailed) as caught:
            ask(options(base_url, **more), folder)
    assert caught.value.exit_code == EXIT_PREFLIGHT
    assert caught.value.__context__ is None and caught.value.__cause__ is None
    assert KEY not in str(caught.value)
    return str(caught.value).replace(base_url, "BASE"), peer.calls


def structured(call: Call) -> str:
    return call.body.get("response_format", {"type": "text"})["type"]


def by_schema(call: Call) -> str:
    """JSON that has what the request's schema asks for."""
    schema = call.body["response_format"]["json_schema"]["schema"]
    samples = {"string": "blue", "boolean": True}
    return json.dumps({n: samples[p["type"]] for n, p in schema["properties"].items()})


def by_prompt(call: Call) -> str:
    """JSON as a model makes it up that sees the prompt only."""
    named = "colour_name" in call.body["messages"][-1]["content"]
    return '{"colour_name": "blue", "seen_by_day": true}' if named else '{"answer": "blue"}'


def served(call: Call) -> Reply:
    if structured(call) == "json_schema":
        return completion(by_schema(call))
    return completion(by_prompt(call))

"""Bodies as providers send them, and the failure that each of them is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.endpoint.chat import ChatRequest
from tasks.endpoint.error_bodies import read_error, retry_after_s
from tasks.endpoint.failures import (
    EndpointRefused,
    ItemRefused,
    ParameterRefused,
    TransientFailure,
)
from tasks.endpoint.options import Capabilities
from tasks.endpoint.wire import Wire
from tests.support.llm_clients import KEY, SHAPE, options, picture_request, request

TEXT, SHAPED, PICTURE = request("text"), request("text", shape=SHAPE), picture_request()
HOST = "https://api.example.com/v1"
# A line each: who sends it, its status and body, and what it means for which kind of request.
PROVIDER_ERRORS = [
    json.loads(line)
    for line in (Path(__file__).parent / "provider_errors.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


def failure(
    status: int,
    body: object,
    asked: ChatRequest = TEXT,
    *,
    base_url: str = HOST,
    capabilities: Capabilities | None = None,
    **more: Any,
) -> Exception:
    wire = Wire(options(base_url, **more), KEY, capabilities or Capabilities())
    return wire.failure(status, body, asked)


def openai_error(message: str, code: Any = None, type: Any = None, param: Any = None) -> Any:
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


@pytest.mark.parametrize(
    "entry", PROVIDER_ERRORS, ids=lambda entry: f"{entry['of']}: {entry['failure']}"
)
def test_each_body_is_the_failure_that_it_stands_for(entry: dict[str, Any]) -> None:
    asked = {"text": TEXT, "shaped": SHAPED, "picture": PICTURE}[entry.get("asked", "text")]
    found = failure(entry["status"], entry["body"], asked, base_url=entry.get("base_url", HOST))
    assert named(found) == entry["failure"], found
    assert KEY not in str(found) and "<html" not in str(found)


def named(found: Exception) -> str:
    if isinstance(found, ItemRefused):
        assert not found.retryable
        return f"item {found.reason}"
    if isinstance(found, ParameterRefused):
        return f"parameter {found.parameter}"
    if isinstance(found, EndpointRefused):
        return f"run {found.kind}"
    assert isinstance(found, TransientFailure) and not found.maybe_billed
    return "limited" if found.limited and found.kind == "limited" else "transient"


def test_no_text_is_refused_for_the_pictures_that_it_does_not_hold() -> None:
    for entry in PROVIDER_ERRORS:
        if entry.get("asked") == "picture":
            found = named(failure(entry["status"], entry["body"]))
            assert found not in ("run no_images", "item image_refused")


def test_only_a_parameter_of_ours_that_was_sent_can_be_left_out() -> None:
    about_temperature = openai_error("temperature is not supported", param="temperature")
    own = failure(400, about_temperature, extra_body={"temperature": 0.9})
    assert isinstance(own, EndpointRefused) and own.kind == "request"
    assert "--extra-body" in str(own)
    silent = failure(400, about_temperature, capabilities=Capabilities(takes_temperature=False))
    assert isinstance(silent, EndpointRefused) and silent.kind == "request"
    newer = Capabilities(token_parameter="max_completion_tokens")
    back = failure(
        400, openai_error("Unrecognized argument: max_completion_tokens"), capabilities=newer
    )
    assert isinstance(back, ParameterRefused) and back.parameter == "max_completion_tokens"
    unshaped = failure(400, openai_error("response_format is not supported"))
    assert isinstance(unshaped, EndpointRefused)


@pytest.mark.parametrize("status", [408, 409, 425, 500, 501, 502, 503, 504, 520, 524, 599])
@pytest.mark.parametrize("body", ["", "<html>Bad Gateway</html>", openai_error("overloaded")])
def test_what_may_pass_is_transient(status: int, body: object) -> None:
    passing = failure(status, body)
    assert isinstance(passing, TransientFailure), passing
    assert passing.kind == "status" and str(status) in passing.detail
    assert passing.maybe_billed == (status in (504, 524))
    assert "<html" not in passing.detail


# --- sentences -------------------------------------------------------------------------------


def test_a_refused_key_is_never_quoted_and_names_both_sides() -> None:
    for need, variable, url in (
        ("text", "OPENAI_API_KEY", "BASE_URL"),
        ("vision", "VISION_API_KEY", "VISION_BASE_URL"),
    ):
        echo = openai_error(f"Incorrect API key provided: {KEY[:8]}***{KEY[-4:]}")
        sentence = str(failure(401, echo, need=need, key_variable=variable))
        assert "same provider" in sentence
        for part in (variable, url, "api.example.com"):
            assert part in sentence
        assert "Incorrect" not in sentence and KEY[-4:] not in sentence


def test_an_endpoint_that_wants_a_key_and_got_none_says_so() -> None:
    sentence = str(failure(401, "", key_variable=None))
    assert "without one" in sentence and "OPENAI_API_KEY" in sentence


@pytest.mark.parametrize(
    "echo", [KEY, f"Bearer {KEY}", "sk-proj-abc***xyz", "sk-abcdefghijkl", "api-********-9f"]
)
def test_a_quoted_message_shows_no_key(echo: str) -> None:
    for status in (400, 403, 404, 402):
        sentence = str(failure(status, openai_error(f"denied to {echo}, sorry")))
        assert echo not in sentence and KEY[-6:] not in sentence


def test_parts_of_a_key_give_it_away_too() -> None:
    for part in (KEY[:10], KEY[-8:], f"{KEY[:7]}**{KEY[-6:]}"):
        sentence = str(failure(403, openai_error(f"the key {part} may not do this")))
        assert KEY[-6:] not in sentence and KEY[:7] not in sentence
        assert "may not do this" in sentence


def test_a_document_that_a_fault_repeats_decides_nothing() -> None:
    text = "账户欠费 insufficient balance; inappropriate content; context length; model not found"
    fault = {"loc": ["body", "top_k"], "msg": "extra fields not permitted", "input": text}
    refused = failure(422, {"detail": [fault]})
    assert isinstance(refused, EndpointRefused) and refused.kind == "request"
    assert "body.top_k: extra fields not permitted" in str(refused)
    assert "欠费" not in str(refused)
    echoed = openai_error("bad value: " + "x" * 2000 + text)
    assert named(failure(400, echoed)) == "run request"


def test_a_quoted_message_is_one_short_line() -> None:
    sentence = str(failure(400, openai_error("bad\n\x1b[31mthing\r\n" + "很长" * 500)))
    assert "\n" not in sentence and "\x1b" not in sentence
    assert "很长" in sentence and len(sentence) < 700


def test_a_path_without_v1_is_given_the_address_with_it() -> None:
    sentence = str(failure(404, {"detail": "Not Found"}, base_url="http://localhost:8000"))
    assert "BASE_URL to http://localhost:8000/v1" in sentence
    other = str(failure(404, {"detail": "Not Found"}, base_url="http://localhost:8000/v1"))
    assert "lacks /v1" not in other and "BASE_URL" in other


def test_a_missing_model_names_the_variable_of_its_need() -> None:
    body = openai_error("no such model", "model_not_found")
    assert "Set MODEL to" in str(failure(404, body))
    assert "Set VISION_MODEL to" in str(failure(404, body, need="vision"))


def test_a_thinking_model_is_told_how_to_stop() -> None:
    body = openai_error("This model only support stream mode, please enable the stream parameter")
    assert '{"enable_thinking": false}' in str(failure(400, body))


# --- how long to wait ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({}, "", None),
        ({"retry-after": "7"}, "", 7.0),
        ({"retry-after": "0.5"}, "", 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, "", 0.25),
        ({"retry-after": "soon", "retry-after-ms": "x"}, "", None),
        ({"retry-after": "-3"}, "", None),
        ({"retry-after": "inf"}, "", None),
        (
            {
                "retry-after": "Sun, 22 Nov 2026 10:00:30 GMT",
                "date": "Sun, 22 Nov 2026 10:00:10 GMT",
            },
            "",
            20.0,
        ),
        ({"retry-after": "Thu, 01 Jan 1998 00:00:00 GMT"}, "", 0.0),
        ({}, "Please try again in 20s.", 20.0),
        ({}, "Please try again in 1m30.5s.", 90.5),
        ({}, "Please try again in 250ms.", 0.25),
        ({"retry-after": "2"}, "Please retry in 33.7s", 2.0),
    ],
)
def test_the_wish_to_wait_is_read_in_every_form(
    headers: dict[str, str], message: str, seconds: float | None
) -> None:
    assert retry_after_s(headers, message) == seconds


@pytest.mark.parametrize(
    "body", [None, 3, "x", b"\xff\xfe", [], [[]], {}, {"error": None}, {"error": []}, "[" * 9999]
)
def test_no_body_is_too_strange_to_be_read(body: object) -> None:
    assert read_error(400, body).status == 400

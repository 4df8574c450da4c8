"""One small call before the run: what it learns, what it says, and that no key is ever said."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from tasks.cache import StepCache
from tasks.endpoint.options import Capabilities, EndpointOptions, Need, Prices
from tasks.endpoint.preflight import CapabilityMemory, describe_capabilities, preflight
from tasks.endpoint.spending import StepSpending
from tasks.errors import EXIT_PREFLIGHT, PreflightFailed
from tasks.settings import settings
from tasks.storage import Location
from tests.support.llm_peer import LLMPeer
from tests.support.llm_replies import Reply as Dropped
from tests.support.small_endpoint import (
    Answer,
    Call,
    Reply,
    completion,
    error,
    self_signed_certificate,
    small_endpoint,
    unused_port,
)

KEY = "sk-very-secret-0123456789"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


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


# --- what is found out -----------------------------------------------------------------------


def test_one_call_where_everything_is_as_openai_has_it(tmp_path: Path) -> None:
    spent: list[StepSpending] = []
    with small_endpoint(served) as peer:
        endpoint = options(
            peer.base_url, prices=Prices(input_per_million=1e6, output_per_million=2e6)
        )
        found = ask(endpoint, tmp_path, on_spent=spent.append)
    assert found == Capabilities()
    (call,) = peer.calls
    assert (call.path, call.key, call.body["model"]) == ("/v1/chat/completions", KEY, "some-model")
    assert call.body["max_tokens"] >= 256
    assert describe_capabilities(found, endpoint).startswith("some-model at 127.0.0.1:")
    assert describe_capabilities(found, endpoint).endswith(": answers as json_schema")
    (used,) = spent
    assert (used.step, used.calls, used.failed_attempts) == ("preflight", 1, 0)
    assert (used.prompt_tokens, used.completion_tokens, used.cost) == (40, 12, 64.0)


def only_json_object(call: Call) -> Reply:
    if structured(call) == "json_schema":
        return error(400, "response_format type json_schema is unavailable now")
    return completion(by_prompt(call))


def ignores_the_schema(call: Call) -> Reply:
    return completion(by_prompt(call))


def refuses_without_saying_why(call: Call) -> Reply:
    return error(400, "Bad Request") if structured(call) == "json_schema" else served(call)


@pytest.mark.parametrize(
    "answer", [only_json_object, ignores_the_schema, refuses_without_saying_why]
)
def test_json_object_where_a_schema_is_refused_or_ignored_and_remembered(
    tmp_path: Path, answer: Answer
) -> None:
    with small_endpoint(answer) as peer:
        endpoint = options(peer.base_url)
        found = ask(endpoint, tmp_path)
        assert found.structured == "json_object"
        assert [structured(call) for call in peer.calls] == ["json_schema", "json_object"]
        assert ask(endpoint, tmp_path) == found
    assert [structured(call) for call in peer.calls][2:] == ["json_object"]
    assert describe_capabilities(found, endpoint).endswith("answers as json_object")


def test_any_json_object_will_do_where_no_schema_is_enforced(tmp_path: Path) -> None:
    with small_endpoint(lambda call: completion('{"something": "else"}')) as peer:
        assert ask(options(peer.base_url), tmp_path).structured == "json_object"


def test_json_in_text_where_no_format_is_taken(tmp_path: Path) -> None:
    def answer(call: Call) -> Reply:
        if "response_format" in call.body:
            return error(400, "'response_format' is not supported by this model")
        return completion(f"Here you are:\n```json\n{by_prompt(call)}\n```")

    with small_endpoint(answer) as peer:
        assert ask(options(peer.base_url), tmp_path).structured == "text"


def test_a_reasoning_model_of_openai(tmp_path: Path) -> None:
    def answer(call: Call) -> Reply:
        if "max_tokens" in call.body:
            return error(
                400,
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                "'max_completion_tokens' instead.",
                "unsupported_parameter",
            )
        if "temperature" in call.body:
            return error(
                400,
                "Unsupported value: 'temperature' does not support 0.2 with this model. Only the "
                "default (1) value is supported.",
                "unsupported_value",
            )
        return served(call)

    with small_endpoint(answer) as peer:
        endpoint = options(peer.base_url)
        found = ask(endpoint, tmp_path)
        assert found == Capabilities(
            token_parameter="max_completion_tokens", takes_temperature=False
        )
        assert len(peer.calls) == 3
        assert ask(endpoint, tmp_path) == found
        assert len(peer.calls) == 4
    said = describe_capabilities(found, endpoint)
    assert said.endswith("json_schema, limited by max_completion_tokens, at its own temperature")


def test_what_was_remembered_is_found_out_anew_where_it_no_longer_holds(tmp_path: Path) -> None:
    current = {"answer": served}
    with small_endpoint(lambda call: current["answer"](call)) as peer:
        endpoint = options(peer.base_url)
        assert ask(endpoint, tmp_path).structured == "json_schema"
        current["answer"] = only_json_object
        assert ask(endpoint, tmp_path).structured == "json_object"
        # Another model, and the same one with other extra fields, were never asked.
        for other in ({"model": "another"}, {"extra_body": {"enable_thinking": False}}):
            ask(options(peer.base_url, **other), tmp_path)
            assert structured(peer.calls[-2]) == "json_schema"


def test_thinking_that_uses_all_tokens_up_counts_as_reached(tmp_path: Path) -> None:
    with small_endpoint(lambda call: completion("", finish="length")) as peer:
        assert ask(options(peer.base_url), tmp_path) == Capabilities()
        ask(options(peer.base_url), tmp_path)
    assert len(peer.calls) == 2  # nothing certain was learnt, so nothing was remembered


def test_a_vision_model_is_shown_a_picture(tmp_path: Path) -> None:
    from PIL import Image

    with small_endpoint(lambda call: completion("Green.")) as peer:
        endpoint = options(peer.base_url, need="vision")
        found = ask(endpoint, tmp_path)
    (call,) = peer.calls
    assert "response_format" not in call.body
    text, picture = call.body["messages"][-1]["content"]
    assert text["type"] == "text"
    header, data = picture["image_url"]["url"].split(",", 1)
    assert header == "data:image/jpeg;base64"
    image = Image.open(BytesIO(base64.b64decode(data)))
    assert image.format == "JPEG"
    assert min(image.size) >= 32
    assert describe_capabilities(found, endpoint).endswith(": takes pictures")


def test_an_endpoint_that_limits_us_is_there(tmp_path: Path) -> None:
    limited = error(429, "slow down", Retry_After="0")
    answers = [limited, None]

    def answer(call: Call) -> Reply:
        return (answers.pop(0) if answers else None) or served(call)

    with small_endpoint(answer) as peer:
        assert ask(options(peer.base_url), tmp_path) == Capabilities()
    with small_endpoint(lambda call: limited) as peer:
        spent: list[StepSpending] = []
        found = ask(options(peer.base_url), tmp_path, on_spent=spent.append)
    assert found == Capabilities()
    assert len(peer.calls) == 2
    assert (spent[0].calls, spent[0].failed_attempts, spent[0].cost) == (0, 2, None)


def test_what_passes_is_tried_again(tmp_path: Path) -> None:
    first = [error(503, "overloaded", Retry_After="0")]
    with small_endpoint(lambda call: first.pop() if first else served(call)) as peer:
        assert ask(options(peer.base_url), tmp_path) == Capabilities()
    assert len(peer.calls) == 2


# --- what is said ----------------------------------------------------------------------------


def test_a_refused_key_is_named_with_its_address_and_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = error(401, f"Incorrect API key provided: {KEY}.", "invalid_api_key")
    said, calls = refusal(lambda call: echo, tmp_path)
    assert said.startswith(
        "BASE refused the key of OPENAI_API_KEY. Key and base URL must belong to the same provider"
    )
    assert len(calls) == 1
    assert KEY not in caplog.text


def test_no_key_where_one_is_wanted(tmp_path: Path) -> None:
    said, calls = refusal(lambda call: error(401, "no"), tmp_path, key_variable=None)
    assert said.startswith("BASE asks for a key, and it was called without one: set OPENAI_API_KEY")
    assert KEY not in calls[0].key
    said, _ = refusal(lambda call: error(401, "no"), tmp_path, key_variable=None, need="vision")
    assert "set VISION_API_KEY" in said
    assert said.endswith("OPENAI_API_KEY is sent to the text model's host only")


def test_openai_without_a_key_is_not_called_at_all(tmp_path: Path) -> None:
    with pytest.raises(PreflightFailed, match="Set OPENAI_API_KEY, or BASE_URL"):
        ask(options("https://api.openai.com/v1", key_variable=None), tmp_path)


def test_forbidden_and_unpaid(tmp_path: Path) -> None:
    said, _ = refusal(lambda call: error(403, "not for you"), tmp_path)
    assert said.startswith("BASE does not let this key, or this network, use the model some-model")
    for status, code in ((402, None), (429, "insufficient_quota"), (400, "Arrearage")):
        said, calls = refusal(lambda call, s=status, c=code: error(s, "pay first", c), tmp_path)
        assert "cannot pay for calls of some-model" in said
        assert len(calls) == 1


def lists_models(*names: str, base: str = "/v1") -> Answer:
    """Has these models, and not the one that is asked for."""

    def answer(call: Call) -> Reply:
        if call.path == f"{base}/models":
            assert call.key == KEY
            return Reply({"object": "list", "data": [{"id": name} for name in names]})
        if call.path == f"{base}/chat/completions":
            return error(404, "The model `some-model` does not exist", "model_not_found")
        return Reply("404 page not found", 404)

    return answer


def test_a_model_that_is_not_there_names_the_variable_and_the_closest(tmp_path: Path) -> None:
    others = [f"embedding-{number}" for number in range(20)]
    said, _ = refusal(lists_models(*others, "vendor/Some-Model-2", "some-modal"), tmp_path)
    assert said.startswith("BASE has no model 'some-model'")
    assert "Set MODEL to one that it serves" in said
    assert "It has vendor/Some-Model-2, some-modal, embedding-" in said
    assert said.endswith("and 12 more")
    said, _ = refusal(lists_models(), tmp_path, need="vision")
    assert "Set VISION_MODEL to one that it serves" in said
    assert said.endswith("It lists no model at all")
    said, _ = refusal(lists_models("some-model"), tmp_path)
    assert said.endswith("It lists some-model all the same: the key may not be allowed to use it")


@pytest.mark.parametrize("listing", [Reply("nope", 500), Reply("<html>"), Reply({"data": 5})])
def test_a_list_that_cannot_be_read_leaves_the_sentence(tmp_path: Path, listing: Reply) -> None:
    def answer(call: Call) -> Reply:
        if call.method == "GET":
            return listing
        return error(404, "The model `some-model` does not exist", "model_not_found")

    said, _ = refusal(answer, tmp_path)
    assert "It has" not in said
    assert said.startswith("BASE has no model 'some-model'")


def test_a_base_url_without_v1_is_told_the_address_that_works(tmp_path: Path) -> None:
    said, _ = refusal(lists_models("some-model"), tmp_path, without="/v1")
    assert said == (
        "the base URL lacks /v1: BASE/v1 lists models, BASE takes no calls. Set BASE_URL to BASE/v1"
    )


def test_a_web_page_in_place_of_an_endpoint(tmp_path: Path) -> None:
    page = Reply("<!doctype html><html><body>Welcome</body></html>")
    said, _ = refusal(lambda call: page, tmp_path, without="/v1")
    assert said.startswith("BASE answers with a web page, not with an answer.")
    assert "BASE/v1" in said
    both = lists_models("some-model")
    said, _ = refusal(
        lambda call: page if call.path == "/chat/completions" else both(call),
        tmp_path,
        without="/v1",
    )
    assert said.startswith("the base URL lacks /v1")


def test_a_wrong_path_elsewhere(tmp_path: Path) -> None:
    said, _ = refusal(lambda call: Reply("404 page not found", 404), tmp_path)
    assert said.startswith("BASE/chat/completions is no address of an OpenAI-compatible endpoint")


def test_nobody_listens(tmp_path: Path) -> None:
    base_url = f"http://127.0.0.1:{unused_port()}/v1"
    with pytest.raises(PreflightFailed) as caught:
        ask(options(base_url), tmp_path)
    assert f"{base_url[7:-3]} cannot be reached (" in str(caught.value)
    assert "Is the server (Ollama, vLLM) running there?" in str(caught.value)


def test_a_host_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(PreflightFailed) as caught:
        ask(options("https://no-such-host.invalid/v1"), tmp_path)
    assert str(caught.value).startswith("no-such-host.invalid cannot be reached (")
    assert "the spelling of BASE_URL" in str(caught.value)


def test_a_certificate_that_nobody_vouches_for(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    pem = self_signed_certificate(tmp_path)
    said, calls = refusal(served, tmp_path, certificate=pem)
    assert said.startswith("the certificate of 127.0.0.1:")
    assert "SSL_CERT_FILE" in said
    assert not any(word in said.lower() for word in ("verify=", "insecure", "disable"))
    assert calls == []
    environment.setenv("SSL_CERT_FILE", str(pem))
    with small_endpoint(served, pem) as peer:
        assert ask(options(peer.base_url), tmp_path) == Capabilities()


def test_https_to_a_server_that_speaks_http(tmp_path: Path) -> None:
    with small_endpoint(served) as peer, pytest.raises(PreflightFailed) as caught:
        ask(options(peer.base_url.replace("http://", "https://")), tmp_path)
    assert "does not speak TLS" in str(caught.value)


def test_a_proxy_that_fails_is_named_without_its_password(
    tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    port = unused_port()
    environment.setenv("HTTPS_PROXY", f"http://someone:hunter2@127.0.0.1:{port}")
    with pytest.raises(PreflightFailed) as caught:
        ask(options("https://endpoint.example/v1"), tmp_path)
    said = str(caught.value)
    assert f"Calls go through the proxy of HTTPS_PROXY (127.0.0.1:{port})" in said
    assert "NO_PROXY=endpoint.example" in said
    assert "hunter2" not in said
    with small_endpoint(lambda call: Reply("who are you?", 407)) as proxy:
        environment.setenv("HTTPS_PROXY", proxy.base_url.removesuffix("/v1"))
        with pytest.raises(PreflightFailed) as caught:
            ask(options("https://endpoint.example/v1"), tmp_path)
    assert "endpoint.example cannot be reached (the proxy refused: 407" in str(caught.value)
    assert {call.method for call in proxy.calls} == {"CONNECT"}


def test_a_vision_model_that_takes_no_pictures(tmp_path: Path) -> None:
    deepseek = error(400, "unknown variant `image_url`, expected `text`")
    said, _ = refusal(lambda call: deepseek, tmp_path, need="vision")
    assert said.startswith("the model some-model at 127.0.0.1:")
    assert "takes no images" in said
    assert "Set VISION_MODEL to one that does, or unset it" in said
    refused = error(400, "The image format is illegal and cannot be opened", "invalid_image")
    said, _ = refusal(lambda call: refused, tmp_path, need="vision")
    assert "refused a small plain JPEG" in said


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't see any images. Could you describe it?",
        "I am unable to view images.",
        "No image was provided.",
        "I don’t see any picture in your message.",
        "抱歉，我无法查看图片。",
        "您好，我没有看到图片。",
    ],
)
def test_a_model_that_is_not_shown_the_picture_is_found_out(tmp_path: Path, answer: str) -> None:
    said, _ = refusal(lambda call: completion(answer), tmp_path, need="vision")
    assert "was given a picture and answers that it sees none" in said


@pytest.mark.parametrize(
    "answer", ["Red", "绿色", "Green. There is no image text.", "I cannot see any image but green."]
)
def test_a_model_that_sees_something_is_left_alone(tmp_path: Path, answer: str) -> None:
    with small_endpoint(lambda call: completion(answer)) as peer:
        assert ask(options(peer.base_url, need="vision"), tmp_path) == Capabilities()


def test_a_model_that_does_not_answer_in_json(tmp_path: Path) -> None:
    said, calls = refusal(lambda call: completion("It is blue."), tmp_path)
    assert "does not answer a simple question with one JSON object" in said
    assert "Set MODEL to a model that follows instructions" in said
    assert [structured(call) for call in calls] == [
        "json_schema", "json_object", "json_object", "text", "text",
    ]  # fmt: skip


def test_a_context_without_room(tmp_path: Path) -> None:
    short = error(
        400, "This model's maximum context length is 512 tokens", "context_length_exceeded"
    )
    said, _ = refusal(lambda call: short, tmp_path)
    assert "has no room for a question of one line" in said


def test_errors_only(tmp_path: Path) -> None:
    said, calls = refusal(lambda call: error(503, "overloaded", Retry_After="0"), tmp_path)
    assert "answers with errors only, 2 times in a row (status 503, overloaded)" in said
    assert len(calls) == 2


def test_a_connection_that_ends_before_the_answer(tmp_path: Path) -> None:
    with LLMPeer(script=[Dropped(drop="before")] * 2) as peer:
        with pytest.raises(PreflightFailed, match="ends the connection without an answer, 2 times"):
            ask(options(peer.base_url), tmp_path)
        assert ask(options(peer.base_url), tmp_path) == Capabilities()


def test_an_endpoint_that_fails_at_random_is_found_all_the_same(tmp_path: Path) -> None:
    for seed in range(3):
        with LLMPeer(failure_rate=0.3, seed=seed) as peer:
            assert ask(options(peer.base_url), tmp_path / str(seed), attempts=5) == Capabilities()


def test_success_that_is_none(tmp_path: Path) -> None:
    for body in ({"hello": "world"}, '{"choices": [{"mess'):
        said, _ = refusal(lambda call, body=body: Reply(body), tmp_path)
        assert said.startswith("BASE does not answer as an OpenAI-compatible endpoint does")


def test_a_request_that_is_refused_for_itself(tmp_path: Path) -> None:
    said, calls = refusal(
        lambda call: error(400, "parameter.enable_thinking must be set to false"),
        tmp_path,
        extra_body={"enable_thinking": True},
    )
    assert "refuses what is asked of some-model (400)" in said
    assert "--extra-body" in said
    assert len(calls) == 3


def test_an_answer_that_does_not_come(tmp_path: Path) -> None:
    import threading

    released = threading.Event()

    def answer(call: Call) -> Reply:
        released.wait(30)
        return served(call)

    with small_endpoint(answer) as peer:
        try:
            with pytest.raises(PreflightFailed) as caught:
                ask(options(peer.base_url, timeout_s=0.2), tmp_path, attempts=5)
        finally:
            released.set()
    assert "did not answer a question of one line (no answer within 0.2 seconds)" in str(
        caught.value
    )
    assert len(peer.calls) == 2

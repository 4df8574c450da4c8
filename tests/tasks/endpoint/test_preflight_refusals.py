"""A preflight that fails: what it says, what it advises, and that no key is ever said."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tasks.endpoint.options import Capabilities
from tasks.errors import PreflightFailed
from tests.support.llm_peer import LLMPeer
from tests.support.llm_replies import Reply as Dropped
from tests.support.preflights import KEY, ask, options, refusal, served, structured
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

pytestmark = pytest.mark.usefixtures("endpoint_key")


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
    tmp_path: Path, endpoint_key: pytest.MonkeyPatch
) -> None:
    pem = self_signed_certificate(tmp_path)
    said, calls = refusal(served, tmp_path, certificate=pem)
    assert said.startswith("the certificate of 127.0.0.1:")
    assert "SSL_CERT_FILE" in said
    assert not any(word in said.lower() for word in ("verify=", "insecure", "disable"))
    assert calls == []
    endpoint_key.setenv("SSL_CERT_FILE", str(pem))
    with small_endpoint(served, pem) as peer:
        assert ask(options(peer.base_url), tmp_path) == Capabilities()


def test_https_to_a_server_that_speaks_http(tmp_path: Path) -> None:
    with small_endpoint(served) as peer, pytest.raises(PreflightFailed) as caught:
        ask(options(peer.base_url.replace("http://", "https://")), tmp_path)
    assert "does not speak TLS" in str(caught.value)


def test_a_proxy_that_fails_is_named_without_its_password(
    tmp_path: Path, endpoint_key: pytest.MonkeyPatch
) -> None:
    port = unused_port()
    endpoint_key.setenv("HTTPS_PROXY", f"http://someone:hunter2@127.0.0.1:{port}")
    with pytest.raises(PreflightFailed) as caught:
        ask(options("https://endpoint.example/v1"), tmp_path)
    said = str(caught.value)
    assert f"Calls go through the proxy of HTTPS_PROXY (127.0.0.1:{port})" in said
    assert "NO_PROXY=endpoint.example" in said
    assert "hunter2" not in said
    with small_endpoint(lambda call: Reply("who are you?", 407)) as proxy:
        endpoint_key.setenv("HTTPS_PROXY", proxy.base_url.removesuffix("/v1"))
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
    assert len(peer.calls) <= 2

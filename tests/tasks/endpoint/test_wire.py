"""One attempt over a real socket: what is sent, and every way in which an answer can be none."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tasks.endpoint.adapting import adapted
from tasks.endpoint.chat import ChatAnswer, ChatMessage, ChatRequest
from tasks.endpoint.failures import (
    EndpointRefused,
    ItemRefused,
    ParameterRefused,
    TransientFailure,
)
from tasks.endpoint.options import Capabilities
from tasks.endpoint.wire import Wire
from tasks.records import Usage
from tests.support.llm_clients import KEY, SHAPE, jpeg, options, picture_request, request, send
from tests.support.llm_peer import LLMPeer
from tests.support.llm_replies import WEB_PAGE, Reply, completion, error, raw_server


@pytest.fixture(scope="module")
def peer() -> Iterator[LLMPeer]:
    with LLMPeer() as running:
        yield running


def answered(peer: LLMPeer, reply: Reply | Any, asked: ChatRequest | None = None) -> ChatAnswer:
    peer.script.append(reply if isinstance(reply, Reply) else Reply(body=reply))
    return send(peer.base_url, asked)


# --- what is sent ----------------------------------------------------------------------------


def test_an_answer_comes_back_with_its_tokens(peer: LLMPeer) -> None:
    answer = answered(peer, completion("好的。"))
    assert answer == ChatAnswer(
        text="好的。",
        finish_reason="stop",
        usage=Usage(prompt_tokens=40, completion_tokens=8),
        model="qwen-turbo",
    )


def test_the_body_follows_the_capabilities() -> None:
    wire = Wire(options("http://127.0.0.1:1/v1"), KEY, Capabilities())
    system = ChatMessage(role="system", text="规则")
    asked = request("问题", shape=SHAPE, max_tokens=77, temperature=0.0)
    asked = asked.model_copy(update={"messages": (system, *asked.messages)})
    messages = [{"role": "system", "content": "规则"}, {"role": "user", "content": "问题"}]
    assert wire.body(asked) == {
        "model": "qwen-turbo",
        "messages": messages,
        "max_tokens": 77,
        "temperature": 0.0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": SHAPE.json_schema},
        },
    }
    least = Capabilities(
        structured="text", token_parameter="max_completion_tokens", takes_temperature=False
    )
    assert wire.with_capabilities(least).body(asked) == {
        "model": "qwen-turbo",
        "messages": messages,
        "max_completion_tokens": 77,
    }
    middle = wire.with_capabilities(Capabilities(structured="json_object"))
    assert middle.body(asked)["response_format"] == {"type": "json_object"}
    assert "response_format" not in wire.body(request())


def test_extra_body_wins_over_what_is_ours() -> None:
    extra = {"enable_thinking": False, "temperature": 1.0, "max_tokens": 5}
    body = Wire(options("http://x/v1", extra_body=extra), KEY, Capabilities()).body(request())
    assert (body["enable_thinking"], body["temperature"], body["max_tokens"]) == (False, 1.0, 5)


def test_a_picture_is_sent_as_a_jpeg_data_uri(peer: LLMPeer) -> None:
    send(peer.base_url, picture_request("图中是什么?"))
    content = peer.log[-1].body["messages"][0]["content"]
    assert content[0] == {"type": "text", "text": "图中是什么?"}
    head, _, data = content[1]["image_url"]["url"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == jpeg(40, 30)


def test_the_environment_of_openai_reaches_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OPENAI_API_KEY": "sk-of-openai",
        "OPENAI_ADMIN_KEY": "sk-of-an-admin",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_ORG_ID": "org-secret",
        "OPENAI_PROJECT_ID": "proj-secret",
        "OPENAI_CUSTOM_HEADERS": "Authorization: Bearer other\nX-Secret: yes",
    }.items():
        monkeypatch.setenv(name, value)
    seen: list[str] = []
    with raw_server(b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n", seen) as base_url:
        for key in (KEY, None):
            with pytest.raises(TransientFailure):
                send(base_url, key=key)
    assert f"authorization: bearer {KEY}" in seen[0].lower()
    assert "authorization: bearer none" in seen[1].lower()
    for head in seen:
        assert "secret" not in head and "openai-organization" not in head.lower()
        assert "sk-of" not in head and "other" not in head


def test_one_attempt_is_one_call(peer: LLMPeer) -> None:
    before = len(peer.log)
    with pytest.raises(TransientFailure):
        answered(peer, error(500))
    assert len(peer.log) == before + 1


# --- successes that are none -----------------------------------------------------------------

USED = Usage(prompt_tokens=40, completion_tokens=8)
BARE = {name: value for name, value in completion("x").items() if name != "usage"}


@pytest.mark.parametrize(
    ("reply", "kind", "usage"),
    [
        (Reply(cut=60), "broken_body", None),
        (Reply(body=b""), "broken_body", None),
        (Reply(body=b"[1, 2]"), "broken_body", None),
        (Reply(body=b"\xff\xfe\x00{"), "broken_body", None),
        (Reply(body=b"[" * 100_000), "broken_body", None),
        (Reply(body="OK"), "broken_body", None),
        (Reply(body=WEB_PAGE), "html", None),
        (Reply(drop="before"), "dropped", None),
        (Reply(drop="in_body"), "dropped", None),
        (Reply(body={"error": {"message": "upstream", "code": 502}}), "error_body", None),
        (Reply(body={"error": "upstream"}), "error_body", None),
        (Reply(body={"error": {"message": "no such thing", "code": 400}}), "error_body", None),
        (Reply(body={"error": {"message": "slow down", "code": 429}}), "limited", None),
        (Reply(body={}), "no_choices", None),
        (Reply(body={**completion("x"), "choices": None}), "no_choices", USED),
        (Reply(body={**completion("x"), "choices": []}), "no_choices", USED),
        (Reply(body={**completion("x"), "choices": [None]}), "no_choices", USED),
        (Reply(body={**completion("x"), "choices": [{"index": 0}]}), "no_choices", USED),
        (Reply(body=completion(None)), "empty", USED),
        (Reply(body=completion(" \n\t")), "empty", USED),
        (Reply(body=completion("<think>hm, hm</think>\n")), "empty", USED),
        (Reply(body=completion(None, reasoning_content="I think so")), "empty", USED),
        (Reply(body=completion("x", finish_reason="error")), "error_body", USED),
        (Reply(body=completion("x", finish_reason="network_error")), "error_body", USED),
    ],
)
def test_a_success_that_is_no_answer_is_a_failed_attempt(
    peer: LLMPeer, reply: Reply, kind: str, usage: Usage | None
) -> None:
    with pytest.raises(TransientFailure) as caught:
        answered(peer, reply)
    assert (caught.value.kind, caught.value.usage) == (kind, usage)
    assert caught.value.maybe_billed == (kind not in ("html", "limited"))
    assert caught.value.limited == (kind == "limited")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (completion("Half an ans", finish_reason="length"), "answer_too_long"),
        (completion(None, finish_reason="length", reasoning_content="…"), "answer_too_long"),
        (completion("", finish_reason="content_filter"), "content_refused"),
        (completion("x", finish_reason="sensitive"), "content_refused"),
        (completion(None, refusal="I cannot help with that."), "content_refused"),
    ],
)
def test_an_end_that_will_always_be_the_same_rejects_the_item(
    peer: LLMPeer, body: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ItemRefused) as caught:
        answered(peer, body)
    assert caught.value.reason == reason
    assert caught.value.usage == USED
    assert not caught.value.retryable


def test_a_refusal_inside_an_error_with_200_is_final(peer: LLMPeer) -> None:
    body = {"error": {"message": "Output data may contain inappropriate content.", "code": 400}}
    with pytest.raises(ItemRefused, match="content_refused"):
        answered(peer, body)
    with pytest.raises(EndpointRefused, match="Top up"):
        answered(peer, {"error": {"message": "Insufficient credits", "code": 402}})


def test_thinking_is_no_part_of_an_answer(peer: LLMPeer) -> None:
    body = completion("<think>先想</think>\n答案", reasoning_content="more thoughts")
    assert answered(peer, body).text == "答案"


def test_an_answer_in_parts_is_joined(peer: LLMPeer) -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}, {"type": "x"}]
    body = completion("x")
    body["choices"][0]["message"]["content"] = parts
    assert answered(peer, body).text == "one two"


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "3", "completion_tokens": 4}, 5])
def test_tokens_that_are_not_told_are_unknown(peer: LLMPeer, usage: Any) -> None:
    assert answered(peer, {**BARE, "usage": usage}).usage is None


def test_a_stream_is_refused_with_the_option_to_change(peer: LLMPeer) -> None:
    with pytest.raises(EndpointRefused, match="--extra-body"):
        answered(peer, Reply(body='data: {"choices": []}\n\ndata: [DONE]\n'))


# --- shapes ----------------------------------------------------------------------------------


def test_an_answer_with_a_shape_is_one_canonical_object(peer: LLMPeer) -> None:
    said = 'Sure:\n```json\n{ "score": 4.0,\n "title": "泵", "why": "…" }\n```'
    answer = answered(peer, completion(said), request(shape=SHAPE))
    assert answer.text == '{"score":4,"title":"泵"}'
    assert json.loads(answer.text) == {"title": "泵", "score": 4}


@pytest.mark.parametrize("said", ["no", '{"title": "x"}', '{"title": 1, "score": 2}', '{"a"'])
def test_a_broken_shape_is_a_failed_attempt_that_was_paid(peer: LLMPeer, said: str) -> None:
    with pytest.raises(TransientFailure) as caught:
        answered(peer, completion(said), request(shape=SHAPE))
    assert (caught.value.kind, caught.value.usage) == ("malformed_json", USED)
    assert caught.value.maybe_billed


# --- statuses --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_statuses_that_pass(peer: LLMPeer, status: int) -> None:
    with pytest.raises(TransientFailure) as caught:
        answered(peer, error(status, headers={"Retry-After": "12"}))
    assert caught.value.retry_after_s == 12
    assert caught.value.limited == (status in (429, 529))


def test_statuses_that_stop(peer: LLMPeer) -> None:
    for status, kind in {401: "key", 402: "payment", 403: "forbidden", 400: "request"}.items():
        with pytest.raises(EndpointRefused) as caught:
            answered(peer, error(status, f"denied for {KEY}"))
        assert caught.value.kind == kind
        assert KEY not in str(caught.value)


def test_the_peer_checks_the_key_and_its_echo_is_not_shown() -> None:
    with LLMPeer(api_key="another") as guarded, pytest.raises(EndpointRefused) as caught:
        send(guarded.base_url)
    sentence = str(caught.value)
    assert KEY not in sentence and KEY[-6:] not in sentence
    assert "OPENAI_API_KEY" in sentence
    chain: BaseException | None = caught.value
    while chain is not None:  # nothing that holds the request hangs on it either
        assert not hasattr(chain, "request")
        chain = chain.__cause__ or chain.__context__


def test_a_wrong_path_and_a_wrong_model_are_told_apart() -> None:
    with LLMPeer(models=("qwen-max",)) as picky:
        with pytest.raises(EndpointRefused) as caught:
            send(picky.base_url)
        assert caught.value.kind == "model"
        with pytest.raises(EndpointRefused) as caught:
            send(picky.base_url.removesuffix("/v1"))
        assert caught.value.kind == "path"
        assert f"{picky.base_url}" in str(caught.value)


def test_a_redirect_is_not_followed() -> None:
    moved = Reply(status=301, body=b"", headers={"Location": "https://elsewhere.example/v1"})
    with LLMPeer(script=[moved]) as moving, pytest.raises(EndpointRefused) as caught:
        send(moving.base_url)
    assert "https://elsewhere.example/v1" in str(caught.value)


def test_parameters_are_given_up_one_by_one_until_it_works() -> None:
    refused = {"max_tokens", "temperature", "json_schema", "json_object"}
    capabilities = Capabilities()
    with LLMPeer(lambda _: '{"title": "t", "score": 1}', refuses=refused) as simple:
        for _ in range(4):
            with pytest.raises(ParameterRefused) as caught:
                send(simple.base_url, request(shape=SHAPE), capabilities=capabilities)
            changed = adapted(capabilities, caught.value)
            assert changed is not None and changed != capabilities
            capabilities = changed
        send(simple.base_url, request(shape=SHAPE), capabilities=capabilities)
    assert capabilities == Capabilities(
        structured="text", token_parameter="max_completion_tokens", takes_temperature=False
    )
    assert adapted(capabilities, ParameterRefused("response_format", "")) is None
    assert adapted(capabilities, ParameterRefused("temperature", "")) is None

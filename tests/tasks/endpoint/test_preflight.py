"""One small call before the run: what it learns of the endpoint, and remembers."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import pytest

from tasks.endpoint.options import Capabilities, Prices
from tasks.endpoint.preflight import describe_capabilities
from tasks.endpoint.spending import StepSpending
from tests.support.llm_peer import LLMPeer
from tests.support.preflights import KEY, ask, by_prompt, options, served, structured
from tests.support.small_endpoint import Answer, Call, Reply, completion, error, small_endpoint

pytestmark = pytest.mark.usefixtures("endpoint_key")


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


@pytest.mark.parametrize(
    "answer", ["Red", "绿色", "Green. There is no image text.", "I cannot see any image but green."]
)
def test_a_model_that_sees_something_is_left_alone(tmp_path: Path, answer: str) -> None:
    with small_endpoint(lambda call: completion(answer)) as peer:
        assert ask(options(peer.base_url, need="vision"), tmp_path) == Capabilities()


def test_an_endpoint_that_fails_at_random_is_found_all_the_same(tmp_path: Path) -> None:
    for seed in range(3):
        with LLMPeer(failure_rate=0.3, seed=seed) as peer:
            assert ask(options(peer.base_url), tmp_path / str(seed), attempts=5) == Capabilities()

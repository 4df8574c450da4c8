"""MODEL and VISION_MODEL decide, flags override, and what cannot work is refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tasks.endpoint.configured import (
    EngineChoice,
    api_key_for,
    choose_description,
    choose_synthesis,
)
from tasks.endpoint.options import EndpointOptions
from tasks.errors import PreflightFailed, UsageError
from tasks.model_options import ModelOptions
from tasks.settings import settings

SECRET = "sk-very-secret"
Environment = Callable[..., None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """Sets variables; the settings are read anew."""

    def set_variables(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()

    settings.cache_clear()
    yield set_variables
    settings.cache_clear()


def synthesis(*, offline: bool = False, **options: Any) -> EngineChoice:
    return choose_synthesis(ModelOptions(**options), cache_uri="/tmp/cache", offline=offline)


def description(*, offline: bool = False, **options: Any) -> EngineChoice:
    return choose_description(ModelOptions(**options), cache_uri="/tmp/cache", offline=offline)


def endpoint(choice: EngineChoice) -> EndpointOptions:
    assert choice.endpoint is not None
    return choice.endpoint


# --- which engine ----------------------------------------------------------------------------


def test_nothing_configured_is_served_by_the_embedded_engines(environment: Environment) -> None:
    for choice, engine, variable in (
        (synthesis(), "extractive", "MODEL is not set"),
        (description(), "ocr", "VISION_MODEL is not set"),
    ):
        assert (choice.engine, choice.endpoint) == (engine, None)
        assert choice.reason.startswith(variable + ":")


def test_a_key_or_an_address_alone_calls_nothing_and_that_is_said(
    environment: Environment,
) -> None:
    environment(OPENAI_API_KEY=SECRET)
    assert synthesis().engine == "extractive"
    said = "MODEL is not set; OPENAI_API_KEY is set, but nothing is called:"
    assert synthesis().reason.startswith(said)
    environment(OPENAI_BASE_URL="http://localhost:11434/v1")
    assert "OPENAI_API_KEY and BASE_URL are set, but nothing is called" in synthesis().reason
    assert "but nothing is called" in description().reason
    environment(MODEL="qwen-turbo")
    assert description().reason == "VISION_MODEL is not set: pictures are read by OCR."


def test_each_model_decides_for_its_own_need(environment: Environment) -> None:
    environment(MODEL="deepseek-chat", BASE_URL="https://api.deepseek.com/", OPENAI_API_KEY=SECRET)
    assert synthesis().engine == "llm"
    assert synthesis().reason == (
        "MODEL is set: documents are sent to api.deepseek.com, model deepseek-chat, with the key "
        "of OPENAI_API_KEY."
    )
    assert endpoint(synthesis()).base_url == "https://api.deepseek.com"
    assert description().engine == "ocr"


def test_only_a_vision_model_uses_the_text_endpoint_and_its_key(environment: Environment) -> None:
    environment(
        VISION_MODEL="qwen-vl-max",
        BASE_URL="https://dashscope.aliyuncs.com/compatible-mode/v1",
        OPENAI_API_KEY=SECRET,
    )
    assert synthesis().engine == "extractive"
    seeing = endpoint(description())
    assert seeing.need == "vision"
    assert seeing.base_url == "https://dashscope.aliyuncs.com/compatible-mode/v1"
    assert api_key_for(seeing) == SECRET


def test_flags_override_the_environment(environment: Environment) -> None:
    environment(
        MODEL="a", BASE_URL="https://a.example/v1", VISION_MODEL="b", VISION_BASE_URL="junk"
    )
    text = synthesis(model="c", base_url="https://c.example/v1")
    assert (endpoint(text).model, endpoint(text).host) == ("c", "c.example")
    assert text.reason.startswith("--model is given: documents are sent to c.example, model c")
    seeing = description(vision_model="d", vision_base_url="https://d.example:8443/v1")
    assert (endpoint(seeing).model, endpoint(seeing).host) == ("d", "d.example:8443")


def test_openai_is_the_endpoint_where_none_is_named(environment: Environment) -> None:
    environment(MODEL="gpt-4o", OPENAI_API_KEY=SECRET)
    assert endpoint(synthesis()).base_url == "https://api.openai.com/v1"


@pytest.mark.parametrize("blank", ["", "  ", '""'])
def test_blank_values_count_as_unset(environment: Environment, blank: str) -> None:
    environment(MODEL=blank, OPENAI_API_KEY=blank, BASE_URL=blank)
    assert synthesis().engine == "extractive"
    assert endpoint(synthesis(model="x")).key_variable is None
    assert endpoint(synthesis(model="x")).base_url == "https://api.openai.com/v1"


def test_quotes_that_docker_leaves_in_place_are_taken_off(environment: Environment) -> None:
    environment(MODEL='"qwen-turbo"', BASE_URL="'https://x.example/v1'", OPENAI_API_KEY=' "k1"\n')
    found = endpoint(synthesis())
    assert (found.model, found.base_url) == ("qwen-turbo", "https://x.example/v1")
    assert api_key_for(found) == "k1"


def test_forced_engines(environment: Environment) -> None:
    with pytest.raises(UsageError, match=r"MODEL.*--model"):
        synthesis(synthesizer="llm")
    with pytest.raises(UsageError, match=r"VISION_MODEL.*--vision-model"):
        description(describer="vision")
    environment(MODEL="m", VISION_MODEL="v")
    text, seeing = synthesis(synthesizer="extractive"), description(describer="ocr")
    assert (text.engine, text.endpoint) == ("extractive", None)
    assert text.reason.startswith("--synthesizer extractive was given, although MODEL is m:")
    assert (seeing.engine, seeing.endpoint) == ("ocr", None)
    assert seeing.reason.startswith("--describer ocr was given, although VISION_MODEL is v:")
    assert synthesis(synthesizer="llm").engine == "llm"
    assert description(describer="vision").engine == "vision"


# --- addresses -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "api.deepseek.com/v1",
        "ftp://x.example/v1",
        "https://",
        "https:///v1",
        "http://[::1/v1",
        "http://x.example:port/v1",
        "http://x.example:0/v1",
        "https://x.example/v 1",
        "sk-pasted-into-the-wrong-variable",
        "https://user:sk-inside@x.example/v1",
        "https://sk-inside@x.example/v1",
        "https://x.example/v1?api-key=sk-inside",
        "https://x.example/v1#sk-inside",
    ],
)
def test_an_address_that_cannot_work_is_refused_and_not_shown(
    environment: Environment, address: str
) -> None:
    environment(MODEL="m", BASE_URL=address)
    with pytest.raises(UsageError, match="BASE_URL") as caught:
        synthesis()
    assert "sk-" not in str(caught.value)
    with pytest.raises(UsageError, match="--vision-base-url"):
        description(vision_model="v", vision_base_url=address)


def test_the_address_of_a_single_call_is_refused_with_the_one_to_write(
    environment: Environment,
) -> None:
    environment(MODEL="m", BASE_URL="https://x.example/v1/chat/completions/")
    with pytest.raises(UsageError, match=r"write https://x\.example/v1$"):
        synthesis()


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("http://gpu.example.com/v1", True),
        ("http://8.8.8.8/v1", True),
        ("https://gpu.example.com/v1", False),
        ("http://127.0.0.1:8000/v1", False),
        ("http://localhost:8000/v1", False),
        ("http://[::1]:8000/v1", False),
        ("http://192.168.1.20:8000/v1", False),
        ("http://vllm:8000/v1", False),
        ("http://host.docker.internal:11434/v1", False),
    ],
)
def test_plain_http_to_a_public_host_is_warned_of(
    environment: Environment, address: str, warned: bool
) -> None:
    environment(MODEL="m", BASE_URL=address, OPENAI_API_KEY=SECRET)
    assert ("travels in the clear" in synthesis().reason) is warned


# --- keys ------------------------------------------------------------------------------------


def test_a_key_is_not_sent_to_another_provider(environment: Environment) -> None:
    environment(
        MODEL="deepseek-chat",
        BASE_URL="https://api.deepseek.com",
        OPENAI_API_KEY=SECRET,
        VISION_MODEL="qwen-vl-max",
        VISION_BASE_URL="https://dashscope.aliyuncs.com/compatible-mode/v1",
    )
    seeing = description()
    assert api_key_for(endpoint(seeing)) is None
    assert "OPENAI_API_KEY goes to the text model's host only" in seeing.reason
    assert "VISION_API_KEY" in seeing.reason
    environment(VISION_API_KEY="sk-of-its-own")
    assert api_key_for(endpoint(description())) == "sk-of-its-own"
    assert api_key_for(endpoint(synthesis())) == SECRET


def test_another_path_on_the_same_host_gets_the_same_key(environment: Environment) -> None:
    environment(
        BASE_URL="https://Gateway.example/openai/v1",
        OPENAI_API_KEY=SECRET,
        VISION_MODEL="v",
        VISION_BASE_URL="https://gateway.example/other/v1",
    )
    assert api_key_for(endpoint(description())) == SECRET
    # The text endpoint is the one that a flag names, not the one of the environment.
    elsewhere = description(base_url="https://elsewhere.example/v1")
    assert api_key_for(endpoint(elsewhere)) is None


def test_openai_needs_a_key_and_other_hosts_may_not(environment: Environment) -> None:
    environment(MODEL="gpt-4o", VISION_MODEL="gpt-4o")
    with pytest.raises(PreflightFailed, match="Set OPENAI_API_KEY"):
        api_key_for(endpoint(synthesis()))
    with pytest.raises(PreflightFailed, match="Set VISION_API_KEY"):
        api_key_for(endpoint(description()))
    environment(BASE_URL="http://localhost:11434/v1")
    assert api_key_for(endpoint(synthesis())) is None
    assert synthesis().reason.endswith("model gpt-4o, without a key.")


@pytest.mark.parametrize("key", ["sk-a b", "sk-a\nb", "sk-密钥", "Bearer sk-a", "sk-\u200ba"])
def test_what_cannot_be_a_key_is_refused_and_not_shown(environment: Environment, key: str) -> None:
    environment(MODEL="m", BASE_URL="https://x.example/v1", OPENAI_API_KEY=key)
    with pytest.raises(PreflightFailed, match="OPENAI_API_KEY is no key") as caught:
        api_key_for(endpoint(synthesis()))
    assert "sk-" not in str(caught.value)


def test_no_record_holds_a_key(environment: Environment) -> None:
    environment(MODEL="m", VISION_MODEL="v", OPENAI_API_KEY=SECRET, VISION_API_KEY=SECRET)
    for choice in (synthesis(), description()):
        assert SECRET not in choice.model_dump_json() + repr(choice)


# --- offline, money, options -----------------------------------------------------------------


def test_offline_allows_an_endpoint_on_this_machine_only(environment: Environment) -> None:
    environment(MODEL="m", VISION_MODEL="v", BASE_URL="https://x.example/v1")
    with pytest.raises(UsageError, match=r"MODEL is m at x\.example.*--synthesizer extractive"):
        synthesis(offline=True)
    with pytest.raises(UsageError, match=r"VISION_MODEL is v at .*--describer ocr"):
        description(offline=True)
    assert synthesis(offline=True, synthesizer="extractive").engine == "extractive"
    for local in ("http://localhost:1/v1", "http://127.0.0.2:1/v1", "http://[::1]:1/v1"):
        environment(BASE_URL=local)
        assert synthesis(offline=True).engine == "llm"
    environment(BASE_URL="http://192.168.1.4:1/v1")
    with pytest.raises(UsageError, match="--offline"):
        synthesis(offline=True)


def test_prices(environment: Environment) -> None:
    environment(MODEL="m", VISION_MODEL="v", BASE_URL="http://localhost:1/v1")
    both = {"price_input": 0.5, "price_output": 2.0}
    text, seeing = endpoint(synthesis(**both)).prices, endpoint(description(**both)).prices
    assert text is not None
    assert (text.input_per_million, text.output_per_million) == (0.5, 2.0)
    assert seeing == text
    seeing = endpoint(description(**both, vision_price_output=0.0)).prices
    assert seeing is not None
    assert (seeing.input_per_million, seeing.output_per_million) == (0.5, 0.0)
    assert endpoint(synthesis()).prices is None
    with pytest.raises(UsageError, match="--price-output is given without --price-input"):
        synthesis(price_output=1)
    with pytest.raises(UsageError, match="--price-input is given without --price-output"):
        synthesis(price_input=1)
    with pytest.raises(UsageError, match="--vision-price-output is given without"):
        description(vision_price_output=1)


def test_a_cost_limit_needs_the_prices_of_every_model_that_is_called(
    environment: Environment,
) -> None:
    assert synthesis(max_cost=1).engine == "extractive"
    environment(MODEL="m", VISION_MODEL="v", BASE_URL="http://localhost:1/v1")
    with pytest.raises(UsageError, match="--max-cost needs the prices of m: give --price-input"):
        synthesis(max_cost=1)
    of_vision = {"vision_price_input": 1, "vision_price_output": 1}
    assert endpoint(description(max_cost=1, **of_vision)).max_cost == 1
    with pytest.raises(UsageError, match="--max-cost needs the prices of v"):
        description(max_cost=1)


@pytest.mark.parametrize(("option", "flag"), [("judge", "--judge"), ("batch_api", "--batch-api")])
def test_options_of_the_llm_need_it(environment: Environment, option: str, flag: str) -> None:
    with pytest.raises(UsageError, match=f"{flag} needs the llm engine, but MODEL is not set"):
        synthesis(**{option: True})
    environment(MODEL="m")
    with pytest.raises(UsageError, match=f"{flag} needs the llm engine, but --synthesizer"):
        synthesis(synthesizer="extractive", **{option: True})
    assert synthesis(**{option: True}).engine == "llm"


def test_only_synthesis_goes_through_the_batch_interface(environment: Environment) -> None:
    environment(MODEL="m", VISION_MODEL="v")
    assert endpoint(synthesis(batch_api=True)).batch
    assert not endpoint(description(batch_api=True)).batch


def test_extra_body(environment: Environment) -> None:
    environment(MODEL="m", VISION_MODEL="v")
    thinking = '{"enable_thinking": false}'
    assert endpoint(synthesis(extra_body=thinking)).extra_body == {"enable_thinking": False}
    assert endpoint(description(extra_body=thinking)).extra_body == {"enable_thinking": False}
    own = description(extra_body=thinking, vision_extra_body="{}")
    assert endpoint(own).extra_body == {}
    with pytest.raises(UsageError, match="--extra-body sets max_tokens, stream"):
        synthesis(extra_body='{"stream": true, "max_tokens": 5, "top_p": 0.5}')
    with pytest.raises(UsageError, match="--vision-extra-body sets model"):
        description(vision_extra_body='{"model": "other"}')


def test_numbers_reach_the_endpoint(environment: Environment) -> None:
    environment(MODEL="m", VISION_MODEL="v")
    for choose in (synthesis, description):
        found = endpoint(choose(concurrency=3, call_timeout_s=7, call_attempts=2))
        assert (found.concurrency, found.timeout_s, found.attempts) == (3, 7, 2)
        assert found.cache_uri == "/tmp/cache"

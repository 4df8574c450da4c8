"""What is said where the question before a run found no endpoint that could serve it."""

from __future__ import annotations

from tasks.endpoint import sentences
from tasks.endpoint.api_keys import keys_that_are_set
from tasks.endpoint.failures import EndpointRefused, ItemRefused, TransientFailure
from tasks.endpoint.options import EndpointOptions
from tasks.endpoint.preflight_advice import (
    models_advice,
    proxy_in_use,
    served_models,
    serves_below_v1,
    unreachable_advice,
)


async def refused(options: EndpointOptions, refusal: EndpointRefused, key: str | None) -> str:
    """The refusal's own sentence, with what the endpoint tells beside it."""
    sentence = str(refusal)
    if refusal.kind == "model":
        names = await served_models(options.base_url, key)
        return sentence if names is None else f"{sentence}. {models_advice(names, options.model)}"
    if refusal.kind == "path" and await serves_below_v1(options.base_url, key):
        return lacks_v1(options)
    if refusal.kind in ("path", "forbidden"):
        return f"{sentence}{_by_proxy(options)}"
    without_key = refusal.kind == "key" and options.key_variable is None
    if without_key and options.need == "vision" and "OPENAI_API_KEY" in keys_that_are_set():
        return f"{sentence}. OPENAI_API_KEY is sent to the text model's host only"
    return sentence


async def given_up(
    options: EndpointOptions, failure: TransientFailure, attempts: int, key: str | None
) -> str:
    """What the last of several attempts says of the endpoint."""
    if failure.kind == "unreachable":
        advice = unreachable_advice(options, sentences.url_variable(options))
        return f"{options.host} cannot be reached ({failure.detail}). {advice}"
    if failure.kind == "html":
        if await serves_below_v1(options.base_url, key):
            return lacks_v1(options)
        return (
            f"{options.base_url} answers with a web page, not with an answer. "
            f"{sentences.path_advice(options)}{_by_proxy(options)}"
        )
    if failure.kind == "timeout":
        return (
            f"{options.host} did not answer a question of one line ({failure.detail}). Where it "
            "still loads the model, try again later; else look at its load and its log"
            f"{_by_proxy(options)}"
        )
    if failure.kind in ("malformed_json", "empty"):
        return (
            f"the model {options.model} at {options.host} does not answer a simple question with "
            f"one JSON object ({failure.detail}), in none of the ways in which it was asked. Set "
            f"{sentences.model_variable(options)} to a model that follows instructions; where it "
            "thinks first, switch that off by --extra-body"
        )
    if failure.kind in ("broken_body", "no_choices", "error_body"):
        return (
            f"{options.base_url} does not answer as an OpenAI-compatible endpoint does "
            f"({failure.detail}). Check {sentences.url_variable(options)}{_by_proxy(options)}"
        )
    if failure.kind == "dropped":
        return (
            f"{options.host} ends the connection without an answer, {attempts} times in a row "
            f"({failure.detail}). Look at its log, or try again later{_by_proxy(options)}"
        )
    return (
        f"{options.host} answers with errors only, {attempts} times in a row ({failure.detail}). "
        f"Try again later, or look at its status page or log{_by_proxy(options)}"
    )


def item_refused(options: EndpointOptions, refusal: ItemRefused) -> str:
    """The smallest of requests was refused for what is in it."""
    if refusal.reason == "context_too_long":
        return (
            f"the model {options.model} at {options.host} has no room for a question of one line "
            f"({refusal.detail}). Serve it with a longer context (--max-model-len of vLLM, "
            "OLLAMA_CONTEXT_LENGTH of Ollama)"
        )
    return (
        f"the model {options.model} at {options.host} refused a small plain JPEG "
        f"({refusal.detail}). Set {sentences.model_variable(options)} to a vision model, or unset "
        "it: pictures are then read by OCR"
    )


def sees_nothing(options: EndpointOptions) -> str:
    """The endpoint took the picture and did not show it to the model."""
    return (
        f"the model {options.model} at {options.host} was given a picture and answers that it sees "
        f"none. Set {sentences.model_variable(options)} to a vision model, or unset it: pictures "
        "are then read by OCR"
    )


def parameter_refused(options: EndpointOptions, parameter: str, said: str) -> str:
    """Said otherwise, or left out, it was refused as well."""
    return (
        f"{options.host} takes neither {parameter} nor what stands for it, for the model "
        f"{options.model}; it said: {said!r}. Try another model by "
        f"{sentences.model_variable(options)}"
    )


def lacks_v1(options: EndpointOptions) -> str:
    return (
        f"the base URL lacks /v1: {options.base_url}/v1 lists models, {options.base_url} takes no "
        f"calls. Set {sentences.url_variable(options)} to {options.base_url}/v1"
    )


def _by_proxy(options: EndpointOptions) -> str:
    proxy = proxy_in_use(options.base_url)
    return f". Calls go through the proxy of {proxy}" if proxy is not None else ""

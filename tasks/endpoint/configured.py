"""Which engine serves description and synthesis, by which endpoint, and why.

`MODEL` and `VISION_MODEL` decide, each for its own need; a flag overrides its variable. What
cannot work is refused here, before a document is opened. Nothing is sent from here.
"""

from __future__ import annotations

from typing import Literal

from tasks.endpoint.api_keys import (
    api_key_for,
    key_variable_for_text,
    key_variable_for_vision,
)
from tasks.endpoint.base_url import is_loopback, travels_in_the_clear
from tasks.endpoint.configured_values import (
    extra_body_of,
    first_given,
    prices_of,
    text_base_url,
    text_model,
    vision_base_url,
    vision_model,
)
from tasks.endpoint.options import EndpointOptions, KeyVariable
from tasks.errors import UsageError
from tasks.model_options import ModelOptions
from tasks.records import Record
from tasks.settings import settings

__all__ = ["EngineChoice", "api_key_for", "choose_description", "choose_synthesis"]

_EXTRACTIVE = "pairs are spans of the text, asked by rules"
_OCR = "pictures are read by OCR"


class EngineChoice(Record):
    """The engine that serves a need, and the sentence that says why."""

    need: Literal["description", "synthesis"]
    engine: Literal["vision", "ocr", "llm", "extractive"]
    endpoint: EndpointOptions | None
    reason: str


def choose_synthesis(options: ModelOptions, *, cache_uri: str, offline: bool) -> EngineChoice:
    """Who writes questions and summaries. Raises UsageError."""
    model, source = text_model(options)
    if options.synthesizer == "llm" and model is None:
        raise UsageError("--synthesizer llm needs a model: set MODEL, or give --model")
    if options.synthesizer == "extractive" or model is None:
        for flag, given in (("--judge", options.judge), ("--batch-api", options.batch_api)):
            if given:
                raise UsageError(_needs_the_llm(flag, options.synthesizer == "extractive"))
        reason = (
            _forced("--synthesizer extractive", model, source)
            if options.synthesizer == "extractive"
            else _not_configured("MODEL", vision_model(options)[0])
        )
        return EngineChoice(
            need="synthesis",
            engine="extractive",
            endpoint=None,
            reason=f"{reason}: {_EXTRACTIVE}.",
        )
    base_url, base_source = text_base_url(options)
    endpoint = EndpointOptions(
        need="text",
        base_url=base_url,
        model=model,
        key_variable=key_variable_for_text(),
        extra_body=extra_body_of(options.extra_body, "--extra-body"),
        concurrency=options.concurrency,
        timeout_s=options.call_timeout_s,
        attempts=options.call_attempts,
        prices=prices_of(options.price_input, options.price_output, ""),
        max_cost=options.max_cost,
        batch=options.batch_api,
        cache_uri=cache_uri,
    )
    if offline:
        _check_offline(endpoint, source, base_source, "--synthesizer extractive")
    _check_cost_limit(endpoint, "--price-input and --price-output")
    return EngineChoice(
        need="synthesis",
        engine="llm",
        endpoint=endpoint,
        reason=f"{_named(source)}: documents are sent to {endpoint.host}, model {model}"
        f"{_how(endpoint)}.",
    )


def choose_description(options: ModelOptions, *, cache_uri: str, offline: bool) -> EngineChoice:
    """Who describes pictures. Raises UsageError."""
    model, source = vision_model(options)
    if options.describer == "vision" and model is None:
        raise UsageError(
            "--describer vision needs a model: set VISION_MODEL, or give --vision-model"
        )
    if options.describer == "ocr" or model is None:
        reason = (
            _forced("--describer ocr", model, source)
            if options.describer == "ocr"
            else _not_configured("VISION_MODEL", text_model(options)[0])
        )
        return EngineChoice(
            need="description", engine="ocr", endpoint=None, reason=f"{reason}: {_OCR}."
        )
    base_url, base_source = vision_base_url(options)
    own_body = options.vision_extra_body is not None
    endpoint = EndpointOptions(
        need="vision",
        base_url=base_url,
        model=model,
        key_variable=key_variable_for_vision(base_url, text_base_url(options)[0]),
        extra_body=extra_body_of(
            options.vision_extra_body if own_body else options.extra_body,
            "--vision-extra-body" if own_body else "--extra-body",
        ),
        concurrency=options.concurrency,
        timeout_s=options.call_timeout_s,
        attempts=options.call_attempts,
        prices=prices_of(
            first_given(options.vision_price_input, options.price_input),
            first_given(options.vision_price_output, options.price_output),
            "vision-",
        ),
        max_cost=options.max_cost,
        cache_uri=cache_uri,
    )
    if offline:
        _check_offline(endpoint, source, base_source, "--describer ocr")
    _check_cost_limit(
        endpoint,
        "--vision-price-input and --vision-price-output (or --price-input and --price-output, "
        "for both models)",
    )
    return EngineChoice(
        need="description",
        engine="vision",
        endpoint=endpoint,
        reason=f"{_named(source)}: pictures are sent to {endpoint.host}, model {model}"
        f"{_how(endpoint)}.",
    )


# --- what cannot work ------------------------------------------------------------------------


def _check_offline(endpoint: EndpointOptions, model: str, base_url: str, embedded: str) -> None:
    if is_loopback(endpoint.base_url):
        return
    raise UsageError(
        f"--offline forbids the network, but {model} is {endpoint.model} at {endpoint.host}: "
        f"unset {model}, give {embedded}, or name an endpoint on this machine by {base_url}"
    )


def _check_cost_limit(endpoint: EndpointOptions, flags: str) -> None:
    if endpoint.max_cost is not None and endpoint.prices is None:
        raise UsageError(f"--max-cost needs the prices of {endpoint.model}: give {flags}")


def _needs_the_llm(flag: str, forced: bool) -> str:
    cause = "--synthesizer extractive was given" if forced else "MODEL is not set"
    remedy = "leave one of the two out" if forced else "set it, or give --model"
    return f"{flag} needs the llm engine, but {cause}: {remedy}"


# --- why ------------------------------------------------------------------------------------


def _named(source: str) -> str:
    return f"{source} is {'given' if source.startswith('--') else 'set'}"


def _forced(flag: str, model: str | None, source: str) -> str:
    although = f", although {source} is {model}" if model is not None else ""
    return f"{flag} was given{although}"


def _not_configured(variable: str, other_model: str | None) -> str:
    """A key or an address alone calls nothing, and that is said: it may be there for others."""
    now = settings()
    there = [
        name
        for name, value in (
            ("OPENAI_API_KEY", now.openai_api_key),
            ("VISION_API_KEY", now.vision_api_key if variable == "VISION_MODEL" else None),
            ("BASE_URL", now.base_url),
            ("VISION_BASE_URL", now.vision_base_url if variable == "VISION_MODEL" else None),
        )
        if value is not None
    ]
    if not there or other_model is not None:
        return f"{variable} is not set"
    verb = "is" if len(there) == 1 else "are"
    return f"{variable} is not set; {' and '.join(there)} {verb} set, but nothing is called"


def _how(endpoint: EndpointOptions) -> str:
    """With which key, and whether others can read along."""
    parts = [_key_clause(endpoint.key_variable, endpoint.need)]
    if travels_in_the_clear(endpoint.base_url):
        what = "the key and everything else" if endpoint.key_variable else "everything"
        parts.append(
            f"; WARNING: {endpoint.base_url} is plain http, so {what} travels in the clear"
        )
    return "".join(parts)


def _key_clause(variable: KeyVariable | None, need: str) -> str:
    if variable is not None:
        return f", with the key of {variable}"
    if need == "vision" and settings().openai_api_key is not None:
        return (
            ", without a key (OPENAI_API_KEY goes to the text model's host only; set VISION_API_KEY"
            " if this one needs a key)"
        )
    return ", without a key"

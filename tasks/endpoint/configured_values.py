"""What flags and variables say of an endpoint: models, addresses, prices, extra fields.

A flag overrides its variable, and each value comes with the name of what holds it, for messages.
"""

from __future__ import annotations

import json
from typing import Any

from tasks.endpoint.base_url import OPENAI_BASE_URL, checked_base_url, unquoted
from tasks.endpoint.options import Prices
from tasks.errors import UsageError
from tasks.model_options import ModelOptions
from tasks.settings import settings

# What a call is made of is decided by the program: its answer could not be read otherwise, and
# its price not be reserved.
_OWN_FIELDS = frozenset(
    {"model", "messages", "response_format", "max_tokens", "max_completion_tokens", "n"}
    | {"stream", "stream_options", "tools", "tool_choice", "functions", "function_call"}
)


def text_model(options: ModelOptions) -> tuple[str | None, str]:
    """The text model, and what names it."""
    return _first_text((options.model, "--model"), (settings().model, "MODEL"))


def vision_model(options: ModelOptions) -> tuple[str | None, str]:
    """The model for pictures, and what names it."""
    return _first_text(
        (options.vision_model, "--vision-model"), (settings().vision_model, "VISION_MODEL")
    )


def text_base_url(options: ModelOptions) -> tuple[str, str]:
    """The text model's endpoint, and what names it."""
    named, source = _first_text(
        (options.base_url, "--base-url"), (settings().base_url, "BASE_URL (or OPENAI_BASE_URL)")
    )
    return (OPENAI_BASE_URL if named is None else checked_base_url(named, source)), source


def vision_base_url(options: ModelOptions) -> tuple[str, str]:
    """The vision model's endpoint: its own, else the text model's."""
    named, source = _first_text(
        (options.vision_base_url, "--vision-base-url"),
        (settings().vision_base_url, "VISION_BASE_URL"),
    )
    return text_base_url(options) if named is None else (checked_base_url(named, source), source)


def _first_text(*named: tuple[str | None, str]) -> tuple[str | None, str]:
    """The first value that is given, and its name. Blank counts as not given."""
    for value, source in named:
        if value is not None and (text := unquoted(value)):
            return text, source
    return None, named[-1][1]


def extra_body_of(value: str | None, flag: str) -> dict[str, Any]:
    """Fields that reach the provider with every call. Raises UsageError for one of ours."""
    parsed: dict[str, Any] = json.loads(value) if value is not None else {}
    if taken := sorted(_OWN_FIELDS & parsed.keys()):
        raise UsageError(
            f"{flag} sets {', '.join(taken)}, which this program decides itself: take it out"
        )
    return parsed


def prices_of(price_input: float | None, price_output: float | None, kind: str) -> Prices | None:
    """`kind` is what the flags' names begin with. Raises UsageError for half of a price."""
    if price_input is None and price_output is None:
        return None
    if price_input is None or price_output is None:
        known, unknown = ("input", "output") if price_output is None else ("output", "input")
        raise UsageError(
            f"--{kind}price-{known} is given without --{kind}price-{unknown}: a call costs both"
        )
    return Prices(input_per_million=price_input, output_per_million=price_output)


def first_given(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)

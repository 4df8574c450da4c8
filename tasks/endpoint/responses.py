"""The answer in a body that came with the status 200, or why it is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from tasks.endpoint.chat import ChatAnswer, ChatRequest
from tasks.endpoint.classify import Sent, error_in_success
from tasks.endpoint.error_bodies import read_error
from tasks.endpoint.failures import ItemRefused, TransientFailure
from tasks.endpoint.json_answers import (
    AnswerMalformed,
    canonical_json,
    check_shape,
    find_json,
    whole_characters,
    without_thinking,
)
from tasks.endpoint.sentences import quoted
from tasks.records import Usage

# Beside OpenAI's `length` and `content_filter`: Zhipu, DeepSeek, Gemini, OpenRouter.
_CUT_OFF = {"length", "max_tokens", "model_context_window_exceeded"}
_CENSORED = {"content_filter", "sensitive", "safety", "prohibited_content", "recitation"}
_BROKEN = {"error", "network_error", "insufficient_system_resource", "abort"}


def answer_of(body: Mapping[str, Any], request: ChatRequest, sent: Sent) -> ChatAnswer:
    """The checked answer. Raises TransientFailure, ItemRefused or EndpointRefused."""
    usage = _usage(body.get("usage"))
    choices = body.get("choices")
    if body.get("error") and not choices:
        failure = error_in_success(read_error(200, body), sent)
        if isinstance(failure, TransientFailure | ItemRefused):
            failure.usage = failure.usage or usage
        raise failure
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        detail = "the status 200, but no message"
        raise TransientFailure("no_choices", detail, maybe_billed=True, usage=usage)
    finish = str(choice.get("finish_reason") or "").lower()
    text = whole_characters(without_thinking(_content(message.get("content"))))
    _check_end(finish, choice, message, request, usage, sent)
    if not text:
        detail = f"an empty answer (finish_reason {finish or 'unknown'})"
        raise TransientFailure("empty", detail, maybe_billed=True, usage=usage)
    if request.shape is not None:
        text = _shaped(text, request.shape.json_schema, usage)
    return ChatAnswer(
        text=text, finish_reason=finish or None, usage=usage, model=sent.options.model
    )


def _check_end(
    finish: str,
    choice: Mapping[str, Any],
    message: Mapping[str, Any],
    request: ChatRequest,
    usage: Usage | None,
    sent: Sent,
) -> None:
    """Raises where the way in which an answer ended makes it none."""
    host = sent.options.host
    said = message.get("refusal")
    if finish in _CENSORED or (isinstance(said, str) and said.strip()):
        told = f": {quoted(said, sent.key)}" if isinstance(said, str) and said.strip() else ""
        detail = f"{host} refuses to answer{told or f' (finish_reason {finish})'}"
        raise ItemRefused("content_refused", detail, maybe_billed=True, usage=usage)
    if finish in _CUT_OFF:
        detail = f"the answer was cut off at {request.max_tokens} tokens"
        if message.get("reasoning_content") or message.get("reasoning"):
            detail += ", some of them for thinking (--extra-body can switch that off)"
        raise ItemRefused("answer_too_long", detail, maybe_billed=True, usage=usage)
    if finish in _BROKEN or choice.get("error"):
        error = read_error(200, choice)
        detail = f"the answer broke off (finish_reason {finish})"
        if choice.get("error"):
            detail += f": {quoted(error.message, sent.key)}"
        raise TransientFailure("error_body", detail, maybe_billed=True, usage=usage)


def _shaped(text: str, json_schema: Mapping[str, Any], usage: Usage | None) -> str:
    try:
        return canonical_json(check_shape(find_json(text), json_schema))
    except AnswerMalformed as error:
        _malformed(error, usage)


def _malformed(error: AnswerMalformed, usage: Usage | None) -> NoReturn:
    detail = str(error)
    raise TransientFailure("malformed_json", detail, maybe_billed=True, usage=usage) from error


def _content(content: object) -> str:
    """The text; some endpoints give it in parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = [part.get("text") for part in content if isinstance(part, Mapping)]
    return "".join(part for part in parts if isinstance(part, str))


def _usage(counted: object) -> Usage | None:
    if not isinstance(counted, Mapping):
        return None
    prompt, completion = counted.get("prompt_tokens"), counted.get("completion_tokens")
    whole = all(isinstance(count, int) and count >= 0 for count in (prompt, completion))
    if not whole:
        return None
    return Usage(prompt_tokens=int(prompt), completion_tokens=int(completion))  # type: ignore[arg-type]

"""What one line of a batch's output or error file says about its request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tasks.endpoint.chat import ChatAnswer, ChatRequest
from tasks.endpoint.failures import TransientFailure
from tasks.endpoint.wire import Wire

# The request never ran: the window closed before, or the batch was cancelled.
_NEVER_RAN = {"batch_expired", "batch_cancelled", "batch_canceled", "request_cancelled"}


def answer_of_line(line: Mapping[str, Any], request: ChatRequest, wire: Wire) -> ChatAnswer:
    """The checked answer.

    Raises as `Wire.send` does: TransientFailure for what is to be submitted again, ItemRefused,
    ParameterRefused or EndpointRefused. `wire` is one with the capabilities by which the
    request was written.
    """
    response, error = line.get("response"), line.get("error")
    if isinstance(response, Mapping) and response:
        return _answer_of_response(response, error, request, wire)
    if error:
        if isinstance(error, Mapping) and str(error.get("code", "")).lower() in _NEVER_RAN:
            raise TransientFailure("never_ran", "it did not run before the batch ended")
        try:
            return wire.parse({"error": error}, request)
        except TransientFailure as failure:
            # No status, and nothing certain: it cost nothing, and is submitted again.
            raise TransientFailure("status", failure.detail) from None
    raise TransientFailure("no_choices", "a line without an answer and without an error")


def _answer_of_response(
    response: Mapping[str, Any], error: object, request: ChatRequest, wire: Wire
) -> ChatAnswer:
    status, body = response.get("status_code"), response.get("body")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            body = {"error": {"message": body}}
    if isinstance(status, int) and status >= 300:
        raise wire.failure(status, body or {"error": error}, request)
    if not isinstance(body, Mapping):
        raise TransientFailure("broken_body", "a status of success without a body")
    return wire.parse(body, request)

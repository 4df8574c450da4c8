"""The ways in which a call fails: for now, for this item, for a parameter, or for the whole run."""

from __future__ import annotations

from typing import Literal

from tasks.errors import ClaraError, FileRejected
from tasks.records import Usage

RunFailure = Literal[
    "key",  # 401
    "forbidden",  # 403
    "payment",  # 402 and insufficient_quota
    "model",  # 404 of a known path
    "path",  # 404 or 405 of an unknown path, an HTML page: no /v1 in the base URL
    "request",  # a 400 about the request itself
    "no_images",  # a 400 that says that the model takes no images
    "unreachable",  # no host, no route, connection refused
    "certificate",
    "unavailable",  # every attempt failed: the endpoint died, or limits us for ever
]

TransientKind = Literal[
    "unreachable",  # no connection came about: nothing was sent
    "dropped",  # the connection ended before the answer did
    "timeout",
    "limited",  # 429
    "status",  # 408, 409 and 5xx
    "broken_body",  # 200, and no JSON object: cut off, or something else
    "html",  # 200, and a web page
    "error_body",  # 200, and an error in place of an answer
    "no_choices",  # 200, and no message in it
    "empty",  # a message that says nothing
    "never_ran",  # a line of a batch that ended before it
    "malformed_json",  # a message that is not the JSON that was asked for
]

RequestParameter = Literal["max_tokens", "max_completion_tokens", "temperature", "response_format"]

ItemReason = Literal[
    "content_refused",
    "image_refused",
    "context_too_long",
    "answer_too_long",
    "answer_malformed",
    "call_failed",
]


class TransientFailure(Exception):
    """An attempt that failed in a way that may pass: it is made again.

    `retry_after_s` is the endpoint's own wish. `limited` says that it asked for fewer calls
    (429). `maybe_billed`: the endpoint may have worked on it all the same (a timeout, a broken
    answer); `usage` is what it says that it did, where it says so.
    """

    def __init__(
        self,
        kind: TransientKind,
        detail: str,
        *,
        retry_after_s: float | None = None,
        limited: bool = False,
        maybe_billed: bool = False,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.limited = limited
        self.maybe_billed = maybe_billed
        self.usage = usage


class ParameterRefused(Exception):
    """The endpoint does not take a parameter of ours that can be said otherwise or left out."""

    def __init__(self, parameter: RequestParameter, detail: str) -> None:
        super().__init__(f"{parameter}: {detail}")
        self.parameter = parameter
        self.detail = detail


class ItemRefused(FileRejected):
    """The endpoint will never answer this request: the item is rejected, the run goes on.

    `maybe_billed`: it came in place of an answer that the endpoint worked on (one that was cut
    off, say); `usage` is what that took, where the endpoint says so.
    """

    def __init__(
        self,
        reason: ItemReason,
        detail: str,
        *,
        retryable: bool = False,
        maybe_billed: bool = False,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(reason, detail, retryable=retryable)
        self.maybe_billed = maybe_billed
        self.usage = usage


class EndpointRefused(ClaraError):
    """The endpoint cannot serve this run: the message says why and what to change. Exit code 1.

    Never holds a key, nor an answer's text that might echo one.
    """

    def __init__(self, kind: RunFailure, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return (EndpointRefused, (self.kind, str(self)))

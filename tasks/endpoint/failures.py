"""The three ways in which a call fails: for now, for this item, or for the whole run."""

from __future__ import annotations

from typing import Literal

from tasks.errors import ClaraError, FileRejected

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


class TransientFailure(Exception):
    """An attempt that failed in a way that may pass: it is made again.

    `retry_after_s` is the endpoint's own wish. `limited` says that it asked for fewer calls
    (429). `maybe_billed`: the endpoint may have worked on it all the same (a timeout, a broken
    answer).
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        retry_after_s: float | None = None,
        limited: bool = False,
        maybe_billed: bool = False,
    ) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.limited = limited
        self.maybe_billed = maybe_billed


class ItemRefused(FileRejected):
    """The endpoint will never answer this request: the item is rejected, the run goes on."""


class EndpointRefused(ClaraError):
    """The endpoint cannot serve this run: the message says why and what to change. Exit code 1.

    Never holds a key, nor an answer's text that might echo one.
    """

    def __init__(self, kind: RunFailure, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return (EndpointRefused, (self.kind, str(self)))

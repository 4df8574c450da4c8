"""What an endpoint said when it refused: one record out of the many forms of its body."""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from tasks.records import Record

_WAIT = re.compile(r"(?:retry|try again) (?:in|after) (?:(\d+)m)?(\d+(?:\.\d+)?) ?(ms|s)", re.I)
_SEARCHED = 1000
_MARKUP = re.compile(r"\s*<(?:!doctype|html|head|body|\?xml|center|h1)", re.IGNORECASE)


class ErrorBody(Record):
    """An error as its provider words it. Every field may be empty."""

    status: int
    code: str = ""
    type: str = ""
    param: str = ""
    message: str = ""
    inner: str = Field(default="", description="codes and texts of what lies further inside")
    is_html: bool = False
    is_json: bool = False

    @property
    def names(self) -> frozenset[str]:
        """Codes and types, in lower case: compared whole."""
        words = (self.code, self.type, *self.inner.split())
        return frozenset(word.lower() for word in words if word)

    @property
    def everything(self) -> str:
        """All of it in lower case: searched. Cut, for some messages repeat what was asked."""
        parts = (self.code, self.type, self.param, self.message[:_SEARCHED], self.inner[:_SEARCHED])
        return " ".join(part for part in parts if part).lower()


def read_error(status: int, body: object) -> ErrorBody:
    """The error in a body: decoded JSON, or bytes or text as they came."""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        text = body
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            return ErrorBody(status=status, message=text.strip(), is_html=looks_like_html(text))
    while isinstance(body, list):
        body = body[0] if body else None
    if not isinstance(body, Mapping):
        return ErrorBody(status=status, message=_text(body), is_json=True)
    error = body.get("error")
    if isinstance(error, Mapping):
        outer: Mapping[str, Any] = error
    else:
        # vLLM, SiliconFlow and FastAPI: without an object around it.
        outer = {**body, "message": error or body.get("message") or _detail(body.get("detail"))}
    return ErrorBody(
        status=status,
        code=_text(outer.get("code")),
        type=_text(outer.get("type")),
        param=_text(outer.get("param")),
        message=_text(outer.get("message")),
        inner=_inner(outer),
        is_json=True,
    )


def looks_like_html(text: str) -> bool:
    return _MARKUP.match(text) is not None


def retry_after_s(headers: Mapping[str, str], message: str = "") -> float | None:
    """Seconds that the endpoint wants us to wait, by its headers or else by its words."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if (seconds := _number(value)) is not None:
        return seconds
    if value and (until := _date(value)) is not None:
        # By the endpoint's own clock, where it tells it: ours may be wrong.
        now = _date(headers.get("date", "")) or datetime.now(UTC)
        return max(0.0, (until - now).total_seconds())
    if found := _WAIT.search(message):
        amount = float(found[2]) / (1000 if found[3].lower() == "ms" else 1)
        return int(found[1] or 0) * 60 + amount
    return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else -1.0
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _date(value: str) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _detail(detail: object) -> object:
    """FastAPI's list of faults, without the input that it repeats: that is a document's text."""
    if not isinstance(detail, list):
        return detail
    faults = [fault for fault in detail if isinstance(fault, Mapping)]
    return "; ".join(
        f"{'.'.join(str(part) for part in _list(fault.get('loc')))}: {_text(fault.get('msg'))}"
        for fault in faults
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _inner(error: Mapping[str, Any]) -> str:
    """Azure's `innererror`, OpenRouter's `metadata`, and Google's `status`."""
    parts = [_text(error.get("status"))]
    inner = error.get("innererror")
    if isinstance(inner, Mapping):
        parts.append(_text(inner.get("code")))
    metadata = error.get("metadata")
    if isinstance(metadata, Mapping):
        parts += [_text(metadata.get("raw")), _text(metadata.get("error_type"))]
        if "flagged_input" in metadata:
            parts.append("flagged_input")
    return " ".join(part for part in parts if part)


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

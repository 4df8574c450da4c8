"""What an endpoint tells of its batches: whatever a copy of OpenAI's interface leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field

from tasks.endpoint.batch_records import FINAL_STATUSES
from tasks.records import Record


class RemoteBatch(Record):
    """A batch as the endpoint tells it."""

    id: str
    status: str = Field(description="in lower case")
    file_id: str
    created_at: float = Field(description="Unix seconds; 0 where it is not told")
    ledger_key: str | None = Field(default=None, description="our name, from its metadata")
    output_file_id: str | None = None
    error_file_id: str | None = None
    done: int = 0
    errors: tuple[tuple[str, str], ...] = Field(default=(), description="code and message of each")

    @property
    def is_final(self) -> bool:
        return self.status in FINAL_STATUSES

    @classmethod
    def told_by(cls, item: Any) -> Self:
        """From an object of openai's client, which checks nothing."""
        metadata = getattr(item, "metadata", None)
        name = ""
        if isinstance(metadata, Mapping):
            name = str(metadata.get("clara") or metadata.get("ds_name") or "")
        counts = getattr(item, "request_counts", None)
        errors = getattr(getattr(item, "errors", None), "data", None)
        return cls(
            id=str(item.id),
            status=_text(item, "status").lower() or "unknown",
            file_id=_text(item, "input_file_id"),
            created_at=float(_number(item, "created_at")),
            ledger_key=name.removeprefix("clara-") or None,
            output_file_id=_text(item, "output_file_id") or None,
            error_file_id=_text(item, "error_file_id") or None,
            done=_number(counts, "completed") + _number(counts, "failed"),
            errors=tuple((_text(error, "code"), _text(error, "message")) for error in errors or ()),
        )


def id_of(item: object) -> str | None:
    """None where what came back is no such object: a web page, say."""
    found = getattr(item, "id", None)
    return found if isinstance(found, str) and found else None


def _text(item: object, name: str) -> str:
    value = getattr(item, name, None)
    return value if isinstance(value, str) else ""


def _number(item: object, name: str) -> int:
    value = getattr(item, name, None)
    return int(value) if isinstance(value, int | float) and value > 0 else 0

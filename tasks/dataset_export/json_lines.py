"""JSONL files that are written side by side, each there once it is complete and has a row."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any, Self

from tasks.storage import Location


class JsonLinesFiles:
    """Used as a context: what was written gets its name when the block ends without an error."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._stack = ExitStack()
        self._streams: dict[str, IO[bytes]] = {}
        self.rows: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._stack.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    def write(self, name: str, row: dict[str, Any]) -> None:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._stack.enter_context(self._location.writing(name))
            self._streams[name] = stream
        stream.write(json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n")
        self.rows[name] += 1

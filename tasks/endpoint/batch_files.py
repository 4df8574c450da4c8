"""The files of a batch: requests on their way to the endpoint, answers on their way back.

Both are JSONL on this machine's disk while they are worked on, one line in memory at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.endpoint.chat import ChatRequest

CALL_PATH = "/v1/chat/completions"

# What the providers take: OpenAI 50,000 lines and 200 MB, DashScope 50,000 lines and 500 MB.
# Half of the smaller size leaves room for those that copied OpenAI's older 100 MB.
MAX_LINES = 50_000
MAX_BYTES = 100_000_000


@dataclass(frozen=True)
class InputFile:
    path: Path
    keys: tuple[str, ...]


def write_input_files(
    folder: Path,
    requests: Mapping[str, ChatRequest],
    body_of: Callable[[ChatRequest], Mapping[str, Any]],
    *,
    max_lines: int = MAX_LINES,
    max_bytes: int = MAX_BYTES,
) -> Iterator[InputFile]:
    """Files within the limits, each written when it is asked for.

    Lines are in the order of their keys: the same requests make the same files, so that a run
    that died between two of them is continued where it stopped. A line longer than a file may
    be gets a file of its own, which the endpoint may refuse with its reason.
    """
    keys: list[str] = []
    size, number = 0, 0
    stream = None
    try:
        for key in sorted(requests):
            line = input_line(key, body_of(requests[key]))
            if stream and (len(keys) >= max_lines or size + len(line) > max_bytes):
                stream.close()
                yield InputFile(Path(stream.name), tuple(keys))
                stream = None
            if stream is None:
                stream = (folder / f"{number}.jsonl").open("wb")
                keys, size, number = [], 0, number + 1
            stream.write(line)
            keys.append(key)
            size += len(line)
        if stream:
            stream.close()
            yield InputFile(Path(stream.name), tuple(keys))
    finally:
        if stream:
            stream.close()


def input_line(key: str, body: Mapping[str, Any]) -> bytes:
    """One request, as the batch interface takes it."""
    line = {"custom_id": key, "method": "POST", "url": CALL_PATH, "body": body}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


class BrokenLine(ValueError):
    """A line of the endpoint's file that is no JSON object: the file may have come in part."""


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file. Raises BrokenLine."""
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            if not raw.strip():
                continue
            try:
                line = json.loads(raw)
            except ValueError as error:
                raise BrokenLine(f"line {number} is no JSON") from error
            if not isinstance(line, dict):
                raise BrokenLine(f"line {number} is no JSON object")
            yield line

"""The files of a batch: requests on their way to the endpoint, answers on their way back.

Both are JSONL on this machine's disk while they are worked on, one line in memory at a time.
"""

from __future__ import annotations

import errno
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.endpoint.chat import ChatRequest
from tasks.errors import DiskFull, StorageError

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


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file; lines that are none are passed over."""
    with path.open("rb") as stream:
        for raw in stream:
            if (line := _object(raw)) is not None:
                yield line


def is_whole(path: Path) -> bool:
    """Whether every line is an object: one that is not may have been cut off on its way."""
    with path.open("rb") as stream:
        return all(_object(raw) is not None for raw in stream if raw.strip())


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) else None


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for the files of one batch, gone afterwards. Raises DiskFull, or StorageError."""
    try:
        with tempfile.TemporaryDirectory(prefix="clara-batch-") as folder:
            yield Path(folder)
    except OSError as error:
        where = tempfile.gettempdir()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"no space is left in {where} for the files of a batch: free some, or set TMPDIR "
                "to a folder with room, and run the same command again"
            ) from error
        raise StorageError(f"could not write a batch's file in {where}: {error}") from error

"""What the loopback endpoint can answer in place of an answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Body = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What one call gets in place of the answerer's answer; without anything: that answer.

    `body`: bytes or text as they are, anything else as JSON. `drop`: the connection ends before
    a byte, or in the middle of the body. `cut`: only so many bytes, declared as the whole.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drop: Literal["before", "in_body"] | None = None
    cut: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether the answerer is asked, and what it says arrives whole."""
        return self.body is None and self.drop is None and self.cut is None and self.status == 200


def error(
    status: int,
    message: str = "it went wrong",
    *,
    code: str | None = None,
    type: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """An error in OpenAI's form."""
    body = {"error": {"message": message, "type": type, "param": param, "code": code}}
    return Reply(status=status, body=body, headers=headers or {})


def completion(text: str | None, *, finish_reason: str = "stop", **message: Any) -> Body:
    """The body of an answered call; `message` adds to, or overrides, the message's fields."""
    return {
        "id": "chatcmpl-peer",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": "peer",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, **message},
                "finish_reason": finish_reason,
            }
        ],
        "usage": {"prompt_tokens": 40, "completion_tokens": 8, "total_tokens": 48},
    }


WEB_PAGE = "<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>"
# Every way to fail that may pass: what `failure_rate` draws from.
PASSING_FAILURES: tuple[Reply, ...] = (
    error(429, "slow down", headers={"retry-after-ms": "5"}),
    error(408, "took too long"),
    error(409, "locked"),
    error(500, "oh"),
    Reply(status=502, body="<html><body>Bad Gateway</body></html>"),
    error(503, "overloaded"),
    Reply(drop="before"),
    Reply(drop="in_body"),
    Reply(cut=60),
    Reply(body=WEB_PAGE),
    Reply(body={"error": {"message": "upstream failed", "code": 502}}),
    Reply(body={"choices": [], "object": "chat.completion"}),
    Reply(body=completion(None)),
    Reply(body=completion("  \n")),
)


@contextmanager
def raw_server(answer: bytes, seen: list[str]) -> Iterator[str]:
    """A server that keeps the heads of what it is sent, and answers all with the same bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.read(65536)
        while data and b"\r\n\r\n" not in data and not data.startswith(b"\x16"):
            data += await reader.read(65536)
        seen.append(data.partition(b"\r\n\r\n")[0].decode("latin-1"))
        writer.write(answer)
        writer.close()

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    server.close()
    loop.close()

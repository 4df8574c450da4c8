"""An OpenAI-compatible endpoint on loopback that does what a test says, and keeps a log of it.

Raw HTTP over asyncio, in a thread: it can drop a connection before or in the middle of an answer,
cut an answer off, or send something else. Also a program, for benchmarks and other processes:
`python -m tests.support.llm_peer --latency 1.0 --log calls.jsonl` prints its base URL.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib
import json
import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tests.support.llm_replies import PASSING_FAILURES, Body, Reply, completion, error

Answerer = Callable[[Body], Any]
Outcome = Literal["answered", "failed", "dropped"]


@dataclass
class Exchange:
    """One call as it came and what became of it. `key` is the same for the same messages."""

    number: int
    method: str
    path: str
    key: str
    outcome: Outcome
    status: int
    authorization: str | None
    body: Body


def text_of(body: Body) -> str:
    """All text of a call's messages."""
    parts: list[str] = []
    for message in body.get("messages", ()):
        content = message.get("content")
        if isinstance(content, str):
            parts.append(content)
        else:
            parts += [part["text"] for part in content or () if part.get("type") == "text"]
    return "\n".join(parts)


def has_images(body: Body) -> bool:
    return "image_url" in json.dumps(body.get("messages", ()))


def fill(schema: Mapping[str, Any]) -> Any:
    """Something that a schema allows."""
    if "anyOf" in schema:
        return fill(schema["anyOf"][0])
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind if isinstance(kind, str) else kind[0]
    if kind == "object":
        return {name: fill(entry) for name, entry in schema.get("properties", {}).items()}
    if kind == "array":
        return [fill(schema.get("items", {"type": "string"}))]
    return {"string": "一 word", "integer": 3, "number": 1.5, "boolean": True, "null": None}[kind]


def default_answer(body: Body) -> Any:
    """What the schema allows, where there is one; else a text that depends on the question."""
    shape = (body.get("response_format") or {}).get("json_schema")
    if shape:
        return fill(shape["schema"])
    return f"answer to {hashlib.sha256(text_of(body).encode()).hexdigest()[:12]}"


class LLMPeer:
    """The endpoint. `with LLMPeer() as peer: ... peer.base_url ... peer.log`.

    `script` is used up first, a reply a call; then calls fail at `failure_rate` by one of
    `failures`, drawn with `seed`; the rest is answered by `answer`: text, something that becomes
    JSON, a whole body (with "choices"), or a Reply. `refuses` names what is answered by 400:
    json_schema, json_object, max_tokens, max_completion_tokens, temperature, images. `routes`
    adds paths: a function of the body that gives a Reply.
    """

    def __init__(
        self,
        answer: Answerer = default_answer,
        *,
        script: Iterable[Reply] = (),
        failure_rate: float = 0.0,
        failures: Sequence[Reply] = PASSING_FAILURES,
        seed: int = 0,
        latency_s: float = 0.0,
        api_key: str | None = None,
        refuses: Iterable[str] = (),
        models: Sequence[str] = (),
        log_path: Path | None = None,
        routes: Mapping[str, Callable[[Body], Reply]] | None = None,
        port: int = 0,
    ) -> None:
        self.answer = answer
        self.script = deque(script)
        self.failure_rate = failure_rate
        self.failures = failures
        self.latency_s = latency_s
        self.api_key = api_key
        self.refuses = frozenset(refuses)
        self.models = tuple(models)
        self.log: list[Exchange] = []
        self.at_once = 0
        self.most_at_once = 0
        self._log_path = log_path
        self._routes = dict(routes or {})
        self._random = random.Random(seed)
        self._port = port
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="llm-peer", daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def answered(self) -> dict[str, int]:
        """How often each request got its answer."""
        counts: dict[str, int] = {}
        for exchange in list(self.log):
            if exchange.outcome == "answered":
                counts[exchange.key] = counts.get(exchange.key, 0) + 1
        return counts

    def start(self) -> LLMPeer:
        self._thread.start()
        assert self._ready.wait(10), "the peer did not start"
        return self

    def stop(self) -> None:
        if self._loop.is_running():
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def __enter__(self) -> LLMPeer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- the server ---------------------------------------------------------------------------

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connection, "127.0.0.1", self._port, backlog=512)
        )
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client went away, or the peer ends
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One call; whether the connection stays."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        raw = await reader.readexactly(int(headers.get("content-length", 0)))
        body = json.loads(raw) if raw else {}
        authorization = headers.get("authorization")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            reply, answered = self._decide(method, path, body, authorization)
            wait_s = self.latency_s + reply.delay_s
            if wait_s:
                await asyncio.sleep(wait_s)
        finally:
            self.at_once -= 1
        exchange = Exchange(
            number=len(self.log) + 1,
            method=method,
            path=path,
            key=hashlib.sha256(json.dumps(body.get("messages")).encode()).hexdigest()[:16],
            outcome="answered" if answered else "dropped" if reply.drop else "failed",
            status=reply.status,
            authorization=authorization,
            body=body,
        )
        # Before it is sent: whoever has the answer finds it in the log.
        self._record(exchange)
        await self._write(writer, reply)
        return reply.drop is None

    async def _write(self, writer: asyncio.StreamWriter, reply: Reply) -> None:
        if reply.drop == "before":
            return
        data = reply.body.encode() if isinstance(reply.body, str) else reply.body
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        data = data[: reply.cut]
        declared = len(data)
        if reply.drop == "in_body":
            data = data[: max(1, len(data) // 2)]
        lines = [f"HTTP/1.1 {reply.status} Reply", f"Content-Length: {declared}"]
        kind = "text/html" if data.lstrip().startswith(b"<") else "application/json"
        given = {"Content-Type": kind, **reply.headers}
        lines += [f"{name}: {value}" for name, value in given.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + data)
        await writer.drain()

    def _completed(self, answer: Any, body: Body) -> Body:
        if isinstance(answer, dict) and "choices" in answer:
            return answer
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        whole = completion(text)
        prompt, completed = max(1, len(text_of(body)) // 4), max(1, len(text) // 4)
        whole["usage"] = {
            "prompt_tokens": prompt,
            "completion_tokens": completed,
            "total_tokens": prompt + completed,
        }
        return whole

    def _record(self, exchange: Exchange) -> None:
        self.log.append(exchange)
        if self._log_path is not None:
            with self._log_path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(asdict(exchange)) + "\n")

    # --- what is answered ---------------------------------------------------------------------

    def _decide(
        self, method: str, path: str, body: Body, authorization: str | None
    ) -> tuple[Reply, bool]:
        """What is sent, and whether it is the answer."""
        reply = self._reply(method, path, body, authorization)
        if reply.body is not None or reply.drop == "before":
            return reply, False
        answer = self.answer(body)
        if isinstance(answer, Reply):
            whole = completion("some text") if answer.body is None else answer.body
            return replace(answer, body=whole), False
        return replace(reply, body=self._completed(answer, body)), reply.is_plain

    def _reply(self, method: str, path: str, body: Body, authorization: str | None) -> Reply:
        if path in self._routes:
            return self._routes[path](body)
        if self.api_key is not None and authorization != f"Bearer {self.api_key}":
            said = f"Incorrect API key provided: {(authorization or '')[7:]}."
            return error(401, said, code="invalid_api_key", type="invalid_request_error")
        if path == "/v1/models" and method == "GET":
            return Reply(body={"object": "list", "data": [{"id": name} for name in self.models]})
        if path != "/v1/chat/completions" or method != "POST":
            return Reply(status=404, body={"detail": "Not Found"})
        if self.models and body.get("model") not in self.models:
            said = f"The model `{body.get('model')}` does not exist."
            return error(404, said, code="model_not_found", type="invalid_request_error")
        if (refusal := self._refusal(body)) is not None:
            return refusal
        if self.script:
            return self.script.popleft()
        if self.failure_rate and self._random.random() < self.failure_rate:
            return self._random.choice(list(self.failures))
        return Reply()

    def _refusal(self, body: Body) -> Reply | None:
        structured = (body.get("response_format") or {}).get("type")
        for name in sorted(self.refuses):
            if name == structured:
                said = f"response_format of type {name} is not supported by this model"
                return error(400, said, param="response_format", type="invalid_request_error")
            if name in body:
                said = f"Unsupported parameter: '{name}' is not supported with this model."
                if name == "max_tokens":
                    said += " Use 'max_completion_tokens' instead."
                return error(400, said, param=name, code="unsupported_parameter")
            if name == "images" and has_images(body):
                return error(400, "this model does not support image input")
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--failure-rate", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--api-key")
    parser.add_argument("--refuse", action="append", default=[])
    parser.add_argument("--log", type=Path, help="JSON lines, one a call")
    parser.add_argument("--answerer", help="module:function, of a call's body")
    options = parser.parse_args()
    answer: Answerer = default_answer
    if options.answerer:
        module, name = options.answerer.split(":")
        answer = getattr(importlib.import_module(module), name)
    peer = LLMPeer(
        answer,
        failure_rate=options.failure_rate,
        seed=options.seed,
        latency_s=options.latency,
        api_key=options.api_key,
        refuses=options.refuse,
        log_path=options.log,
        port=options.port,
    ).start()
    print(peer.base_url, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        peer.stop()


if __name__ == "__main__":
    main()

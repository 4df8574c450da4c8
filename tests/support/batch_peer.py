"""An endpoint with a batch interface, on loopback: it stores files, makes batches of them, and
answers their lines when a test says so. What it was asked stands in its log.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "sk-batch-peer-secret"

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


@dataclass(frozen=True)
class Fault:
    """What happens to one call instead of its answer.

    The connection is dropped, or answered with `status` and `body`: before the call is served
    or, with `served`, after it. `hook` runs just before that.
    """

    status: int | None = None
    body: dict[str, Any] = field(default_factory=dict)
    served: bool = False
    hook: Callable[[], None] | None = None


@dataclass
class StoredFile:
    name: str
    purpose: str
    data: bytes

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.data.splitlines() if line]


def completion(text: str, prompt_tokens: int = 100, completion_tokens: int = 20) -> dict[str, Any]:
    """The body of an answered call."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": "peer",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


def error(message: str, code: str | None = None, kind: str = "invalid_request_error") -> dict:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def echo(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Says back what was asked last."""
    return 200, completion(f"echo: {body['messages'][-1]['content']}")


class BatchPeer:
    """One endpoint. Everything a test changes may be changed while it runs."""

    def __init__(self) -> None:
        self.answer: Answer = echo
        self.has_batches = True
        self.metadata_refused = False
        self.page_size = 2
        self.knows_pages = True
        self.listing_skips = 0  # a batch shows up only in a later listing
        self.finish_at_once = False
        self.refuse_file: Callable[[StoredFile], dict[str, Any] | None] = lambda file: None
        self.log: list[tuple[str, str]] = []
        self.files: dict[str, StoredFile] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self._faults: list[tuple[str, str, Fault]] = []
        self._lock = threading.RLock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def base_url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def fault(self, method: str, path: str, fault: Fault, times: int = 1) -> None:
        """The next calls of that method whose path matches the pattern end so."""
        self._faults.extend([(method, path, fault)] * times)

    def count(self, method: str, path: str) -> int:
        """Calls that were made, served or not."""
        return sum(1 for m, p in self.log if m == method and re.fullmatch(path, p))

    @property
    def submitted_keys(self) -> list[str]:
        """The custom id of every line of every batch that was made: each is paid for."""
        return [
            line["custom_id"]
            for batch in self.batches.values()
            for line in self.files[batch["input_file_id"]].lines
        ]

    def finish(
        self,
        batch_id: str | None = None,
        *,
        status: str = "completed",
        answered: int | None = None,
        silent: int = 0,
    ) -> None:
        """Ends a batch, or all of them: the first lines are answered, the others expired, and
        the last `silent` ones are not even mentioned."""
        for batch in [self.batches[batch_id]] if batch_id else list(self.batches.values()):
            lines = self.files[batch["input_file_id"]].lines
            upto = len(lines) if answered is None else answered
            good, bad = [], []
            for place, line in enumerate(lines[: len(lines) - silent]):
                result: dict[str, Any] = {"id": f"req_{place}", "custom_id": line["custom_id"]}
                if place < upto:
                    code, body = self.answer(line["body"])
                    response = {"status_code": code, "request_id": f"r{place}", "body": body}
                    result |= {"response": response, "error": None}
                    (good if code == 200 else bad).append(result)
                else:
                    lost = {"code": "batch_expired", "message": "the window closed before it ran"}
                    bad.append(result | {"response": None, "error": lost})
            batch["status"] = status
            batch["output_file_id"] = self._store("batch_output", good)
            batch["error_file_id"] = self._store("batch_output", bad)
            batch["request_counts"] |= {"completed": len(good), "failed": len(bad)}

    def fail(self, batch_id: str, code: str, message: str) -> None:
        """Ends a batch as the validation of its file does."""
        self.batches[batch_id] |= {
            "status": "failed",
            "errors": {"object": "list", "data": [{"code": code, "message": message, "line": 1}]},
        }

    def _store(self, purpose: str, lines: list[dict[str, Any]]) -> str | None:
        if not lines:
            return None
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        return self._add_file("out.jsonl", purpose, text.encode("utf-8"))

    def _add_file(self, name: str, purpose: str, data: bytes) -> str:
        with self._lock:
            file_id = f"file-{len(self.files) + 1}"
            self.files[file_id] = StoredFile(name, purpose, data)
            return file_id

    # --- calls ----------------------------------------------------------------------------

    def serve(self, call: _Call) -> tuple[int, Any]:
        """Status and body: JSON, or bytes."""
        if call.header("authorization") != f"Bearer {KEY}":
            return 401, error("Incorrect API key provided", "invalid_api_key")
        if call.path == "/v1/chat/completions":
            return self.answer(json.loads(call.body))
        if not self.has_batches or not re.match(r"/v1/(files|batches)(/|$)", call.path):
            return 404, error(f"Invalid URL ({call.method} {call.path})")
        with self._lock:
            return self._serve_batches(call)

    def _serve_batches(self, call: _Call) -> tuple[int, Any]:
        parts = call.path.split("/")[2:]
        match (call.method, parts):
            case ("POST", ["files"]):
                return self._upload(call)
            case ("GET", ["files"]):
                return self._page(call, [self._file_object(i) for i in reversed(self.files)])
            case ("GET", ["files", file_id, "content"]) if file_id in self.files:
                return 200, self.files[file_id].data
            case ("POST", ["batches"]):
                return self._create(json.loads(call.body))
            case ("GET", ["batches"]):
                shown = list(reversed(self.batches.values()))
                if self.listing_skips:
                    self.listing_skips -= 1
                    shown = []
                return self._page(call, shown)
            case ("GET", ["batches", batch_id]) if batch_id in self.batches:
                return 200, self.batches[batch_id]
        return 404, error(f"No such object: {parts[-1]}")

    def _upload(self, call: _Call) -> tuple[int, Any]:
        fields = _form(call)
        name, data = fields["file"]
        file_id = self._add_file(name, fields["purpose"][1].decode(), data)
        return 200, self._file_object(file_id)

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        if self.metadata_refused and asked.get("metadata"):
            return 400, error("metadata: unknown field 'clara'")
        if asked["input_file_id"] not in self.files:
            return 400, error(f"Cannot find file {asked['input_file_id']}")
        file = self.files[asked["input_file_id"]]
        refusal = self.refuse_file(file)
        batch: dict[str, Any] = {
            "id": f"batch_{len(self.batches) + 1}",
            "object": "batch",
            "endpoint": asked["endpoint"],
            "errors": None,
            "input_file_id": asked["input_file_id"],
            "completion_window": asked["completion_window"],
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": 1_795_000_000 + len(self.batches),
            "request_counts": {"total": len(file.lines), "completed": 0, "failed": 0},
            "metadata": asked.get("metadata"),
        }
        self.batches[batch["id"]] = batch
        if refusal:
            self.fail(batch["id"], refusal["code"], refusal["message"])
        elif self.finish_at_once:
            self.finish(batch["id"])
        return 200, batch

    def _file_object(self, file_id: str) -> dict[str, Any]:
        file = self.files[file_id]
        return {
            "id": file_id,
            "object": "file",
            "bytes": len(file.data),
            "created_at": 1_795_000_000,
            "filename": file.name,
            "purpose": file.purpose,
            "status": "processed",
        }

    def _page(self, call: _Call, rows: list[dict[str, Any]]) -> tuple[int, Any]:
        after = call.query.get("after")
        start = next((i + 1 for i, row in enumerate(rows) if row["id"] == after), 0)
        if not self.knows_pages:
            return 200, {"object": "list", "data": rows[: self.page_size]}
        page = rows[start : start + self.page_size]
        more = start + self.page_size < len(rows)
        return 200, {"object": "list", "data": page, "has_more": more}

    def _take_fault(self, call: _Call) -> Fault | None:
        with self._lock:
            for place, (method, pattern, fault) in enumerate(self._faults):
                if method == call.method and re.fullmatch(pattern, call.path):
                    del self._faults[place]
                    return fault
        return None

    def handle(self, call: _Call) -> tuple[int, Any] | None:
        """The answer, or None where the connection is to be dropped."""
        self.log.append((call.method, call.path))
        fault = self._take_fault(call)
        if fault is None:
            return self.serve(call)
        if fault.served:
            self.serve(call)
        if fault.hook:
            fault.hook()
        return None if fault.status is None else (fault.status, fault.body)


@dataclass
class _Call:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def header(self, name: str) -> str:
        return self.headers.get(name, "")


def _form(call: _Call) -> dict[str, tuple[str, bytes]]:
    """The fields of multipart/form-data: file name and content of each."""
    found = re.search(r'boundary="?([^";]+)', call.header("content-type"))
    assert found, "an upload is multipart/form-data"
    fields = {}
    for part in call.body.split(b"--" + found[1].encode())[1:-1]:
        head, _, data = part.partition(b"\r\n\r\n")
        text = head.decode()
        name = re.search(r'name="([^"]+)"', text)
        file_name = re.search(r'filename="([^"]+)"', text)
        assert name
        fields[name[1]] = (file_name[1] if file_name else "", data.removesuffix(b"\r\n"))
    return fields


@contextmanager
def batch_peer() -> Iterator[BatchPeer]:
    """A peer that listens while the block runs."""
    peer = BatchPeer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            address = urlsplit(self.path)
            call = _Call(
                method=self.command,
                path=address.path,
                query={name: values[-1] for name, values in parse_qs(address.query).items()},
                headers={name.lower(): value for name, value in self.headers.items()},
                body=_body(self),
            )
            reply = peer.handle(call)
            if reply is None:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            status, body = reply
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the peer has a log of its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    peer._server = server
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("transfer-encoding", "").lower() == "chunked":
        pieces = []
        while size := int(handler.rfile.readline().split(b";")[0], 16):
            pieces.append(handler.rfile.read(size))
            handler.rfile.readline()
        handler.rfile.readline()
        return b"".join(pieces)
    return handler.rfile.read(int(handler.headers.get("content-length") or 0))

"""Doctor and the server: reachable, open to the network, or locked."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flows import doctor_server
from tasks.settings import settings


class _Peer(BaseHTTPRequestHandler):
    password: str | None = None

    def do_GET(self) -> None:
        wanted = self.password and "Basic " + base64.b64encode(self.password.encode()).decode()
        given = self.headers.get("Authorization")
        locked = self.path != "/api/health" and wanted is not None and given != wanted
        self.send_response(401 if locked else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Peer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(_Peer, "password", None)
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{server.server_port}/api")
    monkeypatch.delenv("PREFECT_API_KEY", raising=False)
    settings.cache_clear()
    yield server
    server.shutdown()
    server.server_close()
    monkeypatch.undo()
    settings.cache_clear()


def test_an_open_server_on_loopback_is_fine(peer: ThreadingHTTPServer) -> None:
    assert doctor_server.server().level == "ok"


def test_an_open_server_on_the_network_is_named(
    peer: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_server, "is_loopback", lambda _address: False)
    found = doctor_server.server()
    assert found.level == "note"
    assert "anybody who reaches it" in found.detail and "AUTH_STRING" in found.detail


def test_a_server_that_other_addresses_of_this_machine_show_is_on_the_network() -> None:
    server = ThreadingHTTPServer(("0.0.0.0", 0), _Peer)
    try:
        import psutil

        own = [a.address for group in psutil.net_if_addrs().values() for a in group]
        seen = doctor_server._seen_from_the_network(f"http://127.0.0.1:{server.server_port}/api")
        if seen is None:
            pytest.skip("this machine has no address but loopback")
        assert seen.rsplit(":")[0] in own
    finally:
        server.server_close()


def test_a_locked_server(peer: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Peer, "password", "clara:pass")
    found = doctor_server.server()
    assert found.level == "broken" and "set PREFECT_API_AUTH_STRING" in found.detail
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "clara:wrong")
    found = doctor_server.server()
    assert found.level == "broken" and "refuses" in found.detail
    assert "wrong" not in found.detail
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "clara:pass")
    found = doctor_server.server()
    assert found.level == "ok" and "asks for a password" in found.detail


def test_a_server_that_is_gone(peer: ThreadingHTTPServer) -> None:
    peer.shutdown()
    peer.server_close()
    found = doctor_server.server()
    assert found.level == "broken" and "cannot be reached" in found.detail

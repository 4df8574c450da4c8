"""Connections that do not come about, end too early or cannot be trusted, each by its name."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.endpoint.failures import (
    EndpointRefused,
    TransientFailure,
)
from tasks.endpoint.options import Capabilities
from tasks.endpoint.wire import Wire
from tests.support.llm_clients import KEY, options, request, send
from tests.support.llm_peer import LLMPeer
from tests.support.llm_replies import Reply, raw_server


@pytest.fixture(scope="module")
def peer() -> Iterator[LLMPeer]:
    with LLMPeer() as running:
        yield running


def test_a_slow_answer_times_out_as_a_whole(peer: LLMPeer) -> None:
    peer.script.append(Reply(delay_s=30))
    with pytest.raises(TransientFailure) as caught:
        send(peer.base_url, timeout_s=1)
    assert caught.value.kind == "timeout" and caught.value.maybe_billed
    assert "within 1 seconds" in caught.value.detail


def test_nobody_listening_was_never_sent_anything() -> None:
    with socket.socket() as taken:  # bound, but it does not listen
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(TransientFailure) as caught:
            send(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
    assert caught.value.kind == "unreachable" and not caught.value.maybe_billed


def test_a_connection_that_never_comes_about_is_no_answer_that_is_late() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,  # accepts, and says nothing in TLS
        pytest.raises(TransientFailure) as caught,
    ):
        send(f"https://127.0.0.1:{silent.getsockname()[1]}/v1", timeout_s=1)
    assert caught.value.kind == "unreachable" and not caught.value.maybe_billed
    assert "within 0.5 seconds" in caught.value.detail


def test_a_host_that_does_not_exist_is_unreachable() -> None:
    with pytest.raises(TransientFailure) as caught:
        send("http://no-such-host.invalid/v1")
    assert caught.value.kind == "unreachable"


def test_tls_to_a_plain_port_says_which_address_to_write() -> None:
    answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    with raw_server(answer, []) as base_url, pytest.raises(EndpointRefused) as caught:
        send(base_url.replace("http://", "https://"))
    assert "http:// in place of https://" in str(caught.value)


@pytest.mark.skipif(not shutil.which("openssl"), reason="makes the certificate")
def test_a_certificate_of_ones_own_is_refused_at_once(tmp_path: Path) -> None:
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=127.0.0.1",
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    async def work() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        wire = Wire(options(f"https://127.0.0.1:{port}/v1"), KEY, Capabilities())
        with pytest.raises(EndpointRefused) as caught:
            await wire.send(request())
        await wire.close()
        server.close()
        assert caught.value.kind == "certificate"
        assert "SSL_CERT_FILE" in str(caught.value) and "self-signed" in str(caught.value)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("variable", "value", "kind"),
    [
        ("SSL_CERT_FILE", "/no/such/file.pem", "certificate"),
        ("HTTPS_PROXY", "gopher://127.0.0.1:70", "unreachable"),
        ("HTTPS_PROXY", "socks5://127.0.0.1:1080", "unreachable"),
    ],
)
def test_an_environment_that_keeps_calls_from_being_made_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, kind: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(EndpointRefused, match=variable) as caught:
        send("https://api.example.invalid/v1")
    assert caught.value.kind == kind


def test_a_closed_wire_opens_again(peer: LLMPeer) -> None:
    wire = Wire(options(peer.base_url), KEY, Capabilities())

    async def twice() -> None:
        await wire.send(request())
        await wire.close()
        await wire.close()

    asyncio.run(twice())
    asyncio.run(twice())

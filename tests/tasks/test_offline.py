"""--offline: a connection to another machine is refused, whoever opens it; loopback works."""

from __future__ import annotations

import socket
import urllib.request

import pytest

from tasks.offline import NetworkForbidden, forbid_network


def test_other_machines_are_out_of_reach_and_loopback_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        forbid_network()
        try:
            with pytest.raises(NetworkForbidden, match=r"192\.0\.2\.1"):
                socket.create_connection(("192.0.2.1", 80), timeout=1)
            with pytest.raises(NetworkForbidden, match="example"):
                urllib.request.urlopen("http://example.invalid/", timeout=1)
            socket.create_connection(server.getsockname(), timeout=5).close()
        finally:
            forbid_network(False)

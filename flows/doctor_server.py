"""What `clara doctor` says of the Prefect server: which, whether it answers, who may use it.

Whoever reaches a server without a password can start runs, and so programs, on its workers.
"""

from __future__ import annotations

import base64
import os
import socket
import urllib.error
import urllib.request
from urllib.parse import urlsplit

from flows.findings import Finding
from tasks.endpoint.base_url import is_loopback
from tasks.settings import settings

_SUBJECT = "Prefect server"
_TIMEOUT_S = 5.0
_PROBE_S = 0.5
_OPEN = (
    "anybody who reaches it may use it, and run what they like on its workers: start it with "
    "PREFECT_SERVER_API_AUTH_STRING (docs/deploying.md), or on 127.0.0.1"
)


def server() -> Finding:
    """The configured server, or ours."""
    from flows import local_server

    configured = settings().prefect_api_url
    if configured:
        return _examined(configured, f"PREFECT_API_URL is {configured}")
    record, answers = local_server.status()
    if record is None:
        detail = "the local one is not running; a run starts it"
        return Finding(subject=_SUBJECT, level="ok", detail=detail)
    if not answers:
        detail = f"the local one at {record.ui_url} does not answer; see {local_server.log_file()}"
        return Finding(subject=_SUBJECT, level="broken", detail=detail)
    local_server.use_password()
    return _examined(record.api_url, f"the local one runs at {record.ui_url}")


def _examined(api_url: str, detail: str) -> Finding:
    address = api_url.rstrip("/")
    try:
        urllib.request.urlopen(f"{address}/health", timeout=_TIMEOUT_S).close()
    except urllib.error.HTTPError:
        pass  # it answers; Prefect Cloud tells its health to nobody without a key
    except (OSError, ValueError) as error:
        detail = f"{detail}, and it cannot be reached: {error}"
        return Finding(subject=_SUBJECT, level="broken", detail=detail)
    if _serves(address, None):
        elsewhere = _seen_from_the_network(address)
        if elsewhere is None:
            return Finding(subject=_SUBJECT, level="ok", detail=detail)
        return Finding(subject=_SUBJECT, level="note", detail=f"{detail}; at {elsewhere} {_OPEN}")
    password = os.environ.get("PREFECT_API_AUTH_STRING")
    if password and not _serves(address, password):
        detail = f"{detail}; it refuses the user:password in PREFECT_API_AUTH_STRING"
        return Finding(subject=_SUBJECT, level="broken", detail=detail)
    if not password and not os.environ.get("PREFECT_API_KEY"):
        detail = f"{detail}; it wants a password: set PREFECT_API_AUTH_STRING"
        return Finding(subject=_SUBJECT, level="broken", detail=detail)
    return Finding(subject=_SUBJECT, level="ok", detail=f"{detail}; it asks for a password")


def _serves(address: str, password: str | None) -> bool:
    """Whether it answers a question that only its users may ask."""
    request = urllib.request.Request(f"{address}/admin/version")
    if password:
        encoded = base64.b64encode(password.encode()).decode()
        request.add_header("Authorization", f"Basic {encoded}")
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
            return bool(response.status == 200)
    except (OSError, ValueError):
        return False


def _seen_from_the_network(address: str) -> str | None:
    """An address at which other machines reach this server; None where only this one does."""
    if not is_loopback(address):
        return urlsplit(address).netloc
    import psutil

    port = urlsplit(address).port or 80
    for addresses in psutil.net_if_addrs().values():
        for own in addresses:
            if own.family != socket.AF_INET or is_loopback(f"http://{own.address}"):
                continue
            try:
                socket.create_connection((own.address, port), timeout=_PROBE_S).close()
            except OSError:
                continue
            return f"{own.address}:{port}"
    return None

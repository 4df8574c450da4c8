"""`--offline`: the network is not merely unused, it is forbidden.

An audit hook sees every connection that Python code of this process opens, whichever library
asks for it. Loopback stays open: the local Prefect server is there.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

from tasks.errors import ClaraError

_state = {"forbidden": False, "installed": False}


class NetworkForbidden(ClaraError):
    """Something tried to reach another machine although --offline was given."""


def forbid_network(forbidden: bool = True) -> None:
    """From now on, connections to other machines raise NetworkForbidden."""
    if forbidden and not _state["installed"]:
        sys.addaudithook(_watch)  # cannot be removed, so it looks at the flag
        _state["installed"] = True
    _state["forbidden"] = forbidden


def network_is_forbidden() -> bool:
    """What worker processes are told when they start."""
    return _state["forbidden"]


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _state["forbidden"]:
        return
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        _check(arguments[1][0])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        _check(arguments[0])


def _check(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        if ipaddress.ip_address(name).is_loopback:
            return
    except ValueError:
        pass
    raise NetworkForbidden(f"--offline is on, but something tried to reach {name!r}")

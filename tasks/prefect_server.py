"""A Prefect server that is away for a while must not cost a run its work."""

from __future__ import annotations

import time
from collections.abc import Callable

_LOOK_EVERY_S = 2.0
_LONGEST_S = 600.0


def unreachable() -> tuple[type[Exception], ...]:
    """What Prefect's client raises for a server that is away, or failing."""
    import httpx
    from prefect.exceptions import PrefectHTTPStatusError

    return (httpx.TransportError, PrefectHTTPStatusError)


def wait_for_server(say: Callable[[str], None], longest_s: float = _LONGEST_S) -> None:
    """Returns when the server answers; after `longest_s` seconds what comes next may fail itself.

    Before the end of a run: its work is done, and only its last state is still to be told.
    """
    from prefect.client.orchestration import get_client

    deadline = time.monotonic() + longest_s
    away = False
    with get_client(sync_client=True) as client:
        while (error := client.api_healthcheck()) is not None:
            if not away:
                say(f"The Prefect server does not answer ({type(error).__name__}): waiting for it.")
            away = True
            if time.monotonic() >= deadline:
                return
            time.sleep(_LOOK_EVERY_S)
    if away:
        say("The Prefect server answers again.")

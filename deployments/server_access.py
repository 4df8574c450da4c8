"""A client for the server in PREFECT_API_URL, and sentences for what goes wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tasks.errors import ServerUnavailable

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


@contextmanager
def server_client() -> Iterator[SyncPrefectClient]:
    """A client. Raises ServerUnavailable, which says what the server refused or why it is silent.

    The address is the environment's (`flows.local_server.connect` puts it there).
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError

    with get_client(sync_client=True) as client:
        address = str(client.api_url)
        try:
            yield client
        except PrefectHTTPStatusError as error:
            if error.response.status_code in (401, 403):
                raise ServerUnavailable(
                    f"the server at {address} refuses this machine: set PREFECT_API_AUTH_STRING "
                    "to the user:password that the server was started with (or PREFECT_API_KEY "
                    "for Prefect Cloud)"
                ) from error
            raise ServerUnavailable(
                f"the server at {address} answered {error.response.status_code}: "
                f"{error.response.text[:500]}"
            ) from error
        except httpx.TransportError as error:
            raise ServerUnavailable(
                f"the server at {address} cannot be reached ({error}): check PREFECT_API_URL"
            ) from error

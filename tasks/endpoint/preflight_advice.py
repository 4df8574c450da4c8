"""What else can be said of an endpoint that refused: its models, a better address, a proxy.

Only asked once a call has failed. Whatever goes wrong here leaves the sentence as it was.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from tasks.endpoint.base_url import host_name, is_loopback
from tasks.endpoint.options import EndpointOptions

_TIMEOUT_S = 10.0
_LONGEST_BODY = 4 << 20
_NAMES_SHOWN = 10
_LONGEST_NAME = 100


async def served_models(base_url: str, api_key: str | None) -> list[str] | None:
    """The names that `GET <base URL>/models` gives; None where it gives none."""
    body = await _get_json(f"{base_url}/models", api_key)
    entries = body.get("data") if isinstance(body, dict) else body
    if not isinstance(entries, list):
        return None
    names = [entry.get("id") for entry in entries if isinstance(entry, dict)]
    return [name for name in names if isinstance(name, str) and name.isprintable()]


async def serves_below_v1(base_url: str, api_key: str | None) -> bool:
    """Whether the models are listed below `/v1`, which the base URL lacks."""
    if base_url.endswith("/v1"):
        return False
    return await served_models(f"{base_url}/v1", api_key) is not None


def closest_first(names: Sequence[str], wanted: str) -> list[str]:
    """The few names that the wanted one may have been meant for."""

    def unlikeness(name: str) -> float:
        last = name.rsplit("/", 1)[-1].lower()
        alike = difflib.SequenceMatcher(None, last, wanted.rsplit("/", 1)[-1].lower()).ratio()
        return -alike

    shown = sorted(dict.fromkeys(names), key=lambda name: (unlikeness(name), name))
    return [name[:_LONGEST_NAME] for name in shown[:_NAMES_SHOWN]]


def models_advice(names: Sequence[str], wanted: str) -> str:
    """A sentence to append to that of a model that is not there."""
    if not names:
        return "It lists no model at all"
    if wanted in names:
        return f"It lists {wanted} all the same: the key may not be allowed to use it"
    shown = closest_first(names, wanted)
    more = len(set(names)) - len(shown)
    others = f" and {more} more" if more > 0 else ""
    return f"It has {', '.join(shown)}{others}"


def proxy_in_use(base_url: str) -> str | None:
    """Variable and host of the proxy that calls go through, without its password."""
    parts = urlsplit(base_url)
    proxies = getproxies()
    if proxy_bypass(host_name(base_url)) or proxy_bypass(parts.netloc):
        return None
    for scheme in (parts.scheme, "all"):
        address = proxies.get(scheme)
        if address:
            proxy = urlsplit(address if "://" in address else f"http://{address}")
            where = f"{proxy.hostname}:{proxy.port}" if proxy.port else str(proxy.hostname)
            return f"{scheme.upper()}_PROXY ({where})"
    return None


def unreachable_advice(endpoint: EndpointOptions, url_variable: str) -> str:
    """What to look at where nobody answers."""
    proxy = proxy_in_use(endpoint.base_url)
    if proxy is not None:
        name = host_name(endpoint.base_url)
        return (
            f"Calls go through the proxy of {proxy}: check it, or set NO_PROXY={name} where it "
            "must not be used"
        )
    if is_loopback(endpoint.base_url):
        return (
            "Is the server (Ollama, vLLM) running there? Inside a container, localhost is the "
            f"container itself. Start it, or set {url_variable} to where it runs"
        )
    return f"Check the network, and the spelling of {url_variable}"


async def _get_json(url: str, api_key: str | None) -> Any:
    """The JSON behind an address; None where there is none. Never follows a redirect: the key
    is meant for this host."""
    import httpx2

    headers = {"Authorization": f"Bearer {api_key}"} if api_key is not None else {}
    try:
        async with (
            httpx2.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as client,
            client.stream("GET", url, headers=headers) as response,
        ):
            if response.status_code != 200:
                return None
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > _LONGEST_BODY:
                    return None
        return json.loads(body)
    except (httpx2.HTTPError, httpx2.InvalidURL, ImportError, OSError, ValueError, RecursionError):
        return None

"""The address of an endpoint: checked before anything is sent to it.

A value that is no address is never shown: keys are pasted into the wrong variable.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from tasks.errors import UsageError

OPENAI_BASE_URL = "https://api.openai.com/v1"
_CALL_PATHS = ("/chat/completions", "/completions", "/responses")
# Names that a private network gives out; a name without a dot is one as well.
_PRIVATE_SUFFIXES = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".intranet")


def checked_base_url(value: str, source: str) -> str:
    """The address without a slash at its end. `source` is the flag or variable that holds it.

    Raises UsageError.
    """
    text = unquoted(value)
    parts = _split(text, source)
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{source} holds a user or a password: take them out (a key goes into OPENAI_API_KEY "
            "or VISION_API_KEY, where it is kept out of logs and files)"
        )
    if parts.query or parts.fragment:
        raise UsageError(
            f"{source} has a ? or a #, but it is only the start of an address, as in "
            f"{OPENAI_BASE_URL}: take it out"
        )
    base = text.rstrip("/")
    for path in _CALL_PATHS:
        if base.endswith(path):
            raise UsageError(
                f"{source} names a single call ({path}), but calls are made below it: write "
                f"{base.removesuffix(path)}"
            )
    return base


def _split(text: str, source: str) -> SplitResult:
    wrong = UsageError(
        f"{source} is no address of an endpoint: it must start with https:// or http:// and name "
        f"a host, as in {OPENAI_BASE_URL} or http://localhost:11434/v1"
    )
    if any(letter.isspace() or not letter.isprintable() for letter in text):
        raise wrong
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise wrong
    return parts


def unquoted(value: str) -> str:
    """A value as it was meant: without blanks around it, or the quotes that `docker --env-file`
    leaves in place."""
    text = value.strip()
    for quote in ('"', "'"):
        if len(text) > 1 and text.startswith(quote) and text.endswith(quote):
            return text[1:-1].strip()
    return text


def host_name(base_url: str) -> str:
    """The host without its port, in lower case."""
    return (urlsplit(base_url).hostname or "").rstrip(".")


def is_loopback(base_url: str) -> bool:
    """Whether calls stay on this machine. The same test as that of `--offline`."""
    host = host_name(base_url)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(base_url: str) -> bool:
    """Whether the host stands on this machine or in a network of one's own, by its name."""
    host = host_name(base_url)
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_SUFFIXES)
    return address.is_private or address.is_loopback or address.is_link_local


def is_openai(base_url: str) -> bool:
    """OpenAI's own endpoint, which serves nobody without a key."""
    host = host_name(base_url)
    return host == "api.openai.com" or host.endswith(".api.openai.com")


def travels_in_the_clear(base_url: str) -> bool:
    """Whether everybody on the way can read what is sent: plain http to a public host."""
    return urlsplit(base_url).scheme == "http" and not is_private(base_url)

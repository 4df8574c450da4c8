"""Which key goes to which endpoint. Keys are read from the settings where a call needs them.

A key is sent to the provider that it was set for, and to nobody else: OPENAI_API_KEY serves a
vision endpoint only where that is the text endpoint's host.
"""

from __future__ import annotations

from pydantic import SecretStr

from tasks.endpoint.base_url import host_name, is_openai, unquoted
from tasks.endpoint.options import EndpointOptions, KeyVariable
from tasks.errors import PreflightFailed
from tasks.settings import Settings, settings


def keys_that_are_set() -> list[KeyVariable]:
    """Names only."""
    now = settings()
    names: tuple[KeyVariable, ...] = ("OPENAI_API_KEY", "VISION_API_KEY")
    return [name for name in names if _is_set(_secret(now, name))]


def key_variable_for_text() -> KeyVariable | None:
    """None where no key is set."""
    return "OPENAI_API_KEY" if _is_set(settings().openai_api_key) else None


def key_variable_for_vision(vision_base_url: str, text_base_url: str) -> KeyVariable | None:
    """None where no key is set that is this endpoint's."""
    if _is_set(settings().vision_api_key):
        return "VISION_API_KEY"
    if host_name(vision_base_url) == host_name(text_base_url):
        return key_variable_for_text()
    return None


def api_key_for(options: EndpointOptions) -> str | None:
    """The key that the endpoint is called with; None where it is called without one.

    Raises PreflightFailed where there is none and OpenAI would be called, or where what is set
    cannot be a key. No message shows it.
    """
    if options.key_variable is None:
        if is_openai(options.base_url):
            raise PreflightFailed(missing_key_sentence(options))
        return None
    secret = _secret(settings(), options.key_variable)
    if not _is_set(secret):
        # Chosen where it was set, called where it is not: another machine, say.
        raise PreflightFailed(missing_key_sentence(options))
    assert secret is not None
    key = unquoted(secret.get_secret_value())
    if not key.isascii() or any(letter.isspace() or not letter.isprintable() for letter in key):
        raise PreflightFailed(
            f"{options.key_variable} is no key: it has a blank, a line break or a letter in it "
            "that no key has. Copy the key again, alone"
        )
    return key


def missing_key_sentence(options: EndpointOptions) -> str:
    """That a key is needed, and which variable takes it."""
    if options.need == "vision":
        return (
            f"no key for the vision model {options.model}: {options.base_url} needs one. Set "
            f"VISION_API_KEY{_why_not_the_other()}"
        )
    return (
        f"no key for the model {options.model}: {options.base_url} needs one. Set OPENAI_API_KEY, "
        "or BASE_URL where another endpoint is meant"
    )


def _why_not_the_other() -> str:
    """OPENAI_API_KEY is there, and was not sent to a host that it was not set for."""
    if not _is_set(settings().openai_api_key):
        return " (or OPENAI_API_KEY, where text and vision are served by the same host)"
    return "; OPENAI_API_KEY is sent to the text model's host only"


def _secret(now: Settings, variable: KeyVariable) -> SecretStr | None:
    return now.openai_api_key if variable == "OPENAI_API_KEY" else now.vision_api_key


def _is_set(secret: SecretStr | None) -> bool:
    return secret is not None and bool(unquoted(secret.get_secret_value()))

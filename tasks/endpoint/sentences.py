"""The sentences of failures that stop a run: what happened, at which address, what to change.

None shows a key. A provider's own words are quoted without whatever looks like one, and not at
all where a key was refused: such messages echo parts of it.
"""

from __future__ import annotations

import re

from tasks.endpoint.options import EndpointOptions

KEPT = "Everything answered so far is kept; the same command continues from there"
_LONGEST_QUOTE = 300
_SHORTEST_ECHO = 6  # letters at the start or the end of a key that give it away
_SECRETS = re.compile(r"\bsk-[\w.*-]+|\bBearer\s+\S+|\S*\*{3,}\S*", re.IGNORECASE)


def quoted(message: str, key: str) -> str:
    """A provider's message on one line, cut, without keys."""
    text = "".join(letter if letter.isprintable() else " " for letter in message)
    for length in range(len(key), _SHORTEST_ECHO - 1, -1):
        for part in (key[:length], key[-length:]):
            text = text.replace(part, "[key]")
    text = " ".join(_SECRETS.sub("[key]", text).split())
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"


def model_variable(options: EndpointOptions) -> str:
    return "VISION_MODEL" if options.need == "vision" else "MODEL"


def url_variable(options: EndpointOptions) -> str:
    return "VISION_BASE_URL or BASE_URL" if options.need == "vision" else "BASE_URL"


def key_variable(options: EndpointOptions) -> str:
    if options.key_variable is not None:
        return options.key_variable
    return "VISION_API_KEY" if options.need == "vision" else "OPENAI_API_KEY"


def key_refused(options: EndpointOptions) -> str:
    if options.key_variable is None:
        return (
            f"{options.base_url} asks for a key, and it was called without one: set "
            f"{key_variable(options)} to a key of {options.host}"
        )
    return (
        f"{options.base_url} refused the key of {options.key_variable}. Key and base URL must "
        f"belong to the same provider: set {options.key_variable} to a valid key of "
        f"{options.host}, or {url_variable(options)} to the address of the key's provider"
    )


def forbidden(options: EndpointOptions, said: str) -> str:
    return (
        f"{options.base_url} does not let this key, or this network, use the model "
        f"{options.model} (403){_said(said)}. Give the key access to it at the provider, or set "
        f"{model_variable(options)} to a model that it may use"
    )


def payment(options: EndpointOptions, said: str) -> str:
    return (
        f"the account at {options.host} cannot pay for calls of {options.model}{_said(said)}. Top "
        f"up there, or use a key of another account. {KEPT}"
    )


def no_such_model(options: EndpointOptions, said: str = "") -> str:
    return (
        f"{options.base_url} has no model {options.model!r}{_said(said)}. Set "
        f"{model_variable(options)} to one that it serves, or {url_variable(options)} to the "
        "address of the provider that does"
    )


def no_such_path(options: EndpointOptions, status: int) -> str:
    return (
        f"{options.base_url}/chat/completions is no address of an OpenAI-compatible endpoint "
        f"({status}). {path_advice(options)}"
    )


def no_address(options: EndpointOptions) -> str:
    return (
        f"{options.base_url} is no address that can be called: set {url_variable(options)} to one "
        "that begins with https:// or http://"
    )


def path_advice(options: EndpointOptions) -> str:
    """What to do about a base URL behind which something else answers."""
    if options.base_url.rstrip("/").rsplit("/", 1)[-1].lower() in ("v1", "v2", "v3", "v4"):
        return f"Check {url_variable(options)} against the provider's documentation"
    return (
        f"The base URL probably lacks /v1: set {url_variable(options)} to "
        f"{options.base_url.rstrip('/')}/v1, or to what the provider's documentation says"
    )


def redirected(options: EndpointOptions, status: int, target: str) -> str:
    where = f" to {target}" if target else ""
    return (
        f"{options.base_url} sends calls elsewhere ({status}{where}), and a call that is sent on "
        f"loses its body: set {url_variable(options)} to the address that it names"
    )


def request_refused(options: EndpointOptions, status: int, said: str) -> str:
    extra = ". --extra-body was part of the request: check it first" if options.extra_body else ""
    if "enable_thinking" in said or "stream mode" in said:
        extra = ". A model that thinks may need --extra-body '{\"enable_thinking\": false}'"
    return (
        f"{options.host} refuses what is asked of {options.model} ({status}){_said(said)}. This "
        f"concerns every call, so nothing more was sent{extra}"
    )


def streams(options: EndpointOptions) -> str:
    return (
        f"{options.host} answers in a stream, which this program does not read: take "
        "`stream` out of --extra-body, or choose a model that answers without it"
    )


def no_images(options: EndpointOptions, said: str = "") -> str:
    return (
        f"the model {options.model} at {options.host} takes no images{_said(said)}. Set "
        f"{model_variable(options)} to one that does, or unset it: pictures are then read by OCR"
    )


def certificate(options: EndpointOptions, reason: str) -> str:
    return (
        f"the certificate of {options.host} cannot be trusted ({reason}). Where a company's proxy "
        "stands in between, set SSL_CERT_FILE to the file of its root certificate; else check "
        f"{url_variable(options)}"
    )


def certificate_file(options: EndpointOptions, reason: str) -> str:
    return (
        f"{options.host} was not called: the certificates that SSL_CERT_FILE or SSL_CERT_DIR name "
        f"cannot be read ({reason}). Correct the variable, or unset it"
    )


def proxy_setting(options: EndpointOptions) -> str:
    return (
        f"{options.host} was not called: the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names "
        "cannot be used (only http:// and https:// proxies can). Correct the variable, or list "
        "the host in NO_PROXY"
    )


def speaks_no_tls(options: EndpointOptions) -> str:
    return (
        f"{options.host} does not speak TLS on that port: write http:// in place of https:// in "
        f"{url_variable(options)}"
    )


def unreachable(options: EndpointOptions, attempts: int, last: str) -> str:
    return (
        f"{options.host} could not be reached {_times(attempts)} ({last}). Check that it runs, "
        f"{url_variable(options)}, and the network. {KEPT}"
    )


def unavailable(options: EndpointOptions, attempts: int, last: str) -> str:
    return (
        f"{options.host} gave no answer of {options.model} {_times(attempts)}; the last attempt: "
        f"{last.rstrip('.')}. {KEPT}, once the endpoint is well again"
    )


def limited_for_ever(options: EndpointOptions, attempts: int, last: str) -> str:
    return (
        f"{options.host} refused calls of {options.model} for their number {_times(attempts)} "
        f"({last}). Lower --concurrency, or ask the provider for a higher limit. {KEPT}"
    )


def _times(attempts: int) -> str:
    return "in one attempt" if attempts == 1 else f"in {attempts} attempts in a row"


def _said(said: str) -> str:
    return f'; it said: "{said}"' if said else ""

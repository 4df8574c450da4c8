"""The connections to one endpoint, and what can go wrong with them, in our own words."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tasks.endpoint import sentences
from tasks.endpoint.base_url import is_openai
from tasks.endpoint.failures import EndpointRefused, TransientFailure
from tasks.endpoint.options import EndpointOptions

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

_CONNECT_TIMEOUT_S = 20.0
_KEEP_ALIVE_S = 30.0


class Transport:
    """openai's client, made at the first call, and its errors as ours."""

    def __init__(self, options: EndpointOptions, key: str) -> None:
        self._options = options
        self._key = key
        self._client: AsyncOpenAI | None = None

    @property
    def client(self) -> AsyncOpenAI:
        """Raises EndpointRefused where the environment keeps it from being made."""
        if self._client is None:
            try:
                self._client = self._open()
            except OSError as error:  # ssl.SSLError is one
                reason = error.strerror or type(error).__name__
                sentence = sentences.certificate_file(self._options, reason)
                raise EndpointRefused("certificate", sentence) from error
            except (ValueError, ImportError) as error:
                sentence = sentences.proxy_setting(self._options)
                raise EndpointRefused("unreachable", sentence) from error
        return self._client

    async def post(self, path: str, body: Mapping[str, Any]) -> httpx2.Response:
        """The response, whatever its status. Raises TransientFailure or EndpointRefused."""
        import httpx2
        import openai

        client = self.client
        try:
            return await client.post(path, cast_to=httpx2.Response, body=body)
        except openai.APIStatusError as error:
            return error.response
        except openai.APIConnectionError as error:
            failure = self.failure(error)
        # Raised out here: the error holds its request, and that the key in its headers.
        raise failure

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _open(self) -> AsyncOpenAI:
        import httpx2
        from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

        most = self._options.concurrency
        timeout_s = self._options.timeout_s
        http_client = DefaultAsyncHttpx2Client(
            timeout=httpx2.Timeout(timeout_s, connect=_connect_timeout_s(timeout_s)),
            limits=httpx2.Limits(
                max_connections=None,  # the limiter bounds calls
                max_keepalive_connections=most,
                keepalive_expiry=_KEEP_ALIVE_S,
            ),
            follow_redirects=False,
        )
        client = AsyncOpenAI(
            api_key=self._key,
            base_url=self._options.base_url,
            max_retries=0,
            timeout=http_client.timeout,
            http_client=http_client,
        )
        client.admin_api_key = None
        if not is_openai(self._options.base_url):
            # What the environment says for OpenAI is nobody else's business.
            client.organization = client.project = None
            client._custom_headers = {}
        return client

    def failure(self, error: Exception) -> TransientFailure | EndpointRefused:
        """What an error of the connection means."""
        import httpx2

        options = self._options
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                reason = cause.verify_message or "verification failed"
                return EndpointRefused("certificate", sentences.certificate(options, reason))
            if isinstance(cause, ssl.SSLError) and cause.reason in (
                "WRONG_VERSION_NUMBER",
                "RECORD_LAYER_FAILURE",
            ):
                return EndpointRefused("unreachable", sentences.speaks_no_tls(options))
            if isinstance(cause, httpx2.UnsupportedProtocol | httpx2.InvalidURL):
                return EndpointRefused("path", sentences.no_address(options))
        if any(isinstance(c, httpx2.ConnectTimeout) for c in causes):
            waited = _connect_timeout_s(options.timeout_s)
            return TransientFailure("unreachable", f"no connection within {waited:g} seconds")
        if any(isinstance(c, httpx2.ConnectError) for c in causes):
            return TransientFailure("unreachable", _reason(causes))
        if any(isinstance(c, httpx2.ProxyError) for c in causes):
            return TransientFailure("unreachable", "the proxy refused: " + _reason(causes))
        if any(isinstance(c, httpx2.TimeoutException) for c in causes):
            detail = f"no answer within {options.timeout_s:g} seconds"
            return TransientFailure("timeout", detail, maybe_billed=True)
        if any(isinstance(c, httpx2.DecodingError) for c in causes):
            return TransientFailure("broken_body", _reason(causes), maybe_billed=True)
        detail = f"the connection was lost: {_reason(causes)}"
        return TransientFailure("dropped", detail, maybe_billed=True)


def _connect_timeout_s(timeout_s: float) -> float:
    """Less than what a whole attempt may take, so that the two are told apart."""
    return min(timeout_s / 2, _CONNECT_TIMEOUT_S)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and what caused that; groups are looked into."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting += list(cause.exceptions)
        waiting += [cause.__cause__, cause.__context__]


def _reason(causes: list[BaseException]) -> str:
    """What the operating system said, where it said something, else the name of the error."""
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.errno:
            # asyncio puts the address into the text of positive ones; getaddrinfo's are negative.
            return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    told = [str(cause) for cause in reversed(causes) if str(cause)]
    return told[0] if told else type(causes[-1]).__name__

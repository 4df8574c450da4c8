"""One attempt of one call: what is sent, what comes back, and which failure it is.

No retries here. Built on openai's client for its transport, its address and its headers; the
body is read here, because too many endpoints answer 200 with something that is no answer.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tasks.endpoint import sentences
from tasks.endpoint.chat import ChatAnswer, ChatMessage, ChatRequest
from tasks.endpoint.classify import Failure, Sent, failure_of
from tasks.endpoint.error_bodies import looks_like_html, read_error
from tasks.endpoint.failures import EndpointRefused, TransientFailure
from tasks.endpoint.options import Capabilities, EndpointOptions
from tasks.endpoint.responses import answer_of
from tasks.endpoint.transport import Transport

if TYPE_CHECKING:
    import httpx2
    from openai import APIConnectionError, AsyncOpenAI

# Endpoints that need no key want one to be sent all the same.
_NO_KEY = "none"


class Wire:
    """The way to one endpoint. Bound to the event loop of its first call until it is closed."""

    def __init__(
        self, options: EndpointOptions, api_key: str | None, capabilities: Capabilities
    ) -> None:
        self.options = options
        self.capabilities = capabilities
        self._key = (api_key or "").strip()
        self._transport = Transport(options, self._key or _NO_KEY)

    def with_capabilities(self, capabilities: Capabilities) -> Wire:
        """The same connections, other parameters."""
        other = object.__new__(Wire)
        other.options, other.capabilities = self.options, capabilities
        other._key, other._transport = self._key, self._transport
        return other

    async def send(self, request: ChatRequest) -> ChatAnswer:
        """The answer of one attempt.

        Raises TransientFailure, ItemRefused, ParameterRefused or EndpointRefused.
        """
        body = self.body(request)
        try:
            async with asyncio.timeout(self.options.timeout_s):
                response = await self._transport.post("/chat/completions", body)
        except TimeoutError:
            detail = f"no answer within {self.options.timeout_s:g} seconds"
            raise TransientFailure("timeout", detail, maybe_billed=True) from None
        if response.status_code >= 300:
            raise self.failure(response.status_code, response.content, request, response.headers)
        return self.parse(self._decoded(response), request)

    def body(self, request: ChatRequest) -> dict[str, Any]:
        """The JSON of /chat/completions. `extra_body` wins over what is ours."""
        return {
            "model": self.options.model,
            "messages": [_message(message) for message in request.messages],
            **self._parameters(request),
            **self.options.extra_body,
        }

    def parse(self, response: Mapping[str, Any], request: ChatRequest) -> ChatAnswer:
        """The answer in a body that came with 200. Raises as `send` does."""
        return answer_of(response, request, self._sent(request))

    def failure(
        self,
        status: int,
        body: object,
        request: ChatRequest,
        headers: Mapping[str, str] | None = None,
    ) -> Failure:
        """What a status of 300 or more means for this request; not raised."""
        return failure_of(read_error(status, body), self._sent(request), headers or {})

    @property
    def client(self) -> AsyncOpenAI:
        """openai's own client of this endpoint, for what is no chat."""
        return self._transport.client

    def connection_failure(self, error: APIConnectionError) -> TransientFailure | EndpointRefused:
        """What an error of that client's connection means; not raised."""
        return self._transport.failure(error)

    async def close(self) -> None:
        """Closes the connections; a later call opens new ones."""
        await self._transport.close()

    def _parameters(self, request: ChatRequest) -> dict[str, Any]:
        parameters: dict[str, Any] = {self.capabilities.token_parameter: request.max_tokens}
        if self.capabilities.takes_temperature:
            parameters["temperature"] = request.temperature
        shape, structured = request.shape, self.capabilities.structured
        if shape is not None and structured == "json_schema":
            schema = {"name": shape.name, "strict": True, "schema": shape.json_schema}
            parameters["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif shape is not None and structured == "json_object":
            parameters["response_format"] = {"type": "json_object"}
        return parameters

    def _sent(self, request: ChatRequest) -> Sent:
        ours = self._parameters(request).keys() - self.options.extra_body.keys()
        return Sent(
            options=self.options,
            parameters=frozenset(ours),
            has_images=any(message.images for message in request.messages),
            key=self._key,
        )

    def _decoded(self, response: httpx2.Response) -> Mapping[str, Any]:
        try:
            decoded = json.loads(response.content)
        except (ValueError, RecursionError):
            decoded = None
        if isinstance(decoded, Mapping):
            return decoded
        start = response.content[:200].decode("utf-8", "replace")
        if start.startswith(("data:", ": ", "event:")):
            raise EndpointRefused("request", sentences.streams(self.options))
        if looks_like_html(start):
            raise TransientFailure("html", "a web page in place of an answer")
        detail = f"{len(response.content)} bytes with the status 200 that are no JSON object"
        raise TransientFailure("broken_body", detail, maybe_billed=True)


def _message(message: ChatMessage) -> dict[str, Any]:
    if not message.images:
        return {"role": message.role, "content": message.text}
    parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}]
    for image in message.images:
        uri = "data:image/jpeg;base64," + base64.b64encode(image.jpeg).decode("ascii")
        parts.append({"type": "image_url", "image_url": {"url": uri}})
    return {"role": message.role, "content": parts}

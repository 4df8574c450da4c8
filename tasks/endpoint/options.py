"""How an endpoint is called: everything but the key, which stays in the environment."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlparse

from pydantic import Field

from tasks.records import Record

Need = Literal["text", "vision"]
KeyVariable = Literal["OPENAI_API_KEY", "VISION_API_KEY"]


class Prices(Record):
    """Money per million tokens, in whatever currency the user counts in."""

    input_per_million: float = Field(ge=0)
    output_per_million: float = Field(ge=0)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        return (
            prompt_tokens * self.input_per_million + completion_tokens * self.output_per_million
        ) / 1e6


class EndpointOptions(Record):
    """One need's endpoint. Goes into task parameters, so it holds no key.

    The key is looked up in the settings, under `key_variable`, where the calls are made.
    """

    need: Need
    base_url: str = Field(description="with its /v1 or the like, without a user or a password")
    model: str
    key_variable: KeyVariable | None = Field(
        default=None, description="variable that holds the key; None: called without one"
    )
    extra_body: dict[str, Any] = Field(default_factory=dict)
    concurrency: int = Field(default=16, ge=1, description="calls under way at most")
    timeout_s: float = Field(default=300.0, gt=0, description="for one attempt of one call")
    attempts: int = Field(default=10, ge=1, description="of one call, the first one included")
    prices: Prices | None = None
    max_cost: float | None = Field(default=None, gt=0, description="of all calls of a run")
    batch: bool = Field(default=False, description="put requests aside for the batch interface")
    cache_uri: str = Field(description="where answers are kept")

    @property
    def host(self) -> str:
        """What is printed before the first call."""
        parts = urlparse(self.base_url)
        return parts.netloc.rsplit("@", 1)[-1]


class Capabilities(Record):
    """What an endpoint was found to take, decided once in preflight and remembered."""

    structured: Literal["json_schema", "json_object", "text"] = "json_schema"
    token_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    takes_temperature: bool = True

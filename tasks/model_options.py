"""Options of an ingest run that concern the engines behind an endpoint, and what they cost."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

SynthesizerChoice = Literal["auto", "llm", "extractive"]
DescriberChoice = Literal["auto", "vision", "ocr"]


class ModelOptions(BaseModel):
    """Which engines serve, by which endpoint, how fast and at which price."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    synthesizer: SynthesizerChoice = Field(
        default="auto",
        description="Who writes questions and summaries. auto: llm where MODEL is set, else "
        "extractive.",
    )
    describer: DescriberChoice = Field(
        default="auto",
        description="Who describes pictures. auto: vision where VISION_MODEL is set, else ocr.",
    )
    model: str | None = Field(default=None, description="Text model; default: MODEL.")
    base_url: str | None = Field(
        default=None, description="Endpoint, OpenAI-compatible; default: BASE_URL."
    )
    vision_model: str | None = Field(
        default=None, description="Model for pictures; default: VISION_MODEL."
    )
    vision_base_url: str | None = Field(
        default=None, description="Its endpoint; default: VISION_BASE_URL, else the text model's."
    )
    concurrency: int = Field(default=16, ge=1, le=1024, description="Calls under way at most.")
    call_timeout_s: float = Field(
        default=300.0, gt=0, description="Seconds after which a call is given up and made again."
    )
    call_attempts: int = Field(default=10, ge=1, description="Attempts of a call at most.")
    extra_body: str | None = Field(
        default=None,
        description="JSON object that reaches the provider with every call, e.g. "
        "'{\"enable_thinking\": false}'.",
    )
    vision_extra_body: str | None = Field(
        default=None, description="The same for the vision model; default: that of --extra-body."
    )
    price_input: float | None = Field(
        default=None, ge=0, description="Price of a million prompt tokens."
    )
    price_output: float | None = Field(
        default=None, ge=0, description="Price of a million answered tokens."
    )
    vision_price_input: float | None = Field(
        default=None, ge=0, description="The same for the vision model; default: --price-input."
    )
    vision_price_output: float | None = Field(
        default=None, ge=0, description="The same for the vision model; default: --price-output."
    )
    currency: str | None = Field(default=None, description="Of the prices: only shown.")
    max_cost: float | None = Field(
        default=None,
        gt=0,
        description="Money that this run may spend at most; needs the prices.",
    )
    prompts: str | None = Field(
        default=None,
        description="Folder of prompts that replace ours (`clara prompts copy` gives them out).",
    )
    judge: bool = Field(
        default=False, description="Have the model grade each pair, by a second call a chunk."
    )
    judge_min: int = Field(
        default=4, ge=1, le=5, description="Grade that a pair needs to be kept, 1 to 5."
    )
    batch_api: bool = Field(
        default=False,
        description="Synthesize through the endpoint's batch interface: cheaper, within a day.",
    )
    batch_wait_s: float = Field(
        default=0.0,
        ge=0,
        description="Seconds to wait for a submitted batch before the run ends without it.",
    )

    @field_validator("extra_body", "vision_extra_body", mode="before")
    @classmethod
    def _json_object(cls, value: Any) -> Any:
        """A JSON object, as text or as a mapping, in one canonical spelling."""
        if value is None:
            return None
        try:
            parsed = json.loads(value) if isinstance(value, str) else value
        except json.JSONDecodeError as error:
            raise ValueError(f"is no JSON ({error})") from error
        if not isinstance(parsed, dict):
            raise ValueError("is no JSON object")
        return json.dumps(parsed, sort_keys=True, ensure_ascii=False)

"""A whole training run: which data, which base, which stages, with which options.

Its JSON is a configuration file of its own. What a file may look like, and how presets, files and
flags are put together: resolve.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clara_model.config import Attention, ClaraConfig, DType, Quantization, Stage
from clara_model.errors import ConfigError
from clara_model.tracking.options import TrackingOptions
from clara_model.training.options import PresetName, TrainOptions


class ModelOptions(BaseModel):
    """ClaraConfig's fields; None: the checkpoint's that training starts from, or the default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    doc_max_length: int | None = None
    compression_rate: int | None = None
    lora_r: int | None = None
    lora_alpha: int | None = None
    lora_dropout: float | None = None
    top_k: int | None = None
    temperature: float | None = None
    alignment_weight: float | None = None
    separator: bool | None = None
    chat_template: Literal["own", "plain"] | None = None
    seed: int | None = None

    def given(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)

    def clara_config(self) -> ClaraConfig:
        """The shape of a new model. Raises ConfigError."""
        try:
            return ClaraConfig(**self.given())
        except ValidationError as error:
            raise ConfigError(explain(error, {})) from None


class TrainConfig(BaseModel):
    """A run, with every value settled. Its JSON is a configuration file of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    """A data set's folder, or one stage file where there is one stage."""
    output: Path
    """Gets a folder for each stage."""
    base_model: str | None = None
    """Folder or hub name. None: the checkpoint's, or SmolLM2-135M on a machine without CUDA."""
    init_from: str | None = None
    """Checkpoint that the first stage starts from."""
    stages: tuple[Stage, ...] = ("compression", "instruction", "end_to_end")
    preset: PresetName = "paper"

    eval_data: str | None = None
    """Held-out rows. None: eval_data.jsonl of the data set, where there is one."""
    candidates: int = Field(default=20, ge=1)
    """Candidate documents of a question in end_to_end and reasoning, at most."""
    decoder_max_length: int = Field(default=1024, ge=16)
    """Most tokens of a prompt with its answer."""
    limit_rows: int | None = Field(default=None, ge=1)
    """Train on the first so many rows of a stage's file only."""
    allow_truncation: bool = False
    """Train although more than 1 % of the documents are longer than doc_max_length."""
    workers: int | None = Field(default=None, ge=0)
    """Processes that turn text into tokens; None: as many as there are cores."""

    device: str = "auto"
    dtype: DType = "auto"
    attention: Attention = "auto"
    quantization: Quantization = "none"

    model: ModelOptions = ModelOptions()
    tracking: TrackingOptions = TrackingOptions()
    compression: TrainOptions = TrainOptions()
    instruction: TrainOptions = TrainOptions()
    end_to_end: TrainOptions = TrainOptions()
    reasoning: TrainOptions = TrainOptions()

    def options(self, stage: Stage) -> TrainOptions:
        """The options of one stage."""
        return getattr(self, stage)  # type: ignore[no-any-return]


def explain(error: ValidationError, origins: Mapping[str, str]) -> str:
    """The problems of a value as sentences, with where it came from."""
    sentences = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        origin = origins.get(name)
        source = f" (from {origin})" if origin else ""
        if problem["type"] == "missing":
            sentences.append(f"{name} is missing.")
        elif name:
            sentences.append(f"{name} = {problem['input']!r}{source}: {problem['msg']}.")
        else:
            sentences.append(f"{problem['msg']}.")
    return " ".join(sentences)

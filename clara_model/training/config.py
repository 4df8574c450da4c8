"""A whole training run: which data, which base, which stages, with which options.

Its JSON is a configuration file of its own. What a file may look like, and how presets, files and
flags are put together: resolve.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clara_model.config import STAGES, Attention, ClaraConfig, DType, Quantization, Stage
from clara_model.errors import ConfigError
from clara_model.tracking.options import TrackingOptions
from clara_model.training.options import PresetName, TrainOptions

SECTIONS: tuple[str, ...] = ("model", "tracking", *STAGES)
"""Names of a configuration under which options stand."""


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

    def clara_config(self, origins: Mapping[str, str] | None = None) -> ClaraConfig:
        """The shape of a new model. Raises ConfigError; `origins` as in ResolvedConfig."""
        try:
            return ClaraConfig(**self.given())
        except ValidationError as error:
            named = {key.removeprefix("model."): said for key, said in (origins or {}).items()}
            raise ConfigError(explain(error, named)) from None


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
    """The problems of a value as sentences, with where it came from.

    A value that several sections were given is one problem, and is told once.
    """
    told: dict[tuple[str, str, str, str], list[str]] = {}
    for problem in error.errors():
        parts = [str(part) for part in problem["loc"]]
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        origin = next((origins[prefix] for prefix in prefixes if prefix in origins), "")
        option = ".".join(parts[1:] if parts[:1] and parts[0] in SECTIONS else parts)
        message = "" if problem["type"] == "missing" else problem["msg"]
        key = (option, repr(problem["input"]), message.removeprefix("Value error, "), origin)
        told.setdefault(key, []).append(".".join(parts))
    sentences = []
    for (option, value, message, origin), names in told.items():
        name = names[0] if len(names) == 1 else option
        source = f" (from {origin})" if origin else ""
        if not message:
            sentences.append(f"{name} is missing.")
        elif name:
            sentences.append(f"{name} = {value}{source}: {message}.")
        else:
            sentences.append(f"{message}.")
    return " ".join(sentences)


def describe_run(config: TrainConfig, changed: Collection[str] = ()) -> str:
    """The preset and the figures that are used, of the stages that run, for the user.

    `changed`: names of options that do not have the preset's value.
    """
    options = {stage: config.options(stage) for stage in config.stages}
    shape = config.model
    batches = {each.batch_size for each in options.values()}
    rates = ", ".join(f"{stage} {each.learning_rate:g}" for stage, each in options.items())
    parts = [
        f"batch {batches.pop()}"
        if len(batches) == 1
        else "batches " + ", ".join(f"{stage} {each.batch_size}" for stage, each in options.items())
    ]
    # What is not named is the checkpoint's, where there is one.
    new = None if config.init_from else shape.clara_config()
    longest = new.doc_max_length if new else shape.doc_max_length
    if longest is None:
        parts.append("documents as long as the checkpoint's")
    else:
        parts.append(f"documents of {longest} tokens at most")
    if set(options) - {"compression"}:
        top_k = new.top_k if new else shape.top_k
        read = "the checkpoint's top_k" if top_k is None else str(top_k)
        retrieves = {"end_to_end", "reasoning"} & set(options)
        parts.append(
            f"{read} of {config.candidates} documents" if retrieves else f"{read} documents"
        )
    parts.append(f"learning rates {rates}")
    with_changes = f", changed in {', '.join(sorted(changed))}" if changed else ""
    return f"preset {config.preset}{with_changes}: {', '.join(parts)}"

"""A whole training run: which data, which base, which stages, with which options.

`resolve_config` is the one place where a preset, a file and flags are put together; a later one
goes before an earlier one, and `origins` says where each value came from. A file (YAML or JSON)
has the names of TrainConfig; options of training stand at the top for all stages, or in a section
of a stage's name for that stage:

    data: out/dataset
    output: out/model
    base_model: HuggingFaceTB/SmolLM2-135M-Instruct
    learning_rate: 0.0001
    end_to_end: {learning_rate: 0.000005, batch_size: 32}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clara_model.config import (
    STAGES,
    Attention,
    ClaraConfig,
    DType,
    Quantization,
    Stage,
    resolve_stage,
)
from clara_model.errors import ConfigError
from clara_model.tracking.options import TrackingOptions
from clara_model.training.options import PRESETS, PresetName, TrainOptions


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
            raise ConfigError(_explain(error, {})) from None


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


@dataclass(frozen=True)
class ResolvedConfig:
    config: TrainConfig
    origins: dict[str, str]
    """`end_to_end.learning_rate` -> `preset paper`, `the file x.yaml` or `a flag`; no defaults."""


_SECTIONS: dict[str, tuple[str, ...]] = {
    **{name: ("model",) for name in ModelOptions.model_fields},
    **{name: ("tracking",) for name in TrackingOptions.model_fields},
    **{name: STAGES for name in TrainOptions.model_fields},
    "seed": ("model", *STAGES),
}
"""Which sections a name at the top of a file, or a flag, goes into."""
_RUN_FIELDS = frozenset(TrainConfig.model_fields) - {"model", "tracking", *STAGES}


def resolve_config(
    *,
    preset: PresetName,
    file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
) -> ResolvedConfig:
    """Puts a preset, a file and flags together; flags with the value None count as not given.

    `preset` is used unless the file or a flag names one. A run that starts from a checkpoint takes
    the model's shape from there, not from the preset. Raises ConfigError.
    """
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    from_file = read_config_file(file) if file else {}
    preset = given.get("preset") or from_file.get("preset") or preset
    if preset not in PRESETS:
        raise ConfigError(f"preset {preset!r} is unknown: choose from {', '.join(PRESETS)}.")
    base = dict(PRESETS[preset])
    if given.get("init_from") or from_file.get("init_from"):
        base = {key: value for key, value in base.items() if key not in ModelOptions.model_fields}
    merged: dict[str, Any] = {name: {} for name in _section_names()}
    origins: dict[str, str] = {}
    for layer, origin in (
        (base, f"preset {preset}"),
        (from_file, f"the file {file}"),
        (given, "a flag"),
        ({"preset": preset}, ""),
    ):
        _apply(layer, origin, merged, origins)
    if isinstance(merged.get("stages"), str):
        merged["stages"] = [name for name in merged["stages"].replace(" ", "").split(",") if name]
    if "stages" in merged:
        merged["stages"] = tuple(resolve_stage(str(name)) for name in merged["stages"])
    try:
        config = TrainConfig(**merged)
    except ValidationError as error:
        raise ConfigError(_explain(error, origins)) from None
    _check(config)
    return ResolvedConfig(config, {key: origin for key, origin in origins.items() if origin})


def read_config_file(path: Path) -> dict[str, Any]:
    """A YAML or JSON file with a mapping in it. Raises ConfigError."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration {path} cannot be read: {error}.") from None
    try:
        values = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"The configuration {path} is not valid: {error}.") from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"The configuration {path} must be a mapping of names to values.")
    return values


def fingerprint(values: Mapping[str, Any]) -> str:
    """sha256 of JSON values, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _apply(
    layer: Mapping[str, Any], origin: str, merged: dict[str, Any], origins: dict[str, str]
) -> None:
    # Values for all stages first, so that a section of the same layer goes before them.
    for key, value in sorted(layer.items(), key=lambda item: item[0] in _section_names()):
        if key in _section_names():
            if not isinstance(value, Mapping):
                raise ConfigError(f"{key} (from {origin}) must be a section, not {value!r}.")
            for name, inner in value.items():
                merged[key][name] = inner
                origins[f"{key}.{name}"] = origin
        elif key in _RUN_FIELDS:
            merged[key], origins[key] = value, origin
        elif key in _SECTIONS:
            for section in _SECTIONS[key]:
                merged[section][key] = value
                origins[f"{section}.{key}"] = origin
        else:
            raise ConfigError(f"{key!r} (from {origin}) is no option of training.{_similar(key)}")


def _section_names() -> tuple[str, ...]:
    return ("model", "tracking", *STAGES)


def _similar(key: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(key, sorted(_RUN_FIELDS | set(_SECTIONS)), n=2)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _explain(error: ValidationError, origins: Mapping[str, str]) -> str:
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


def _check(config: TrainConfig) -> None:
    """Combinations that cannot work."""
    if not config.stages:
        raise ConfigError(f"No stage is named: choose from {', '.join(STAGES)}.")
    order = [STAGES.index(stage) for stage in config.stages]
    if order != sorted(set(order)):
        raise ConfigError(
            f"The stages {', '.join(config.stages)} are not in order: {', '.join(STAGES)}, each "
            "at most once."
        )
    if not config.init_from:
        shape = config.model.clara_config()
        if shape.top_k > config.candidates:
            raise ConfigError(
                f"top_k {shape.top_k} is more than the {config.candidates} candidates of a "
                "question: lower top_k or raise candidates."
            )

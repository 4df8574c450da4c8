"""The one place where a preset, a file and flags are put together.

A later one goes before an earlier one, and `origins` says where each value came from. A file (YAML
or JSON) has the names of TrainConfig; options of training, of the model and of tracking may stand
at the top, those of training for all stages, or in a section of a stage's name for that stage:

    data: out/dataset
    output: out/model
    base_model: HuggingFaceTB/SmolLM2-135M-Instruct
    learning_rate: 0.0001
    end_to_end: {learning_rate: 0.000005, batch_size: 32}
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clara_model.config import STAGES, Stage, resolve_stage
from clara_model.errors import ConfigError
from clara_model.tracking.options import TrackingOptions
from clara_model.training.config import (
    SECTIONS,
    ModelOptions,
    TrainConfig,
    describe_run,
    explain,
)
from clara_model.training.options import PRESETS, PresetName, TrainOptions, choose_preset


@dataclass(frozen=True)
class ResolvedConfig:
    config: TrainConfig
    origins: dict[str, str]
    """`end_to_end.learning_rate` -> `preset paper`, `the file x.yaml` or `a flag`; no defaults."""
    notices: tuple[str, ...] = ()
    """Lines for the user: which preset was chosen and why, which stage an alias means."""


_SECTIONS: dict[str, tuple[str, ...]] = {
    **{name: ("model",) for name in ModelOptions.model_fields},
    **{name: ("tracking",) for name in TrackingOptions.model_fields},
    **{name: STAGES for name in TrainOptions.model_fields},
    "seed": ("model", *STAGES),
}
"""Which sections a name at the top of a file, or a flag, goes into."""
_RUN_FIELDS = frozenset(TrainConfig.model_fields) - {"model", "tracking", *STAGES}

_FIELDS: dict[str, frozenset[str]] = {
    "model": frozenset(ModelOptions.model_fields),
    "tracking": frozenset(TrackingOptions.model_fields),
    **{stage: frozenset(TrainOptions.model_fields) for stage in STAGES},
}
"""The options of each section."""


def resolve_config(
    *,
    preset: PresetName | None = None,
    file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
) -> ResolvedConfig:
    """Puts a preset, a file and flags together; flags with the value None count as not given.

    `preset` serves where neither the file nor a flag names one; None chooses by the device and the
    number of rows. A run that starts from a checkpoint takes the model's shape from there, not
    from the preset. Raises ConfigError.
    """
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    from_file = read_config_file(file) if file else {}
    named = {**from_file, **given}
    notices: list[str] = []
    stages = _stages(named.get("stages"), notices)
    chosen, why = named.get("preset") or preset, ""
    if chosen is None:
        chosen, why = _fitting_preset(named, stages)
    elif chosen not in PRESETS:
        raise ConfigError(f"preset {chosen!r} is unknown: choose from {', '.join(PRESETS)}.")
    base = dict(PRESETS[chosen])
    if named.get("init_from"):
        base = {key: value for key, value in base.items() if key not in ModelOptions.model_fields}
    merged: dict[str, Any] = {name: {} for name in SECTIONS}
    origins: dict[str, str] = {}
    for layer, origin in (
        (base, f"preset {chosen}"),
        (from_file, f"the file {file}"),
        (given, "a flag"),
    ):
        _apply(layer, origin, merged, origins)
    try:
        config = TrainConfig(**{**merged, "preset": chosen, "stages": stages})
    except ValidationError as error:
        raise ConfigError(explain(error, origins)) from None
    _check(config, origins)
    described = describe_run(config, _changed(config, origins))
    notices.append(f"Chosen, since {why}: {described}." if why else f"P{described[1:]}.")
    return ResolvedConfig(config, origins, tuple(notices))


def _changed(config: TrainConfig, origins: Mapping[str, str]) -> set[str]:
    """Options of what runs, among those of the preset, whose values are not the preset's."""
    preset = PRESETS[config.preset]
    fields = set().union(*PRESETS.values()) - set(STAGES)
    passed = set(STAGES) - set(config.stages)
    changed = set()
    for section, _, option in (name.rpartition(".") for name in origins):
        if option not in fields or section in passed:
            continue
        if origins[f"{section}.{option}" if section else option].startswith("preset "):
            continue
        # A file that repeats a run names every option, those of the preset too.
        place = getattr(config, section) if section else config
        own = preset.get(section)
        values = own if isinstance(own, dict) and option in own else preset
        usual = values.get(option, type(place).model_fields[option].default)
        if getattr(place, option) not in (usual, None):
            changed.add(option)
    return changed


def _stages(named: Any, notices: list[str]) -> tuple[Stage, ...]:
    if named is None:
        return TrainConfig.model_fields["stages"].default  # type: ignore[no-any-return]
    if isinstance(named, str):
        named = [name for name in named.replace(" ", "").split(",") if name]
    if not isinstance(named, list | tuple):
        raise ConfigError(f"stages = {named!r}: give a list of {', '.join(STAGES)}.")
    stages = tuple(resolve_stage(str(name)) for name in named)
    notices.extend(
        f"{name} is the stage {stage}."
        for name, stage in zip(named, stages, strict=True)
        if name != stage
    )
    return stages


def _fitting_preset(named: Mapping[str, Any], stages: tuple[Stage, ...]) -> tuple[PresetName, str]:
    """By the device and the rows of the largest stage file."""
    from clara_model.data.files import stage_file
    from clara_model.loading import resolve_device

    device = resolve_device(str(named.get("device") or "auto"))
    if device.type == "cpu" or not named.get("data"):
        return choose_preset(device.type, 0)
    rows = 0
    for stage in stages:
        with stage_file(stage, named["data"]).open("rb") as lines:
            rows = max(rows, sum(1 for line in lines if line.strip()))
    return choose_preset(device.type, rows)


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


def _apply(
    layer: Mapping[str, Any], origin: str, merged: dict[str, Any], origins: dict[str, str]
) -> None:
    # Values for all stages first, so that a section of the same layer goes before them.
    for key, value in sorted(layer.items(), key=lambda item: item[0] in SECTIONS):
        if key in SECTIONS:
            if not isinstance(value, Mapping):
                raise ConfigError(f"{key} (from {origin}) must be a section, not {value!r}.")
            for name, inner in value.items():
                if name not in _FIELDS[key]:
                    raise ConfigError(
                        f"{name!r} in {key} (from {origin}) is no option there."
                        f"{_similar(str(name), _FIELDS[key])}"
                    )
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


def _similar(key: str, names: Collection[str] = _RUN_FIELDS | set(_SECTIONS)) -> str:
    """What may have been meant by a name that is none of `names`."""
    from difflib import get_close_matches

    if key in _RUN_FIELDS or key in _SECTIONS:
        return " Write it at the top of the file."
    near = get_close_matches(key, sorted(names), n=2)
    if near:
        return f" Did you mean {' or '.join(near)}?"
    return " `clara train --help` lists the options."


def _check(config: TrainConfig, origins: Mapping[str, str]) -> None:
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
        shape = config.model.clara_config(origins)
        if shape.top_k > config.candidates:
            raise ConfigError(
                f"top_k {shape.top_k} is more than the {config.candidates} candidates of a "
                "question: lower top_k or raise candidates."
            )

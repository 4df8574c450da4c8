"""Adapters in peft's own folder format: `adapter_config.json` and `adapter_model.safetensors`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from clara_model.checkpoints.files import write_json
from clara_model.errors import CheckpointError

if TYPE_CHECKING:
    from clara_model.model import Clara

ADAPTERS_FOLDER = "adapters"
_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
# peft names parameters from its own wrapper inwards.
_PREFIX = "base_model.model."
_SHOWN = 3


def write_adapter(model: Clara, name: str, folder: Path, base_name: str) -> None:
    """Writes one adapter so that `PeftModel.from_pretrained(base, folder)` can load it."""
    from safetensors.torch import save_file

    from clara_model.adapters import lora_config

    target = folder / ADAPTERS_FOLDER / name
    target.mkdir(parents=True)
    config = lora_config(model.config, model.adapter_targets)
    config.base_model_name_or_path = base_name
    config.inference_mode = True
    write_json(target / _CONFIG, _plain(config.to_dict()))
    tensors = {
        _PREFIX + key: parameter.detach().cpu().contiguous()
        for key, parameter in model.adapter_parameters(name).items()
    }
    save_file(tensors, target / _WEIGHTS, metadata={"format": "pt"})


def read_adapter(model: Clara, name: str, folder: Path) -> None:
    """Puts the weights of one adapter into `model`, which has it already.

    Raises CheckpointError where a tensor is missing, unknown or of another shape, or where the
    adapter was made with another rank or scale than the checkpoint's config says.
    """
    where = folder / ADAPTERS_FOLDER / name
    try:
        config = dict(json.loads((where / _CONFIG).read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{where / _CONFIG} cannot be read ({error}).") from error
    for key, ours in (("r", model.config.lora_r), ("lora_alpha", model.config.alpha)):
        if config.get(key) != ours:
            raise CheckpointError(
                f"{where / _CONFIG} has {key} {config.get(key)} and clara.json says {ours}: the "
                "two files are not of one checkpoint."
            )
    tensors = {
        key.removeprefix(_PREFIX): tensor for key, tensor in read_tensors(where / _WEIGHTS).items()
    }
    put_tensors(dict(model.adapter_parameters(name)), tensors, f"the {name} in {folder}")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, on the CPU. Raises CheckpointError."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}): copy it again.") from error


def put_tensors(places: dict[str, Tensor], tensors: dict[str, Tensor], what: str) -> None:
    """Copies each tensor to the place of its name.

    Raises CheckpointError that names what is missing, unknown or of another shape; nothing is
    copied then.
    """
    problems = [
        *_named("lacks", sorted(set(places) - set(tensors))),
        *_named("has unknown", sorted(set(tensors) - set(places))),
        *_named(
            "has other shapes than the model:",
            [
                f"{key} {list(tensor.shape)} for {list(places[key].shape)}"
                for key, tensor in sorted(tensors.items())
                if key in places and tensor.shape != places[key].shape
            ],
        ),
    ]
    if problems:
        raise CheckpointError(
            f"The checkpoint does not fit the model: {what} {'; '.join(problems)}."
        )
    with torch.no_grad():
        for key, tensor in tensors.items():
            places[key].copy_(tensor)


def _named(problem: str, names: list[str]) -> list[str]:
    if not names:
        return []
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"{problem} {', '.join(names[:_SHOWN])}{rest}"]


def _plain(value: Any) -> Any:
    """As JSON, with sets in order: the same adapter gives the same bytes."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in sorted(value.items())}
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value

"""Which base a checkpoint belongs to: a fingerprint that is cheap for a model of any size."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import torch
from safetensors import safe_open

from clara_model.base_models import base_config, base_licence, resolve_base, weight_files
from clara_model.checkpoints.files import inside
from clara_model.checkpoints.records import BaseRecord, CheckpointRecord
from clara_model.errors import BaseModelError, CheckpointError
from clara_model.tables import EMBEDDING, HEAD

if TYPE_CHECKING:
    from clara_model.model import Clara

INSIDE = "./"
"""A base name that begins so is a folder inside the checkpoint."""

_SAMPLE_BYTES = 1024
_LONGEST_HEADER_BYTES = 100 << 20
# What changes from one save or library to the next and says nothing of the numbers.
_VOLATILE = frozenset(
    {"_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache", "auto_map"}
)


def describe_base(folder: Path, name: str) -> BaseRecord:
    """The record of the base model in `folder`, which goes by `name`. Raises BaseModelError."""
    config = base_config(folder)
    return BaseRecord(
        name=name,
        config_fingerprint=_config_fingerprint(config),
        weights_fingerprint=weights_fingerprint(folder),
        model_type=config["model_type"],
        licence=base_licence(folder),
    )


def weights_fingerprint(folder: Path) -> str:
    """sha256 over every tensor's name, dtype, shape and three samples of its bytes, by name.

    The same for the same weights however they are sharded; reads some megabytes, whatever the
    model's size. Raises BaseModelError for a file that is no safetensors file.
    """
    lines: dict[str, str] = {}
    for path in weight_files(folder):
        try:
            with path.open("rb") as file:
                lines.update(_tensor_lines(file))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BaseModelError(
                f"The base's weights {path} cannot be read ({error}): copy the model anew."
            ) from error
    text = "\n".join(f"{name} {line}" for name, line in sorted(lines.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def find_checkpoint_base(
    checkpoint: Path, record: CheckpointRecord, base: str | Path | None
) -> tuple[Path, str]:
    """The folder of the base that the checkpoint needs, and the name that it goes by.

    `base` overrides the name that the checkpoint recorded. Raises CheckpointError where neither
    is here, or where the base at hand is another than the one that the checkpoint was trained on.
    """
    wanted = record.base
    name = wanted.name if base is None else str(base)
    try:
        if base is None and name.startswith(INSIDE):
            folder = checkpoint / inside(checkpoint, name.removeprefix(INSIDE))
            if not folder.is_dir():
                raise CheckpointError(
                    f"The checkpoint {checkpoint} should hold its base model in {folder.name}/, "
                    "which is missing: copy the whole folder again."
                )
        else:
            folder = resolve_base(name)
        found = describe_base(folder, name)
    except BaseModelError as error:
        hint = "" if base is not None else " Name the base with --base-model (base=... in Python)."
        raise CheckpointError(
            f"The checkpoint {checkpoint} needs its base model {wanted.name} "
            f"({wanted.model_type}). {error}{hint}"
        ) from error
    for what in ("config", "weights"):
        if getattr(found, f"{what}_fingerprint") != getattr(wanted, f"{what}_fingerprint"):
            raise CheckpointError(
                f"The base at hand, {name}, is not the one that the checkpoint {checkpoint} was "
                f"trained on ({wanted.name}): {_difference(what, found, wanted)}. Name the base "
                "that it was trained on with --base-model (base=... in Python)."
            )
    return folder, name


def base_was_changed(model: Clara, folder: Path) -> bool:
    """Whether the model's base is no longer what the files in `folder` say: it was trained itself.

    Looks at the first row of every tensor, which an optimizer leaves no tensor without changing.
    """
    own = {
        name.replace(".base_layer.", "."): value for name, value in model.base.state_dict().items()
    }
    tables = {EMBEDDING, HEAD} if model.carries_tables else set()
    for path in weight_files(folder):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no mapping)
                mine = own.get(name)
                if mine is None or not mine.dim() or name.split(".")[-2] in tables:
                    continue
                theirs, row = file.get_slice(name)[:1], mine[:1].detach().cpu()
                if theirs.shape != row.shape or not row.is_floating_point():
                    continue  # quantized, so that it cannot have trained
                if not torch.equal(theirs.to(row.dtype), row):
                    return True
    return False


def _difference(what: str, found: BaseRecord, wanted: BaseRecord) -> str:
    if found.model_type != wanted.model_type:
        return f"it is of type {found.model_type}, and {wanted.model_type} was expected"
    if what == "config":
        return "their config.json differ"
    return "their config.json agree, their weights differ"


def _config_fingerprint(config: dict[str, Any]) -> str:
    kept = {key: value for key, value in config.items() if key not in _VOLATILE}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _tensor_lines(file: BinaryIO) -> dict[str, str]:
    """The safetensors format: 8 bytes of header length, a JSON header, then the tensors."""
    length = int.from_bytes(file.read(8), "little")
    if not 0 < length <= _LONGEST_HEADER_BYTES:
        raise ValueError("no safetensors header")
    header = json.loads(file.read(length))
    start, size = 8 + length, file.seek(0, 2)
    lines = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, end = entry["data_offsets"]
        if start + end > size:
            raise ValueError(f"it ends before {name} does")
        digest = hashlib.sha256()
        for offset in (first, (first + end) // 2, max(first, end - _SAMPLE_BYTES)):
            file.seek(start + offset)
            digest.update(file.read(min(_SAMPLE_BYTES, end - offset)))
        lines[name] = f"{entry['dtype']} {entry['shape']} {digest.hexdigest()}"
    return lines

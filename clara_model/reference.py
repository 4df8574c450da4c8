"""Checkpoints of the reference implementation: read with care, and written.

Its files are pickles (MODEL.md, "The reference's checkpoint"). They are read by torch's
`weights_only` loader, which builds tensors and nothing else, and every key and shape is checked.
Nothing else in this project reads a pickle.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from clara_model import tables
from clara_model.config import ADAPTERS, DECODER, ENCODER, ClaraConfig, DType, Stage
from clara_model.errors import CheckpointError, UnsafeCheckpoint
from clara_model.loading import load_base
from clara_model.model import Clara
from clara_model.tokens import TokenSpace

# The reference counts its stages otherwise than its own scripts do.
REFERENCE_STAGES: dict[str, Stage] = {
    "stage1": "compression",
    "stage1_2": "instruction",
    "stage2": "end_to_end",
    "stage2_pretrain_retrieval": "end_to_end",
    "stage2_reasoning": "reasoning",
}
_OUR_STAGES = {
    "compression": "stage1",
    "instruction": "stage1_2",
    "end_to_end": "stage2",
    "reasoning": "stage2_reasoning",
}
ADAPTERS_FILE, TABLES_FILE = "adapters.pth", "decoder_first_last_layers.pth"
_EMBEDDING_KEY, _HEAD_KEY = "model.embed_tokens.weight", "lm_head.weight"
_LICENCES = re.compile(r"^(LICEN[CS]E|COPYING|NOTICE)", re.IGNORECASE)


class _ReferenceConfig(BaseModel):
    """The fields of its config.json that mean something here."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    decoder_model_name: str | None = None
    doc_max_length: int
    compr_rate: int
    lora_r: int
    training_stage: str
    generation_top_k: int | None = None
    sep: bool | None = None


def import_reference(
    folder: str | Path,
    base: str | Path | None = None,
    *,
    device: str | torch.device = "cpu",
    dtype: DType = "float32",
) -> Clara:
    """A model from a checkpoint folder of the reference implementation.

    `base` is the folder or hub name of the base it was trained on; None takes the name in its
    config.json. Raises CheckpointError for what is missing or of another shape, UnsafeCheckpoint
    for a file that holds more than tensors (it is not run), BaseModelError for the base.
    """
    folder = Path(folder).expanduser()
    settings = _read_config(folder)
    stage = REFERENCE_STAGES.get(settings.training_stage)
    if stage is None:
        raise CheckpointError(
            f"{folder / 'config.json'}: training_stage {settings.training_stage!r} is none of "
            f"{', '.join(REFERENCE_STAGES)}."
        )
    adapters = _read_tensors(folder / ADAPTERS_FILE)
    table_values = _read_tensors(folder / TABLES_FILE)
    unknown = set(adapters) - set(ADAPTERS)
    if unknown or not {ENCODER, DECODER} <= set(adapters):
        raise CheckpointError(
            f"{folder / ADAPTERS_FILE} holds {sorted(map(str, adapters))}, and {ENCODER} and "
            f"{DECODER} are needed, of {', '.join(ADAPTERS)}."
        )
    try:
        config = ClaraConfig(
            doc_max_length=settings.doc_max_length,
            compression_rate=settings.compr_rate,
            lora_r=settings.lora_r,
            top_k=settings.generation_top_k or 5,
            separator=settings.sep is not False,
        )
    except ValidationError as error:
        raise CheckpointError(f"{folder / 'config.json'}: {error}") from error
    base_name = base or settings.decoder_model_name
    if base_name is None:
        raise CheckpointError(
            f"{folder / 'config.json'} names no base (decoder_model_name): say which it was."
        )
    decoder, tokenizer = load_base(str(base_name), device=device, dtype=dtype)
    tokens = TokenSpace.add_to(tokenizer, config.memory_tokens, config.separator)
    own = {name: table.detach().clone() for name, table in tables.tables(decoder).items()}
    values = _table_values(folder / TABLES_FILE, table_values, own, tokens.size)
    model = Clara.assemble(
        decoder,
        tokens,
        config,
        base_name=str(base_name),
        adapters=tuple(name for name in ADAPTERS if name in adapters),
        table_rows=len(values[tables.EMBEDDING]),
    )
    for name, loaded in adapters.items():
        _fill_adapter(model, name, loaded, folder / ADAPTERS_FILE)
    tables.write_rows(model.base, 0, values)
    with torch.no_grad():
        first = tokens.base_size
        rows = values[tables.EMBEDDING][first : first + config.memory_tokens]
        model.memory_rows.copy_(rows)
    model.carries_tables = _differ(own, values, first)
    model.stage = stage
    model.origin = _origin(folder)
    return model.eval()


def export_reference(model: Clara, folder: str | Path) -> None:
    """Writes `model` as the reference implementation does: pickles of tensors and a config.json.

    Its tables have a row for each token and no more: spare rows of the base are left out, and
    the rows of the memory tokens are the trained ones; where the base ties its tables these are
    output rows too, as they are in the reference, so that what the decoder gives differs a little
    from `model`. Its format has no alpha: where ours is not 2r, B is scaled instead. Raises
    CheckpointError where it cannot be written.
    """
    folder = Path(folder).expanduser()
    size = model.tokens.size
    first, m = model.tokens.base_size, model.config.memory_tokens
    values = {n: t[:size].detach().cpu().clone() for n, t in tables.tables(model.base).items()}
    values[tables.EMBEDDING][first : first + m] = model.memory_rows.detach().cpu()
    keys = {tables.EMBEDDING: _EMBEDDING_KEY, tables.HEAD: _HEAD_KEY}
    scale = model.config.alpha / (2 * model.config.lora_r)
    adapters = {
        name: {
            k: p.detach().cpu() * (scale if ".lora_B." in k else 1.0)
            for k, p in model.adapter_parameters(name).items()
        }
        for name in model.adapter_names
    }
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as work:
            made = Path(work) / "checkpoint"
            made.mkdir()
            torch.save(adapters, made / ADAPTERS_FILE)
            torch.save({keys[n]: t for n, t in values.items()}, made / TABLES_FILE)
            (made / "config.json").write_text(json.dumps(_their_config(model), indent=1) + "\n")
            if folder.exists():
                _refuse_foreign(folder)
                shutil.rmtree(folder)
            made.rename(folder)
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint cannot be written to {folder}: {error.strerror or error}."
        ) from error


def _read_config(folder: Path) -> _ReferenceConfig:
    file = folder / "config.json"
    try:
        return _ReferenceConfig.model_validate_json(file.read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"{folder} is no checkpoint of the reference: {file.name} cannot be read "
            f"({error.strerror or error})."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise CheckpointError(
            f"{file} is no configuration of the reference: {where}: {first['msg']}."
        ) from error


def _read_tensors(file: Path) -> dict[str, Any]:
    """A pickle of (nested) dicts of tensors, built by torch's own loader and checked."""
    if not file.is_file():
        raise CheckpointError(f"{file} is missing: it belongs to a checkpoint of the reference.")
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise UnsafeCheckpoint(
            f"{file} is no plain checkpoint: it holds more than tensors, or is damaged. It was "
            f"not run. ({_first_line(error)})"
        ) from error
    except Exception as error:  # a damaged archive raises whatever its reader stumbles over
        raise CheckpointError(f"{file} is damaged: {_first_line(error)}.") from error
    if not _only_tensors(loaded):
        raise UnsafeCheckpoint(f"{file} holds something else than named tensors: it is not used.")
    return loaded


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _only_tensors(value: Any, depth: int = 2) -> bool:
    return isinstance(value, dict) and all(
        isinstance(key, str)
        and (isinstance(item, Tensor) or (depth > 1 and _only_tensors(item, depth - 1)))
        for key, item in value.items()
    )


def _table_values(
    file: Path, loaded: dict[str, Any], own: dict[str, Tensor], size: int
) -> dict[str, Tensor]:
    """{"embed_tokens": [R, H], "lm_head": [R, H]}, the second where the base's is untied."""
    keys = {tables.EMBEDDING: _EMBEDDING_KEY, tables.HEAD: _HEAD_KEY}
    values = {}
    for name, mine in own.items():
        value = loaded.get(keys[name])
        if not isinstance(value, Tensor):
            raise CheckpointError(
                f"{file} has no {keys[name]}, and this base has it: another base was trained on?"
            )
        if value.dim() != 2 or value.shape[1] != mine.shape[1] or len(value) < size:
            raise CheckpointError(
                f"{file}: {keys[name]} has shape {tuple(value.shape)}, and at least "
                f"({size}, {mine.shape[1]}) is needed: another base, doc_max_length or rate."
            )
        values[name] = value
    return values


def _fill_adapter(model: Clara, name: str, loaded: Any, file: Path) -> None:
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{file}: {name} is one tensor, and named weights are needed.")
    mine = model.adapter_parameters(name)
    # Some entries carry copies of the tables.
    theirs = {k: v for k, v in loaded.items() if k not in (_EMBEDDING_KEY, _HEAD_KEY)}
    missing, extra = sorted(set(mine) - set(theirs)), sorted(set(theirs) - set(mine))
    if missing or extra:
        raise CheckpointError(
            f"{file}: {name} does not fit this base: missing {_some(missing)}, "
            f"unknown {_some(extra)}."
        )
    with torch.no_grad():
        for key, parameter in mine.items():
            if theirs[key].shape != parameter.shape:
                raise CheckpointError(
                    f"{file}: {name} {key} has shape {tuple(theirs[key].shape)}, expected "
                    f"{tuple(parameter.shape)}."
                )
            parameter.copy_(theirs[key])


def _some(names: list[str]) -> str:
    return f"{len(names)} ({names[0]} ...)" if names else "none"


def _differ(own: dict[str, Tensor], values: dict[str, Tensor], first: int) -> bool:
    """Whether rows of the base's own tokens were trained too."""
    return not all(
        torch.equal(table[:first].cpu(), values[name][:first].to(table.dtype))
        for name, table in own.items()
    )


def _origin(folder: Path) -> dict[str, str]:
    licences = sorted(f for f in folder.iterdir() if _LICENCES.match(f.name) and f.is_file())
    return {
        "format": "reference",
        "source": folder.name,
        **{f.name: f.read_text(encoding="utf-8", errors="replace") for f in licences},
    }


def _refuse_foreign(folder: Path) -> None:
    known = {ADAPTERS_FILE, TABLES_FILE, "config.json"}
    others = sorted(f.name for f in folder.iterdir() if f.name not in known)
    if others:
        raise CheckpointError(
            f"{folder} holds other things ({', '.join(others[:3])}): name a new folder."
        )


def _their_config(model: Clara) -> dict[str, Any]:
    config = model.config
    return {
        "model_type": "CLaRa",
        "decoder_model_name": model.base_name,
        "doc_max_length": config.doc_max_length,
        "compr_rate": config.compression_rate,
        "lora": True,
        "lora_r": config.lora_r,
        "lora_r_compressor": config.lora_r,
        "training_stage": _OUR_STAGES[model.stage or "compression"],
        "training_form": "both_separately",
        "generation_top_k": config.top_k,
        "stage2_retrieval_top_n": 1,
        "sep": config.separator,
        "different_mem_tokens": True,
        "optimize_mem_tokens": True,
        "ae_mode": "token",
        "quantization": "no",
        "load_adapters": True,
    }

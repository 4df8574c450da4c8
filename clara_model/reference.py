"""Checkpoints of the reference implementation: read with care, and written.

Its files (MODEL.md, "The reference's checkpoint") are read and written by
clara_model.reference_files; here every key, shape and value is checked and given its meaning.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from clara_model import tables
from clara_model.checkpoint import provenance_of
from clara_model.checkpoints.card import licence_files
from clara_model.config import ADAPTERS, DECODER, ENCODER, ClaraConfig, DType, Stage
from clara_model.errors import CheckpointError
from clara_model.loading import load_base
from clara_model.model import Clara
from clara_model.reference_files import (
    ADAPTERS_FILE,
    CONFIG_FILE,
    TABLES_FILE,
    licence_texts,
    read_config,
    read_tensors,
    refuse_foreign,
    refuse_not_finite,
    why_not_written,
    write_tensors,
)
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
_EMBEDDING_KEY, _HEAD_KEY = "model.embed_tokens.weight", "lm_head.weight"


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
    settings = read_config(folder)
    stage = REFERENCE_STAGES.get(settings.training_stage)
    if stage is None:
        raise CheckpointError(
            f"{folder / CONFIG_FILE}: training_stage {settings.training_stage!r} is none of "
            f"{', '.join(REFERENCE_STAGES)}."
        )
    adapters = read_tensors(folder / ADAPTERS_FILE)
    table_values = read_tensors(folder / TABLES_FILE)
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
        raise CheckpointError(f"{folder / CONFIG_FILE}: {error}") from error
    base_name = base or settings.decoder_model_name
    if base_name is None:
        raise CheckpointError(
            f"{folder / CONFIG_FILE} names no base (decoder_model_name): say which it was."
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
    from `model`. Its format has no alpha: where ours is not 2r, B is scaled instead. A base that is
    a folder is named by its last part; licences of imported weights lie beside the files. Raises
    StorageFull where the disk is full, CheckpointError where it cannot be written.
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
            write_tensors(adapters, made / ADAPTERS_FILE)
            write_tensors({keys[n]: t for n, t in values.items()}, made / TABLES_FILE)
            (made / CONFIG_FILE).write_text(json.dumps(_their_config(model), indent=1) + "\n")
            for (_, text), name in licence_files(provenance_of(model)).items():
                (made / name).write_text(text, encoding="utf-8")
            if folder.exists():
                refuse_foreign(folder)
                shutil.rmtree(folder)
            made.rename(folder)
    except OSError as error:
        raise why_not_written(folder, error) from error


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
        refuse_not_finite(value, keys[name], file)
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
            refuse_not_finite(theirs[key], f"{name} {key}", file)
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
    return {"format": "reference", "source": folder.name, **licence_texts(folder)}


def _their_config(model: Clara) -> dict[str, Any]:
    config = model.config
    return {
        "model_type": "CLaRa",
        "decoder_model_name": _portable(model.base_name),
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


def _portable(base: str) -> str:
    """A hub's name as it is; of a folder its last part: where it lies is nobody's business."""
    folder = Path(base).expanduser()
    named_as_folder = folder.is_absolute() or base.startswith(".")
    return folder.resolve().name if named_as_folder else base

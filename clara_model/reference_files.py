"""The files of the reference implementation's checkpoints: read with care, and written.

Its tensors are in pickles (MODEL.md, "The reference's checkpoint"). They are read by torch's
`weights_only` loader, which builds tensors and nothing else. Nothing else here reads a pickle.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from clara_model.errors import CheckpointError, StorageFull, UnsafeCheckpoint

ADAPTERS_FILE, TABLES_FILE = "adapters.pth", "decoder_first_last_layers.pth"
CONFIG_FILE = "config.json"
_LICENCES = re.compile(r"^(LICEN[CS]E|COPYING|NOTICE)", re.IGNORECASE)
_ASKED_FOR = re.compile(r"GLOBAL ([\w.]+)")
_COPY_AGAIN = "is damaged: copy the checkpoint again"


class ReferenceConfig(BaseModel):
    """The fields of its config.json that mean something here."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    decoder_model_name: str | None = None
    doc_max_length: int
    compr_rate: int
    lora_r: int
    training_stage: str
    generation_top_k: int | None = None
    sep: bool | None = None


def read_config(folder: Path) -> ReferenceConfig:
    """Raises CheckpointError for a folder that is no checkpoint of the reference."""
    file = folder / CONFIG_FILE
    try:
        return ReferenceConfig.model_validate_json(file.read_bytes())
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


def read_tensors(file: Path) -> dict[str, Any]:
    """A pickle of (nested) dicts of tensors, built by torch's own loader and checked.

    Raises UnsafeCheckpoint where it holds anything else (nothing of it is run), CheckpointError
    where it is missing or damaged.
    """
    if not file.is_file():
        raise CheckpointError(f"{file} is missing: it belongs to a checkpoint of the reference.")
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        # torch's own text advises to load the file without this guard: it is not passed on.
        asked_for = _ASKED_FOR.search(str(error))
        if asked_for:
            raise UnsafeCheckpoint(
                f"{file} holds more than tensors: it asks for {asked_for[1]}. It was not run. "
                "Take the checkpoint from whoever published it."
            ) from error
        raise UnsafeCheckpoint(
            f"{file} is no plain checkpoint: it holds more than tensors, or is damaged. It was "
            "not run."
        ) from error
    except Exception as error:  # a damaged archive raises whatever its reader stumbles over
        raise CheckpointError(f"{file} {_COPY_AGAIN}.") from error
    if not _only_tensors(loaded):
        raise UnsafeCheckpoint(f"{file} holds something else than named tensors: it is not used.")
    return loaded


def write_tensors(values: dict[str, Any], file: Path) -> None:
    """Raises OSError, with its errno where the disk is full."""
    try:
        # torch reports a failed write to a path as an internal check; one to a stream as it is.
        with file.open("wb") as stream:
            torch.save(values, stream)
    except RuntimeError as error:
        before = error.__context__
        raise (before if isinstance(before, OSError) else OSError(errno.EIO, str(error))) from error


def why_not_written(folder: Path, error: OSError) -> CheckpointError | StorageFull:
    """What to raise for a checkpoint that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(
            f"The checkpoint {folder} could not be written, the disk is full "
            f"({error.strerror}). Nothing of it was left: free some space and go on."
        )
    return CheckpointError(
        f"The checkpoint cannot be written to {folder}: {error.strerror or error}."
    )


def licence_texts(folder: Path) -> dict[str, str]:
    """{file name: text} of the licences that lie beside a checkpoint."""
    files = sorted(f for f in folder.iterdir() if _LICENCES.match(f.name) and f.is_file())
    return {f.name: f.read_text(encoding="utf-8", errors="replace") for f in files}


def refuse_foreign(folder: Path) -> None:
    """Raises CheckpointError where a folder holds what no export wrote."""
    names = sorted(file.name for file in folder.iterdir())
    known = {ADAPTERS_FILE, TABLES_FILE, CONFIG_FILE}
    # A licence by itself may be of anything.
    licences = {name for name in names if ADAPTERS_FILE in names and _LICENCES.match(name)}
    others = [name for name in names if name not in known | licences]
    if others:
        raise CheckpointError(
            f"{folder} holds other things ({', '.join(others[:3])}): name a new folder."
        )


def refuse_not_finite(tensor: Tensor, name: str, file: Path) -> None:
    """Raises CheckpointError for NaN or infinite values."""
    if not bool(torch.isfinite(tensor).all()):
        raise CheckpointError(
            f"{file}: {name} holds values that are not finite (NaN or infinite): its training "
            "failed. Take another checkpoint."
        )


def _only_tensors(value: Any, depth: int = 2) -> bool:
    return isinstance(value, dict) and all(
        isinstance(key, str)
        and (isinstance(item, Tensor) or (depth > 1 and _only_tensors(item, depth - 1)))
        for key, item in value.items()
    )

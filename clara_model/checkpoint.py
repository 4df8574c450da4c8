"""This project's checkpoint: a folder of safetensors and JSON files, complete or absent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clara_model.checkpoint_records import (
    DataProvenance,
    LicenceNotice,
    ParentCheckpoint,
    Provenance,
)

if TYPE_CHECKING:
    from clara_model.config import Attention, DType, Quantization
    from clara_model.model import Clara

__all__ = [
    "DataProvenance",
    "LicenceNotice",
    "ParentCheckpoint",
    "Provenance",
    "checkpoint_sha256",
    "load_checkpoint",
    "parent_checkpoint",
    "read_provenance",
    "save_checkpoint",
    "verify_checkpoint",
]


def save_checkpoint(
    model: Clara, folder: str | Path, *, provenance: Provenance | None = None
) -> Path:
    """Writes `model` into `folder`, which must not exist or be a checkpoint (replaced whole).

    Raises StorageFull where the disk is full, CheckpointError where the folder is something else.
    """
    raise NotImplementedError


def load_checkpoint(
    folder: str | Path,
    *,
    base: str | Path | None = None,
    device: str = "cpu",
    dtype: DType | None = None,
    attention: Attention = "auto",
    quantization: Quantization = "none",
) -> Clara:
    """The model in `folder`. `dtype` None: as it was saved. Raises CheckpointError, BaseModelError."""
    raise NotImplementedError


def checkpoint_sha256(folder: str | Path) -> str:
    """Hash of what decides the model's answers (not of the card, the time, the provenance)."""
    raise NotImplementedError


def verify_checkpoint(folder: str | Path) -> None:
    """Checks that every file is there and has its hash. Raises CheckpointError."""
    raise NotImplementedError


def read_provenance(folder: str | Path) -> Provenance:
    """Where the checkpoint comes from. Raises CheckpointError."""
    raise NotImplementedError


def parent_checkpoint(folder: str | Path) -> ParentCheckpoint:
    """What a checkpoint that is trained from this one records of it. Raises CheckpointError."""
    raise NotImplementedError

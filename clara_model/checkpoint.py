"""This project's checkpoint: a folder of safetensors and JSON files, complete or absent.

    clara.json                  config, stage, dtype, the base and its fingerprint, provenance
    adapters/<name>/            each adapter in peft's own folder format
    memory.safetensors          the memory rows [m, H], and the base-table rows of added tokens
    tables.safetensors          only of an imported checkpoint whose tables are not the base's
    tokenizer/                  the base's tokenizer with the added tokens
    base/                       only where the base was trained, or was exported along
    README.md, licenses/        the model card; licences that travel along
    manifest.json               written last: sha256 of every file

It holds adapters, not the base. Nothing in it is a pickle.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from clara_model.checkpoints.records import (
    CheckpointRecord,
    DataProvenance,
    LicenceNotice,
    ParentCheckpoint,
    Provenance,
)

if TYPE_CHECKING:
    from clara_model.config import Attention, DType, Quantization
    from clara_model.model import Clara

__all__ = [
    "CheckpointRecord",
    "DataProvenance",
    "LicenceNotice",
    "ParentCheckpoint",
    "Provenance",
    "checkpoint_sha256",
    "load_checkpoint",
    "parent_checkpoint",
    "read_checkpoint_record",
    "read_provenance",
    "save_checkpoint",
    "verify_checkpoint",
]
# Their words change and the model's answers do not.
_NOT_THE_MODEL = ("clara.json", "README.md", "licenses/")


def save_checkpoint(
    model: Clara, folder: str | Path, *, provenance: Provenance | None = None
) -> Path:
    """Writes `model` into `folder`, whole or not at all; an older checkpoint there is replaced.

    Without `provenance`, what the model was loaded or imported with is kept. Raises StorageFull
    where the disk is full, CheckpointError where the folder cannot be written or holds something
    else than a checkpoint.
    """
    from clara_model.checkpoints.write import write_checkpoint

    target = Path(folder).expanduser().absolute()
    write_checkpoint(model, target, provenance or provenance_of(model))
    return target


def load_checkpoint(
    folder: str | Path,
    *,
    base: str | Path | None = None,
    device: str = "cpu",
    dtype: DType | None = None,
    attention: Attention = "auto",
    quantization: Quantization = "none",
) -> Clara:
    """The model in `folder`, in evaluation mode.

    `base` None looks for the base where the checkpoint says that it was; `dtype` None takes the
    base's precision when it was saved. Raises CheckpointError where the folder is no checkpoint of
    ours, incomplete, corrupt, of other shapes, or where its base is not here or another one.
    """
    from clara_model.checkpoints.read import read_checkpoint

    return read_checkpoint(
        Path(folder).expanduser().absolute(),
        base=base,
        device=device,
        dtype=dtype,
        attention=attention,
        quantization=quantization,
    )


def checkpoint_sha256(folder: str | Path) -> str:
    """Hash of what decides the model's answers: weights, config, tokenizer, base.

    Neither the time, the provenance, the card nor where the base lies count: the same training
    gives the same hash. The files are not read; `verify_checkpoint` does. Raises CheckpointError.
    """
    from clara_model.checkpoints.files import read_manifest, read_record

    path = Path(folder).expanduser()
    files = {
        name: entry.sha256
        for name, entry in sorted(read_manifest(path).files.items())
        if not name.startswith(_NOT_THE_MODEL) and not name.endswith("adapter_config.json")
    }
    record = read_record(path)
    said = record.model_dump(mode="json", exclude={"provenance": True, "base": {"name", "licence"}})
    text = json.dumps({"files": files, "record": said}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def verify_checkpoint(folder: str | Path) -> None:
    """Checks that every file is there and is what the manifest says. Raises CheckpointError."""
    from clara_model.checkpoints.files import check_files, read_record

    path = Path(folder).expanduser()
    read_record(path)
    check_files(path)


def read_checkpoint_record(folder: str | Path) -> CheckpointRecord:
    """clara.json: config, stage, base, adapters, provenance. Raises CheckpointError."""
    from clara_model.checkpoints.files import read_record

    return read_record(Path(folder).expanduser())


def read_provenance(folder: str | Path) -> Provenance:
    """Where the checkpoint comes from. Raises CheckpointError."""
    return read_checkpoint_record(folder).provenance


def parent_checkpoint(folder: str | Path) -> ParentCheckpoint:
    """What a checkpoint that is trained from this one records of it. Raises CheckpointError."""
    path = Path(folder).expanduser()
    record = read_checkpoint_record(path)
    # Training calls the folder of every stage so.
    name = record.stage if path.name == "model" and record.stage else path.name
    return ParentCheckpoint(sha256=checkpoint_sha256(path), name=name, provenance=record.provenance)


def provenance_of(model: Clara) -> Provenance:
    """What a model that was loaded or imported brings along; empty for a new one."""
    loaded: Provenance | None = getattr(model, "provenance", None)
    if loaded is not None:
        return loaded
    origin: dict[str, str] = dict(getattr(model, "origin", None) or {})
    if not origin:
        return Provenance()
    source = origin.pop("source")
    kind = origin.pop("format")
    return Provenance(
        imported_from=f"{source} (a checkpoint of the {kind} implementation)",
        licences=tuple(
            LicenceNotice(name=name, source=source, text=text) for name, text in origin.items()
        ),
    )

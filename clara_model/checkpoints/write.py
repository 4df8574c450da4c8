"""Writing a checkpoint: what a model has learnt, and all that has to be known of it."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from clara_model import tables
from clara_model.base_models import resolve_base
from clara_model.checkpoints.adapters import write_adapter
from clara_model.checkpoints.base import INSIDE, base_was_changed, describe_base
from clara_model.checkpoints.card import licence_files, model_card
from clara_model.checkpoints.files import RECORD_FILE, whole_folder, write_json
from clara_model.checkpoints.records import CheckpointRecord, Provenance
from clara_model.errors import BaseModelError, CheckpointError

if TYPE_CHECKING:
    from clara_model.model import Clara

MEMORY_FILE = "memory.safetensors"
TABLES_FILE = "tables.safetensors"
TOKENIZER_FOLDER = "tokenizer"
LICENCES_FOLDER = "licenses"
BASE_FOLDER = "base"
CARD_FILE = "README.md"
MEMORY_ROWS = "memory_rows"
ADDED = "added_rows."
"""What the names of the added tokens' rows in MEMORY_FILE begin with."""
_PACKAGES = ("clara-pipeline", "torch", "transformers", "peft", "accelerate", "tokenizers")


def write_checkpoint(model: Clara, folder: Path, provenance: Provenance) -> None:
    """Writes `model` into `folder`, whole or not at all.

    A base that was trained itself goes along in `base/`. Raises StorageFull, CheckpointError.
    """
    from safetensors.torch import save_file

    with whole_folder(folder) as draft:
        base_folder = _base_folder(model, folder)
        base_goes_along = base_was_changed(model, base_folder)
        if base_goes_along:
            _write_base(model, draft / BASE_FOLDER)
            base = describe_base(draft / BASE_FOLDER, f"{INSIDE}{BASE_FOLDER}")
        else:
            # A folder is named in full: the checkpoint may be loaded from anywhere.
            is_folder = Path(model.base_name).expanduser().is_dir()
            name = str(base_folder.resolve()) if is_folder else model.base_name
            base = describe_base(base_folder, name)
        record = CheckpointRecord(
            config=model.config,
            stage=model.stage,
            dtype=str(model.base_dtype).removeprefix("torch."),  # type: ignore[arg-type]
            base=base,
            table_rows=model.table_rows,
            adapters=model.adapter_names,
            provenance=_completed(provenance, model),
        )
        for name in model.adapter_names:
            write_adapter(model, name, draft, base.name)
        rows = {f"{ADDED}{name}": value for name, value in model.added_rows().items()}
        save_file(_on_cpu({MEMORY_ROWS: model.memory_rows, **rows}), draft / MEMORY_FILE)
        if model.carries_tables and not base_goes_along:
            save_file(_on_cpu(tables.tables(model.base)), draft / TABLES_FILE)
        model.tokenizer.save_pretrained(draft / TOKENIZER_FOLDER)
        write_json(draft / RECORD_FILE, record)
        write_texts(draft, record)


def write_texts(folder: Path, record: CheckpointRecord) -> None:
    """The model card and the licences that travel along."""
    files = licence_files(record.provenance)
    if files:
        (folder / LICENCES_FOLDER).mkdir()
    for (_, text), file in files.items():
        (folder / LICENCES_FOLDER / file).write_text(text, encoding="utf-8")
    (folder / CARD_FILE).write_text(model_card(record), encoding="utf-8")


def _base_folder(model: Clara, folder: Path) -> Path:
    try:
        return resolve_base(model.base_name)
    except BaseModelError as error:
        raise CheckpointError(
            f"The checkpoint {folder} cannot be written: the base {model.base_name} that it has to "
            f"name was there and is gone. {error}"
        ) from error


def _write_base(model: Clara, folder: Path) -> None:
    """The base as transformers saves one, without the adapters that sit in its layers."""
    from safetensors.torch import save_file

    folder.mkdir()
    tied = model.base.get_output_embeddings().weight is model.base.get_input_embeddings().weight
    tensors = {
        name.replace(".base_layer.", "."): value
        for name, value in model.base.state_dict().items()
        if ".lora_" not in name and not (tied and name == "lm_head.weight")
    }
    save_file(_on_cpu(tensors), folder / "model.safetensors", metadata={"format": "pt"})
    model.base.config.save_pretrained(folder)
    if model.base.generation_config is not None:
        model.base.generation_config.save_pretrained(folder)
    model.tokenizer.save_pretrained(folder)


def _completed(provenance: Provenance, model: Clara) -> Provenance:
    return provenance.model_copy(
        update={
            "stage": provenance.stage or model.stage,
            "packages": provenance.packages or _versions(),
            "created_at": provenance.created_at or datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed as a package"
    return found


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}

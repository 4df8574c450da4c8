"""Reading a checkpoint: whole, unchanged, ours, and on the base that it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from clara_model import tables
from clara_model.checkpoints.adapters import put_tensors, read_adapter, read_tensors
from clara_model.checkpoints.base import find_checkpoint_base
from clara_model.checkpoints.files import RECORD_FILE, check_files, read_record
from clara_model.checkpoints.records import CheckpointRecord
from clara_model.checkpoints.write import (
    ADDED,
    MEMORY_FILE,
    MEMORY_ROWS,
    TABLES_FILE,
    TOKENIZER_FOLDER,
)
from clara_model.config import ADAPTERS, Attention, DType, Quantization
from clara_model.errors import CheckpointError
from clara_model.loading import load_base
from clara_model.tokens import AE, ENC, SEP, TokenSpace

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from clara_model.config import ClaraConfig
    from clara_model.model import Clara


def read_checkpoint(
    folder: Path,
    *,
    base: str | Path | None,
    device: str | torch.device,
    dtype: DType | None,
    attention: Attention,
    quantization: Quantization,
) -> Clara:
    """The model of a checkpoint, in evaluation mode. Raises CheckpointError, BaseModelError."""
    from clara_model.model import Clara

    record = read_record(folder)
    manifest = check_files(folder)
    if MEMORY_FILE not in manifest.files:
        raise CheckpointError(
            f"The checkpoint {folder} lacks {MEMORY_FILE} in its manifest: copy the whole folder "
            "again."
        )
    unknown = sorted(set(record.adapters) - set(ADAPTERS))
    if unknown:
        raise CheckpointError(f"{folder} has adapters that are none of ours: {', '.join(unknown)}.")
    tokens = token_space(_tokenizer(folder / TOKENIZER_FOLDER), record.config, folder)
    if record.table_rows < tokens.size:
        raise CheckpointError(
            f"{folder / RECORD_FILE} has table_rows {record.table_rows}, and the tokenizer has "
            f"{tokens.size} tokens: the two are not of one checkpoint. Copy the whole folder again."
        )
    base_folder, name = find_checkpoint_base(folder, record, base)
    decoder, _ = load_base(
        base_folder,
        device=device,
        dtype=dtype or record.dtype,
        attention=attention,
        quantization=quantization,
    )
    model = Clara.assemble(
        decoder,
        tokens,
        record.config,
        base_name=name if base is not None or not name.startswith("./") else str(base_folder),
        adapters=record.adapters,
        table_rows=record.table_rows,
    )
    _fill(model, folder, record, carries_tables=TABLES_FILE in manifest.files)
    model.stage = record.stage
    model.provenance = record.provenance
    return model.eval()


def token_space(
    tokenizer: PreTrainedTokenizerFast, config: ClaraConfig, folder: Path
) -> TokenSpace:
    """The added tokens of a tokenizer that has them. Raises CheckpointError where it has not."""
    memory = [f"<MEM{i}>" for i in range(config.memory_tokens)]
    names = [*memory, AE, ENC, SEP]
    ids = tokenizer.convert_tokens_to_ids(names)
    named = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    if ids != list(range(ids[0] or 0, (ids[0] or 0) + len(names))) or None in named:
        raise CheckpointError(
            f"The tokenizer in {folder} lacks some of {names[0]} .. {names[-1]}, bos, eos and pad: "
            "it is not the one that the checkpoint was made with. Copy the whole folder again."
        )
    return TokenSpace(
        tokenizer=tokenizer,
        base_size=ids[0],
        memory_token_ids=tuple(ids[: len(memory)]),
        enc_id=ids[-2],
        sep_id=ids[-1],
        bos_id=tokenizer.bos_token_id,
        eos_id=tokenizer.eos_token_id,
        pad_id=tokenizer.pad_token_id,
        separator=config.separator,
    )


def _tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    from transformers import AutoTokenizer

    if not (folder / "tokenizer.json").is_file():
        raise CheckpointError(f"{folder} has no tokenizer.json: copy the whole checkpoint again.")
    try:
        # A tokenizer with code of its own is refused, not asked about.
        return AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"The tokenizer in {folder} cannot be read: {error}.") from error


def _fill(model: Clara, folder: Path, record: CheckpointRecord, *, carries_tables: bool) -> None:
    if carries_tables:
        tables.write_rows(model.base, 0, read_tensors(folder / TABLES_FILE))
        model.carries_tables = True
    memory = read_tensors(folder / MEMORY_FILE)
    added = {k.removeprefix(ADDED): v for k, v in memory.items() if k.startswith(ADDED)}
    rows = {key: value for key, value in memory.items() if not key.startswith(ADDED)}
    put_tensors({MEMORY_ROWS: model.memory_rows}, rows, f"{MEMORY_FILE} in {folder}")
    model.set_added_rows(added)
    for name in record.adapters:
        read_adapter(model, name, folder)

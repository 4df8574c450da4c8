"""Documents that a frozen encoder has encoded, each once (MODEL.md: 81 % of a step otherwise).

Kept in memory, or on disk where there are more than memory holds: safetensors shards, each with a
JSON index that is written after it. A cache on disk outlives `kill -9` and serves later runs. A
document goes by the hash of its token ids, a folder by the hash of the encoder.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from clara_model.batches import TrainingBatch
from clara_model.config import ENCODER
from clara_model.errors import CheckpointError
from clara_model.inputs import right_padded
from clara_model.training.oom import free_memory, is_out_of_memory
from clara_model.training.randomness import undisturbed
from clara_model.training.storage import named_write_errors, write_json, write_tensors

if TYPE_CHECKING:
    from clara_model.model import Clara

_OPEN_SHARDS = 64
_SAMPLES_PER_TENSOR = 64


class DocumentCache:
    """Memory [m, H] of documents, in the base's precision, encoded when they are first asked for.

    `folder` None keeps all of them in memory, on the CPU. Holds for the encoder that `model` has
    now: make another where it changed.
    """

    def __init__(
        self,
        model: Clara,
        folder: Path | None = None,
        *,
        rank: int = 0,
        documents_at_a_time: int = 64,
        shard_bytes: int = 64 * 2**20,
    ) -> None:
        self._model = model
        self._at_a_time = documents_at_a_time
        self._kept: dict[str, Tensor] = {}
        self._shards = None if folder is None else _Shards(folder / encoder_hash(model)[:16], rank)
        self._shard_bytes = shard_bytes

    def __len__(self) -> int:
        return len(self._kept) + (len(self._shards) if self._shards else 0)

    def __contains__(self, key: str) -> bool:
        return key in self._kept or (self._shards is not None and key in self._shards)

    def fill(self, batch: TrainingBatch) -> tuple[TrainingBatch, list[int]]:
        """The batch with `document_memory` in place of ids, on the model's device.

        Documents that are new are encoded first; their lengths in tokens are the second result.
        """
        if batch.document_ids is None or batch.document_mask is None:
            return batch, []
        new = [row for row, key in enumerate(batch.document_keys) if key not in self]
        lengths = batch.document_mask[new].sum(1).tolist()
        self._encode(batch, new)
        memory = torch.stack([self._get(key) for key in batch.document_keys])
        filled = replace(
            batch,
            document_ids=None,
            document_mask=None,
            document_memory=memory.to(self._model.device),
        )
        return filled, lengths

    def flush(self) -> None:
        """Writes what waits for a shard to be full. Raises StorageFull."""
        if self._shards is not None and self._kept:
            self._shards.write(self._kept)
            self._kept = {}

    def _get(self, key: str) -> Tensor:
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        assert self._shards is not None
        return self._shards.read(key)

    def _encode(self, batch: TrainingBatch, rows: list[int]) -> None:
        assert batch.document_ids is not None and batch.document_mask is not None
        mask, ids = right_padded(batch.document_mask, batch.document_ids)
        # By length: a chunk is padded to its own longest.
        waiting = sorted(rows, key=lambda row: int(mask[row].sum()))
        while waiting:
            chunk = waiting[-self._at_a_time :]
            try:
                memory = self._encoded(ids[chunk], mask[chunk])
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or len(chunk) == 1:
                    raise
                self._at_a_time = len(chunk) // 2
                memory = None
            if memory is None:
                free_memory()
                continue
            # Clones: a view would keep the whole chunk alive.
            self._kept.update(
                (batch.document_keys[row], part.clone())
                for row, part in zip(chunk, memory, strict=True)
            )
            waiting = waiting[: -len(chunk)]
            if self._shards is not None and self._kept_bytes() >= self._shard_bytes:
                self.flush()

    def _encoded(self, ids: Tensor, mask: Tensor) -> Tensor:
        model = self._model
        width = int(mask.sum(1).max())
        with undisturbed(model):
            ids, mask = ids[:, :width].to(model.device), mask[:, :width].to(model.device)
            return model.compress(ids, mask).memory.to("cpu", model.base_dtype)

    def _kept_bytes(self) -> int:
        one = next(iter(self._kept.values()))
        return len(self._kept) * one.numel() * one.element_size()


class _Shards:
    """The files of a cache on disk; each process writes its own and reads all."""

    def __init__(self, folder: Path, rank: int) -> None:
        self._folder = folder
        self._rank = rank
        self._places: dict[str, tuple[str, int]] = {}
        self._open: OrderedDict[str, Any] = OrderedDict()
        with named_write_errors(f"The document cache {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
        self._next = 0
        for index in sorted(folder.glob("*.json")):
            self._learn(index)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def write(self, memory: dict[str, Tensor]) -> None:
        name = f"process-{self._rank}-{self._next:06d}"
        path = self._folder / f"{name}.safetensors"
        with named_write_errors(f"The document cache {path}"):
            try:
                write_tensors(path, {"memory": torch.stack(list(memory.values()))})
                write_json(path.with_suffix(".json"), {"documents": list(memory)})
            except BaseException:
                # Without its index nobody reads it; what is cut off need not fill the disk.
                path.unlink(missing_ok=True)
                raise
        self._next += 1
        self._places.update((key, (name, row)) for row, key in enumerate(memory))

    def read(self, key: str) -> Tensor:
        name, row = self._places[key]
        return self._shard(name)[row]

    def _learn(self, index: Path) -> None:
        try:
            keys = json.loads(index.read_text(encoding="utf-8"))["documents"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(_unreadable(index, error)) from error
        self._places.update((key, (index.stem, row)) for row, key in enumerate(keys))
        own, number = index.stem.rsplit("-", 1)
        if own == f"process-{self._rank}":
            self._next = max(self._next, int(number) + 1)

    def _shard(self, name: str) -> Any:
        from safetensors import SafetensorError, safe_open

        if name not in self._open:
            path = self._folder / f"{name}.safetensors"
            try:
                self._open[name] = safe_open(path, framework="pt").get_slice("memory")
            except (OSError, SafetensorError) as error:
                raise CheckpointError(_unreadable(path, error)) from error
            if len(self._open) > _OPEN_SHARDS:
                self._open.popitem(last=False)
        self._open.move_to_end(name)
        return self._open[name]


def _unreadable(path: Path, error: Exception) -> str:
    return (
        f"{path} of the document cache cannot be read ({error}): delete the folder {path.parent}, "
        "its documents are then encoded again."
    )


def encoder_hash(model: Clara) -> str:
    """sha256 of what a document's memory follows from: encoder, memory rows, base, precision.

    The adapter and the rows are hashed whole, the base by samples of each of its tensors.
    """
    digest = hashlib.sha256(f"{model.base_dtype} {model.config.memory_tokens}".encode())
    whole = {**model.adapter_parameters(ENCODER), "memory_rows": model.memory_rows}
    whole |= model.added_rows()
    for name, tensor in whole.items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().float().cpu().numpy().tobytes())
    digest.update(f"alpha {model.config.alpha}".encode())
    for name, parameter in model.base.named_parameters():
        if ".lora_" not in name:
            flat = parameter.detach().flatten()
            sample = flat[:: max(1, len(flat) // _SAMPLES_PER_TENSOR)].float().cpu()
            digest.update(f"{name} {tuple(parameter.shape)}".encode())
            digest.update(sample.numpy().tobytes())
    return digest.hexdigest()

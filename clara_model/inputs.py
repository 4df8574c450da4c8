"""Bringing token ids and memory vectors into the shape in which the base reads them.

Everything the base reads is padded on the right. Under causal attention no real token then sees
padding, so that no mask is needed: results are those of each row alone, and attention runs in its
fast causal kernel. (But for bases whose rotary factors go by the longest row, such as Phi-3's long
versions: there this holds up to the context that they were first trained with.)
"""

from __future__ import annotations

import torch
from torch import Tensor

from clara_model.errors import DataError


def right_padded(mask: Tensor, *rows: Tensor) -> tuple[Tensor, ...]:
    """Moves the real positions of each row to its left, in their order.

    mask [B, T] of 0 and 1 (any dtype), rows [B, T] each; gives the mask and the rows so ordered.
    """
    mask = mask.long()
    order = torch.argsort(mask, dim=1, descending=True, stable=True)
    return tuple(t.gather(1, order) for t in (mask, *rows))


def left_padded(mask: Tensor, *rows: Tensor) -> tuple[Tensor, ...]:
    """Moves the real positions of each row to its right, in their order; for generation."""
    mask = mask.long()
    order = torch.argsort(mask, dim=1, stable=True)
    return tuple(t.gather(1, order) for t in (mask, *rows))


def with_memory_positions(ids: Tensor, mask: Tensor, memory_ids: Tensor) -> tuple[Tensor, Tensor]:
    """Puts the m memory token ids right behind the last real token of each document.

    ids and mask [n, L], memory_ids [m]; gives ids [n, L + m], padded on the right, and the
    positions [n, m] of the memory tokens.
    """
    mask, ids = right_padded(mask, ids)
    lengths = mask.sum(1, keepdim=True)
    positions = lengths + torch.arange(len(memory_ids), device=ids.device)
    room = ids.new_zeros(len(ids), len(memory_ids))
    longer = torch.cat([ids, room], dim=1)
    return longer.scatter(1, positions, memory_ids.expand(len(ids), -1)), positions


def slots_filled(ids: Tensor, embeddings: Tensor, memory: Tensor, memory_ids: Tensor) -> Tensor:
    """Replaces the embeddings of memory tokens by memory vectors, in order.

    ids [B, T], embeddings [B, T, H], memory [B, k, m, H]: the first memory token of a row takes
    memory[b, 0, 0], the second memory[b, 0, 1], and so on; a row may have fewer than k slots.
    """
    flat = memory.flatten(1, 2)
    if not flat.shape[1]:
        return embeddings
    is_slot = torch.isin(ids, memory_ids)
    number = (is_slot.cumsum(1) - 1).clamp(0, flat.shape[1] - 1)
    chosen = flat.gather(1, number[..., None].expand(-1, -1, flat.shape[-1]))
    return torch.where(is_slot[..., None], chosen.to(embeddings.dtype), embeddings)


def check_slots(ids: Tensor, memory: Tensor, memory_ids: Tensor) -> None:
    """Raises DataError where a row has more slots than memory, or half a slot."""
    slots = torch.isin(ids, memory_ids).sum(1)
    _, k, m, _ = memory.shape
    if len(ids) != len(memory):
        raise DataError(f"{len(ids)} prompts were given with the memory of {len(memory)}.")
    if m != len(memory_ids) or int(slots.max()) > k * m or bool((slots % m).any()):
        raise DataError(
            f"The prompts have {slots.tolist()} memory tokens, and the memory is of {k} documents "
            f"of {m} (this model compresses a document into {len(memory_ids)}): give each "
            "document one slot of <MEM0>.. tokens, and no more slots than documents."
        )

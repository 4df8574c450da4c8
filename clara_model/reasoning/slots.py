"""What the slots of traces hold, and how a search learns from it.

MODEL.md, "Reasoning" and "Straight-through top-k". B rows, N candidates of a row, S searches of
all rows, K slots of a row, m memory tokens, H hidden size. `slot_queries` [B, K] long says which
search fills a slot: a search fills slots that follow one another, and -1 stands where a row has
fewer slots than others.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def reasoning_memory(
    scores: Tensor, documents: Tensor, slot_queries: Tensor, temperature: float = 0.02
) -> tuple[Tensor, Tensor]:
    """What each slot holds, [B, K, m, H] in the dtype of `documents`, and of which document.

    scores float32 [S, N], -inf where a row has no such candidate; documents [B, N, m, H]. The j-th
    slot of a search takes its j-th best candidate: memory = W @ documents, where W = hard + soft -
    stopgrad(soft) is the straight-through top-k of its scores (as `retrieval.select_top_k`, but
    searches may fill different numbers of slots, of rows with different numbers of candidates).
    The second result is [B, K] long; in slots that are not there it is -1, and the memory zero.
    """
    filled = slot_queries >= 0
    of_slot = scores[slot_queries.clamp(min=0)]  # [B, K, N]
    same_search = (slot_queries[:, :, None] == slot_queries[:, None, :]) & filled[:, :, None]
    before = torch.tril(same_search, diagonal=-1)  # [B, K, K]
    ranking = of_slot.argsort(dim=-1, descending=True, stable=True)
    taken = ranking.gather(-1, before.sum(-1, keepdim=True)).squeeze(-1)
    hard = functional.one_hot(taken, documents.shape[1])
    taken_before = torch.einsum("bkj,bjn->bkn", before.float(), hard.float()) > 0
    # Where there is no slot, nothing may be NaN: its gradient would be, too.
    taken_before = taken_before & filled[..., None]
    soft = torch.softmax(of_slot.masked_fill(taken_before, -math.inf) / temperature, dim=-1)
    weights = (hard + soft - soft.detach()) * filled[..., None]
    memory = torch.einsum("bkn,bnmh->bkmh", weights.to(documents.dtype), documents)
    return memory, taken.masked_fill(~filled, -1)


def search_rows(slot_queries: Tensor, searches: int) -> Tensor:
    """[S] long: the row that each search belongs to. Every search fills at least one slot."""
    row = torch.arange(len(slot_queries), device=slot_queries.device)[:, None]
    filled = slot_queries >= 0
    rows = slot_queries.new_zeros(searches)
    rows[slot_queries[filled]] = row.expand_as(slot_queries)[filled]
    return rows

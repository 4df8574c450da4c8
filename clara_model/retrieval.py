"""Retrieval in memory space: scores, the straight-through top-k, the optional retrieval loss.

MODEL.md, "Forward passes"; paper (arXiv 2511.18659), the section on differentiable top-k.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from clara_model.errors import ConfigError


def cosine_scores(query: Tensor, documents: Tensor) -> Tensor:
    """Cosine of the flattened memory of a question and of each of its candidates.

    query [B, m, H], documents [B, N, m, H], any float dtype; the result is float32 [B, N].
    """
    q = functional.normalize(query.float().flatten(1), dim=-1)
    d = functional.normalize(documents.float().flatten(2), dim=-1)
    return torch.einsum("bd,bnd->bn", q, d)


def select_top_k(
    scores: Tensor, k: int, temperature: float = 0.02, mask_epsilon: float | None = None
) -> tuple[Tensor, Tensor]:
    """Straight-through top-k: exact selection forward, a softmax's gradient backward.

    scores float [B, N]; -inf marks a candidate that is not there. Gives weights [B, k, N], whose
    values are one-hot and whose gradient is that of the softmax of scores / temperature without
    the documents of the slots before; and the selected indices [B, k] long, best first.
    `mask_epsilon` reproduces the reference, which adds log(epsilon) to documents that were taken
    and so lets them leak back; for comparison only. Raises ConfigError where k is above N.
    """
    candidates = scores.shape[-1]
    if not 1 <= k <= candidates:
        raise ConfigError(
            f"k = {k} documents were asked for and there are {candidates} candidates: "
            "lower k, or give more candidates."
        )
    logits = scores / temperature
    taken_at = -math.inf if mask_epsilon is None else math.log(mask_epsilon)
    indices = logits.topk(k, dim=-1).indices
    slots = []
    taken = torch.zeros_like(logits, dtype=torch.bool)
    for j in range(k):
        chosen = functional.one_hot(indices[:, j], candidates).bool()
        if mask_epsilon is None:
            masked = logits.masked_fill(taken, taken_at)
        else:
            masked = logits + taken * taken_at
        soft = torch.softmax(masked, dim=-1)
        slots.append(chosen.to(soft.dtype) + soft - soft.detach())
        taken = taken | chosen
    return torch.stack(slots, dim=1), indices


def retrieval_loss(scores: Tensor, positives: Tensor, temperature: float = 0.02) -> Tensor:
    """-(logsumexp over the positives - logsumexp over all) of scores / temperature, per row.

    scores float [B, N], positives bool [B, N] with at least one in each row; the result is [B].
    """
    logits = scores.float() / temperature
    answering = logits.masked_fill(~positives, -math.inf)
    return torch.logsumexp(logits, dim=-1) - torch.logsumexp(answering, dim=-1)

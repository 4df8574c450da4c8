"""Cross-entropy on the positions that carry loss, without the logits of all the others.

With 150,000 tokens in the vocabulary, float32 logits over every position of a batch are the
largest tensor of a training step, and nine tenths of them are thrown away.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

# Logits that are in memory at a time, in float32. More is no faster from here on.
_CHUNK_BYTES = 128 * 2**20


def cross_entropy_sum(hidden: Tensor, targets: Tensor, head: nn.Module) -> Tensor:
    """Sum over p positions of -log softmax(head(hidden))[target], in float32.

    hidden [p, H] in the base's dtype, targets [p] long; the result is []. The logits [p, V] exist
    one chunk at a time. Where the head is frozen its gradient is not computed, and the gradient
    of `hidden` is made while the logits are at hand: two products with the head, not three.
    """
    if not len(targets):
        return hidden.float().sum() * 0.0
    weight: Tensor = head.weight
    rows = max(1, _CHUNK_BYTES // (4 * weight.shape[0]))
    plain = type(head) is nn.Linear
    if plain and hidden.requires_grad and not weight.requires_grad:
        return _FrozenHead.apply(hidden, targets, weight, head.bias, rows)
    losses = [
        _chunk_sum(part, target, head)
        if not torch.is_grad_enabled() or len(targets) <= rows
        else checkpoint(_chunk_sum, part, target, head, use_reentrant=False)
        for part, target in zip(hidden.split(rows), targets.split(rows), strict=True)
    ]
    return torch.stack(losses).sum()


def _chunk_sum(hidden: Tensor, targets: Tensor, head: nn.Module) -> Tensor:
    logits = head(hidden.to(head.weight.dtype)).float()
    return functional.cross_entropy(logits, targets, reduction="sum")


class _FrozenHead(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, targets: Tensor, weight: Tensor, bias: Tensor | None, rows: int
    ) -> Tensor:
        total = torch.zeros((), device=hidden.device)
        gradient = torch.empty(hidden.shape, dtype=torch.float32, device=hidden.device)
        start = 0
        for part, target in zip(hidden.split(rows), targets.split(rows), strict=True):
            logits = functional.linear(part.to(weight.dtype), weight, bias).float()
            column = target[:, None]
            # In place throughout: logits are the largest tensor here.
            logits -= logits.amax(dim=-1, keepdim=True)
            total -= logits.gather(1, column).sum()
            normaliser = logits.exp_().sum(dim=-1, keepdim=True)
            total += normaliser.log().sum()
            probabilities = logits.div_(normaliser)
            probabilities.scatter_add_(1, column, torch.full_like(column, -1, dtype=torch.float32))
            gradient[start : start + len(part)] = probabilities.to(weight.dtype) @ weight
            start += len(part)
        ctx.save_for_backward(gradient)
        ctx.dtype = hidden.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return (gradient * grads[0]).to(ctx.dtype), None, None, None, None

"""What one forward pass takes and gives, in every stage.

B questions, N candidates (or k slots) of a question, n distinct documents of the batch, L document
tokens, T decoder tokens, m memory tokens, H hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from clara_model.config import IGNORED, Stage

__all__ = ["IGNORED", "StepOutput", "TrainingBatch"]


@dataclass(frozen=True)
class TrainingBatch:
    """Rows of one micro-batch, padded to its own longest, on either side; masks are 0 and 1."""

    stage: Stage
    row_ids: tuple[str, ...]
    """B ids of the rows, for messages."""
    input_ids: Tensor
    """[B, T] long: the decoder's prompt and answer, memory token ids at the slots."""
    attention_mask: Tensor
    """[B, T] long."""
    labels: Tensor
    """[B, T] long: the token itself where it counts, IGNORED elsewhere (shifted by the model)."""
    document_index: Tensor
    """[B, N] long: which of the n distinct documents; -1 where a row has fewer."""
    document_keys: tuple[str, ...]
    """n content keys, equal for equal token ids: what a cache of encoded documents goes by."""
    document_ids: Tensor | None = None
    """[n, L] long, without memory positions; None where `document_memory` is given."""
    document_mask: Tensor | None = None
    """[n, L] long."""
    document_memory: Tensor | None = None
    """[n, m, H]: documents that were encoded before (stage end_to_end)."""
    query_ids: Tensor | None = None
    """[B, Q] long, in end_to_end; in reasoning [S, Q], the searches of all rows, one after
    another."""
    query_mask: Tensor | None = None
    positives: Tensor | None = None
    """[B, N] bool where every row of the batch says which documents answer it; else None. In
    reasoning [S, N]: the documents that a trace shows for each search."""
    slot_queries: Tensor | None = None
    """[B, K] long, in reasoning only: which search fills each slot; -1 where a row has fewer."""
    slot_documents: Tensor | None = None
    """[B, K] long, in reasoning only: the column of `document_index` that the trace shows."""

    @property
    def rows(self) -> int:
        return self.input_ids.shape[0]

    @property
    def label_tokens(self) -> int:
        """Positions that carry loss; the first of a row never does, since nothing predicts it."""
        return int((self.labels[:, 1:] != IGNORED).sum())

    def to(self, device: torch.device | str) -> TrainingBatch:
        moved = {
            f.name: value.to(device, non_blocking=True)
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **moved)


@dataclass(frozen=True)
class StepOutput:
    """Sums, not means: the trainer divides by what the whole global batch holds."""

    answer_loss_sum: Tensor
    """[] float32: cross-entropy summed over label tokens."""
    label_tokens: int
    alignment_sum: Tensor
    """[] float32: alignment loss summed over the documents that rows show; 0 where none were
    encoded."""
    documents: int
    """Documents that alignment_sum is over: each as often as rows show it."""
    retrieval_sum: Tensor | None = None
    """[] float32: retrieval loss summed over rows, where `positives` are known."""
    scores: Tensor | None = None
    """[B, N] float32, -inf for missing candidates, detached (end_to_end)."""
    selected: Tensor | None = None
    """[B, k] long, best first (end_to_end)."""

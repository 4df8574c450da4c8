"""The losses of one micro-batch in each stage (MODEL.md, "Forward passes")."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clara_model.batches import StepOutput, TrainingBatch
from clara_model.errors import ConfigError, DataError
from clara_model.retrieval import cosine_scores, retrieval_loss, select_top_k

if TYPE_CHECKING:
    from clara_model.model import Clara, Compression


def stage_losses(model: Clara, batch: TrainingBatch) -> StepOutput:
    """Sums of the losses over the micro-batch; what they are divided by is the trainer's."""
    if batch.stage == "end_to_end":
        return _end_to_end(model, batch)
    if batch.stage == "reasoning":
        from clara_model.reasoning.forward import reasoning_losses

        return reasoning_losses(model, batch)
    return _reading(model, batch)


def _reading(model: Clara, batch: TrainingBatch) -> StepOutput:
    """compression and instruction: the documents of a row are read in their order."""
    compression = _compressed(model, batch)
    memory = memory_of_rows(compression.memory, batch.document_index)
    answer_sum, label_tokens = model._answer_loss_sum(
        memory, batch.input_ids, batch.attention_mask, batch.labels
    )
    # A document counts as often as rows show it, as if nothing had been encoded only once: the
    # mean then does not depend on how a global batch is cut into micro-batches.
    shown = batch.document_index[batch.document_index >= 0]
    times = torch.bincount(shown, minlength=len(compression.alignment_losses))
    return StepOutput(
        answer_loss_sum=answer_sum,
        label_tokens=label_tokens,
        alignment_sum=(times * compression.alignment_losses).sum(),
        documents=len(shown),
    )


def _compressed(model: Clara, batch: TrainingBatch) -> Compression:
    if batch.document_ids is None or batch.document_mask is None:
        raise DataError(f"A batch of stage {batch.stage} holds no documents to compress.")
    return model.compress(batch.document_ids, batch.document_mask)


def _end_to_end(model: Clara, batch: TrainingBatch) -> StepOutput:
    if batch.query_ids is None or batch.query_mask is None:
        raise DataError("A batch of stage end_to_end holds no queries.")
    present = batch.document_index >= 0  # [B, N]
    k = model.config.top_k
    if k > int(present.sum(1).min()):
        raise ConfigError(
            f"top_k is {k} and a question has only {int(present.sum(1).min())} candidates: "
            "lower top_k, or give every question more documents."
        )
    documents = memory_of_rows(frozen_documents(model, batch), batch.document_index)
    query = model.encode_query(batch.query_ids, batch.query_mask)
    scores = cosine_scores(query, documents).masked_fill(~present, -math.inf)
    weights, selected = select_top_k(scores, k, model.config.temperature)
    memory = torch.einsum("bkn,bnmh->bkmh", weights.to(documents.dtype), documents)
    answer_sum, label_tokens = model._answer_loss_sum(
        memory, batch.input_ids, batch.attention_mask, batch.labels
    )
    retrieval_sum = None
    if batch.positives is not None:
        retrieval_sum = retrieval_loss(scores, batch.positives, model.config.temperature).sum()
    return StepOutput(
        answer_loss_sum=answer_sum,
        label_tokens=label_tokens,
        alignment_sum=answer_sum.new_zeros(()),
        documents=0,
        retrieval_sum=retrieval_sum,
        scores=scores.detach(),
        selected=selected,
    )


def frozen_documents(model: Clara, batch: TrainingBatch) -> Tensor:
    """[n, m, H] of the batch's distinct documents: from a cache, or encoded as a cache would.

    Without gradient and without dropout: what is trained against is what an index will hold.
    """
    if batch.document_memory is not None:
        return batch.document_memory.to(model.device, model.base_dtype)
    if batch.document_ids is None or batch.document_mask is None:
        raise DataError(f"A batch of stage {batch.stage} holds no documents.")
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return model.compress(batch.document_ids, batch.document_mask).memory
    finally:
        model.train(was_training)


def memory_of_rows(memory: Tensor, index: Tensor) -> Tensor:
    """memory [n, m, H] and document_index [B, N] to [B, N, m, H]; zeros where there is none."""
    rows = memory[index.clamp(min=0)]
    return rows.masked_fill((index < 0)[..., None, None], 0.0)

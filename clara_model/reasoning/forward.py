"""The losses of the reasoning stage (MODEL.md, "Reasoning")."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from clara_model.batches import StepOutput, TrainingBatch
from clara_model.errors import DataError
from clara_model.forward import frozen_documents, memory_of_rows
from clara_model.reasoning.slots import reasoning_memory, search_rows
from clara_model.retrieval import cosine_scores, retrieval_loss

if TYPE_CHECKING:
    from clara_model.model import Clara


def reasoning_losses(model: Clara, batch: TrainingBatch) -> StepOutput:
    """Loss of what the model writes in its traces, and the scores of its searches.

    `scores`, `selected` and `retrieval_sum` have a row per search, S, not per question. Raises
    DataError where the batch holds no searches.
    """
    if batch.query_ids is None or batch.query_mask is None or batch.slot_queries is None:
        raise DataError("A batch of stage reasoning holds no searches: collate makes it with them.")
    documents = memory_of_rows(frozen_documents(model, batch), batch.document_index)
    queries = model.encode_query(batch.query_ids, batch.query_mask)
    rows = search_rows(batch.slot_queries, len(queries))
    absent = (batch.document_index < 0)[rows]
    scores = cosine_scores(queries, documents[rows]).masked_fill(absent, -math.inf)
    memory, _ = reasoning_memory(scores, documents, batch.slot_queries, model.config.temperature)
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
        selected=scores.detach().argmax(dim=1, keepdim=True),
    )

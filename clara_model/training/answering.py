"""Answers to rows of a stage, from compressed documents, as the stage would give them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from clara_model.batches import TrainingBatch
from clara_model.data.collate import collate_prompts
from clara_model.forward import frozen_documents, memory_of_rows
from clara_model.reasoning.generate import answer_in_steps
from clara_model.retrieval import cosine_scores, select_top_k

if TYPE_CHECKING:
    from clara_model.data.examples import Example
    from clara_model.model import Clara
    from clara_model.training.document_cache import DocumentCache


def answer_rows(
    model: Clara,
    examples: Sequence[Example],
    *,
    max_new_tokens: int,
    cache: DocumentCache | None = None,
) -> list[str]:
    """The answer to each row, greedily, in the model's stage; documents come from `cache`.

    In reasoning an answer is empty where the model gave none. The caller sees to eval mode.
    """
    stage = model.stage
    assert stage is not None
    if not examples:
        return []
    batch = collate_prompts(examples, model.tokens, stage)
    if cache is not None:
        batch, _ = cache.fill(batch)
    batch = batch.to(model.device)
    documents = memory_of_rows(frozen_documents(model, batch), batch.document_index)
    if stage == "reasoning":
        return [
            _reasoned(model, example, documents[row, : len(example.documents)], max_new_tokens)
            for row, example in enumerate(examples)
        ]
    memory = _retrieved(model, batch, documents) if stage == "end_to_end" else documents
    new_ids = model.generate(
        memory, batch.input_ids, batch.attention_mask, max_new_tokens=max_new_tokens
    )
    texts = model.tokenizer.batch_decode(new_ids, skip_special_tokens=True)
    return [text.strip() for text in texts]


def _retrieved(model: Clara, batch: TrainingBatch, documents: Tensor) -> Tensor:
    """documents [B, N, m, H] to those that the questions select, [B, k, m, H], best first."""
    assert batch.query_ids is not None and batch.query_mask is not None
    query = model.encode_query(batch.query_ids, batch.query_mask)
    absent = batch.document_index < 0
    scores = cosine_scores(query, documents).masked_fill(absent, -math.inf)
    _, chosen = select_top_k(scores, model.config.top_k, model.config.temperature)
    return documents.gather(1, chosen[:, :, None, None].expand(-1, -1, *documents.shape[2:]))


def _reasoned(model: Clara, example: Example, candidates: Tensor, max_new_tokens: int) -> str:
    found = answer_in_steps(model, example.question, candidates, max_new_tokens=max_new_tokens)
    return found.answer or ""

"""Examples to a batch: padded on the right to the batch's own longest, documents each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from clara_model.batches import IGNORED, TrainingBatch
from clara_model.config import Stage
from clara_model.data.examples import Document, Example, TokenIds, as_ids
from clara_model.tokens import TokenSpace


def collate(examples: Sequence[Example], tokens: TokenSpace, stage: Stage) -> TrainingBatch:
    """The micro-batch of `examples`, in their order (at least one).

    Documents that several rows name appear once, in the order in which they are first named;
    `document_index` is -1 where a row has fewer than the others. `positives` is None unless every
    row knows its own.
    """
    return _batch(
        examples, tokens, stage, [e.input_ids for e in examples], [e.labels for e in examples]
    )


def collate_prompts(examples: Sequence[Example], tokens: TokenSpace, stage: Stage) -> TrainingBatch:
    """The same without the answers, for generation: no label counts.

    Prompts are padded on the right as well; `Clara.generate` goes by the mask.
    """
    prompts = [e.prompt_ids for e in examples]
    return _batch(examples, tokens, stage, prompts, [np.full_like(p, IGNORED) for p in prompts])


def _batch(
    examples: Sequence[Example],
    tokens: TokenSpace,
    stage: Stage,
    inputs: list[TokenIds],
    labels: list[TokenIds],
) -> TrainingBatch:
    distinct: dict[str, tuple[int, Document]] = {}
    for example in examples:
        for document in example.documents:
            distinct.setdefault(document.key, (len(distinct), document))
    rows = [[distinct[d.key][0] for d in example.documents] for example in examples]
    input_ids, attention_mask = _padded(inputs, tokens.pad_id)
    document_ids, document_mask = _padded([d.ids for _, d in distinct.values()], tokens.pad_id)
    queries = [query for e in examples for query in e.queries]
    query_ids, query_mask = _padded(queries, tokens.pad_id) if queries else (None, None)
    batch = TrainingBatch(
        stage=stage,
        row_ids=tuple(e.row_id for e in examples),
        input_ids=input_ids,
        attention_mask=attention_mask,
        labels=_padded(labels, IGNORED)[0],
        document_index=_padded([as_ids(row) for row in rows], -1)[0],
        document_keys=tuple(distinct),
        document_ids=document_ids,
        document_mask=document_mask,
        query_ids=query_ids,
        query_mask=query_mask,
    )
    return (
        _with_searches(batch, examples)
        if stage == "reasoning"
        else _with_positives(batch, examples)
    )


def _padded(rows: Sequence[TokenIds], filler: int) -> tuple[Tensor, Tensor]:
    """[rows, longest] long, and the mask of what is real."""
    width = max((len(row) for row in rows), default=0)
    values = np.full((len(rows), width), filler, dtype=np.int64)
    mask = np.zeros((len(rows), width), dtype=np.int64)
    for at, row in enumerate(rows):
        values[at, : len(row)] = row
        mask[at, : len(row)] = 1
    return torch.from_numpy(values), torch.from_numpy(mask)


def _with_positives(batch: TrainingBatch, examples: Sequence[Example]) -> TrainingBatch:
    known = [e.positives for e in examples if e.positives is not None]
    if len(known) < len(examples):
        return batch
    marks = torch.zeros(batch.document_index.shape, dtype=torch.bool)
    for at, positions in enumerate(known):
        # A text that stands there twice answers twice.
        answering = batch.document_index[at, list(positions)]
        marks[at] = torch.isin(batch.document_index[at], answering)
    return replace(batch, positives=marks)


def _with_searches(batch: TrainingBatch, examples: Sequence[Example]) -> TrainingBatch:
    """A row of `positives` for each search: the documents that the trace shows for it."""
    searches = sum(len(e.queries) for e in examples)
    positives = torch.zeros((searches, batch.document_index.shape[1]), dtype=torch.bool)
    slot_queries, slot_documents, first = [], [], 0
    for example in examples:
        slot_queries.append([first + query for query, _ in example.slots])
        slot_documents.append([document for _, document in example.slots])
        positives[slot_queries[-1], slot_documents[-1]] = True
        first += len(example.queries)
    return replace(
        batch,
        positives=positives,
        slot_queries=_padded([as_ids(row) for row in slot_queries], -1)[0],
        slot_documents=_padded([as_ids(row) for row in slot_documents], -1)[0],
    )

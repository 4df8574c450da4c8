"""Examples to a batch: padded on the right to the batch's own longest, documents each once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from clara_model.batches import IGNORED, TrainingBatch
from clara_model.config import Stage
from clara_model.data.examples import Document, Example, TokenIds
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
    queries = [e.query_ids for e in examples if e.query_ids is not None]
    query_ids = query_mask = None
    if len(queries) == len(examples):
        query_ids, query_mask = _padded(queries, tokens.pad_id)
    return TrainingBatch(
        stage=stage,
        row_ids=tuple(e.row_id for e in examples),
        input_ids=input_ids,
        attention_mask=attention_mask,
        labels=_padded(labels, IGNORED)[0],
        document_index=_padded([np.asarray(row, dtype=np.int32) for row in rows], -1)[0],
        document_keys=tuple(distinct),
        document_ids=document_ids,
        document_mask=document_mask,
        query_ids=query_ids,
        query_mask=query_mask,
        positives=_positives(examples),
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


def _positives(examples: Sequence[Example]) -> Tensor | None:
    known = [e.positives for e in examples if e.positives is not None]
    if len(known) < len(examples):
        return None
    width = max(len(e.documents) for e in examples)
    marks = torch.zeros((len(examples), width), dtype=torch.bool)
    for at, positions in enumerate(known):
        marks[at, list(positions)] = True
    return marks

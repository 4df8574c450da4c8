"""What MODEL.md says, written down as plainly as possible: the measure of the fast model.

Everything padded on the left with a mask, logits of all positions, one document after another.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from clara_model import Clara
from clara_model.config import DECODER, ENCODER


def plain_hidden(model: Clara, adapter: str, embeddings: Tensor, mask: Tensor) -> Tensor:
    with model.active(adapter):
        return model.base(
            inputs_embeds=embeddings,
            attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0),
            output_hidden_states=True,
        ).hidden_states[-1]


def plain_memory(model: Clara, ids: Tensor, mask: Tensor, adapter: str = ENCODER) -> Tensor:
    """[n, m, H], each document alone."""
    rows = []
    for one, real in zip(ids, mask, strict=True):
        text = model.base.get_input_embeddings()(one[real.bool()])
        embeddings = torch.cat([text, model.memory_rows])[None]
        hidden = plain_hidden(model, adapter, embeddings, torch.ones(1, embeddings.shape[1]).long())
        rows.append(hidden[0, -len(model.memory_token_ids) :])
    return torch.stack(rows)


def plain_answer_loss(model: Clara, memory: Tensor, ids: Tensor, labels: Tensor) -> Tensor:
    """ids [B, T] without padding; memory [B, k, m, H]."""
    embeddings = model.base.get_input_embeddings()(ids).clone()
    for b, row in enumerate(ids):
        places = [i for i, token in enumerate(row.tolist()) if token in model.memory_token_ids]
        for place, vector in zip(places, memory[b].flatten(0, 1), strict=True):
            embeddings[b, place] = vector
    with model.active(DECODER):
        logits = model.base(inputs_embeds=embeddings).logits
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), labels[:, 1:].flatten())

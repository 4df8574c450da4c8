"""A training step written in the plainest way: what `clara_model` is measured against.

Same weights, same adapters, same losses as `clara_model`, with the habits that MODEL.md lists under
"Where the reference loses time, memory or correctness": every document padded to the maximum on the
left, the output layer over all positions of every pass, all hidden states kept, documents encoded
again at each step, the whole embedding table in the optimizer where m of its rows train.

Queries are padded to their own longest, and no pass keeps a key-value cache: faster than the
reference, which does neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from clara_model.batches import IGNORED, TrainingBatch
from clara_model.config import DECODER, ENCODER, QUERY_REASONER
from clara_model.inputs import left_padded
from clara_model.retrieval import cosine_scores, select_top_k

if TYPE_CHECKING:
    from clara_model import Clara


class PlainVariant:
    """Steps of `model.stage`, which `set_stage` chose, on the weights of `model`.

    The memory rows are the rows of the embedding table that the memory tokens name; those of
    `model.memory_rows` are not read.
    """

    def __init__(self, model: Clara) -> None:
        self._model = model
        self._base = model.base
        self._memory_ids = torch.tensor(model.memory_token_ids, device=model.device)
        named = {**model.trainable_parameters()}
        if named.pop("memory_rows", None) is not None:
            table = model.base.get_input_embeddings().weight
            table.requires_grad_(True)
            named["table"] = table
        self.parameters: dict[str, nn.Parameter] = named
        """What the optimizer takes."""

    def loss(self, batch: TrainingBatch) -> Tensor:
        """The mean over label tokens, with the weighted alignment loss where there is one: []."""
        assert batch.document_ids is not None and batch.document_mask is not None
        longest = self._model.config.doc_max_length
        if batch.stage == "end_to_end":
            with torch.no_grad():
                memory, _ = self._encode(ENCODER, batch.document_ids, batch.document_mask, longest)
            return self._answer_loss(self._selected(memory[batch.document_index], batch), batch)
        memory, alignment = self._encode(ENCODER, batch.document_ids, batch.document_mask, longest)
        answer = self._answer_loss(memory[batch.document_index], batch)
        return answer + self._model.config.alignment_weight * alignment

    def _encode(
        self, adapter: str, ids: Tensor, mask: Tensor, length: int
    ) -> tuple[Tensor, Tensor]:
        """ids [n, L], padded to `length`, to memory [n, m, H] and the alignment loss []."""
        mask, ids = left_padded(mask, ids)
        room = (length - ids.shape[1], 0)
        n, m = len(ids), len(self._memory_ids)
        ids = torch.cat([functional.pad(ids, room), self._memory_ids.expand(n, m)], dim=1)
        is_text = functional.pad(mask, (*room[:1], m))
        attended = torch.cat([is_text[:, :-m], torch.ones_like(ids[:, -m:])], dim=1)
        with self._model.active(adapter):
            output = self._base(
                inputs_embeds=self._base.get_input_embeddings()(ids),
                attention_mask=attended,
                output_hidden_states=True,
                use_cache=False,
            )
        hidden = output.hidden_states[-1]
        memory = hidden[:, -m:]
        text_sum = (hidden * is_text[..., None]).sum(1)
        text_mean = text_sum / is_text.sum(1, keepdim=True)
        return memory, (text_mean - memory.mean(1)).pow(2).mean()

    def _selected(self, documents: Tensor, batch: TrainingBatch) -> Tensor:
        """documents [B, N, m, H] to those that retrieval chose, best first: [B, k, m, H]."""
        assert batch.query_ids is not None and batch.query_mask is not None
        length = batch.query_ids.shape[1]
        query, _ = self._encode(QUERY_REASONER, batch.query_ids, batch.query_mask, length)
        config = self._model.config
        weights, _ = select_top_k(cosine_scores(query, documents), config.top_k, config.temperature)
        return torch.einsum("bkn,bnmh->bkmh", weights, documents)

    def _answer_loss(self, memory: Tensor, batch: TrainingBatch) -> Tensor:
        """Cross-entropy over label tokens, from float32 logits of all positions."""
        mask, ids, labels = left_padded(batch.attention_mask, batch.input_ids, batch.labels)
        embeddings = self._base.get_input_embeddings()(ids)
        is_slot = torch.isin(ids, self._memory_ids)[..., None]
        embeddings = embeddings.masked_scatter(is_slot, memory)
        with self._model.active(DECODER):
            output = self._base(inputs_embeds=embeddings, attention_mask=mask, use_cache=False)
        targets = functional.pad(labels, (0, 1), value=IGNORED)[:, 1:]
        return functional.cross_entropy(
            output.logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED
        )

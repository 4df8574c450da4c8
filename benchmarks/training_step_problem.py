"""The model and the batches of `benchmarks.training_step`: random, from fixed seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

from clara_model import Clara, ClaraConfig
from clara_model.batches import IGNORED, TrainingBatch
from clara_model.config import DECODER, ENCODER, Stage
from clara_model.tokens import TokenSpace

SEED = 7


@dataclass(frozen=True)
class Shape:
    layers: int = 8
    hidden: int = 512
    heads: int = 8
    intermediate: int = 1536
    vocabulary: int = 151_936
    doc_max_length: int = 512
    compression_rate: int = 32
    document_tokens: int = 160
    """With `<ENC>`, bos and eos, without memory positions; every document's."""
    query_tokens: int = 24
    prompt_tokens: int = 60
    """Without slots; a row has up to 10 fewer."""
    answer_tokens: int = 30
    """That carry loss; a row has up to 14 fewer."""
    top_k: int = 5
    candidates: int = 20
    rows: dict[str, int] = field(
        default_factory=lambda: {"compression": 4, "instruction": 2, "end_to_end": 1}
    )

    def __str__(self) -> str:
        return (
            f"Qwen3 of {self.layers} layers, H {self.hidden}, V {self.vocabulary}; documents of "
            f"{self.document_tokens} tokens, doc_max_length {self.doc_max_length}, "
            f"m {self.doc_max_length // self.compression_rate}, k {self.top_k} of "
            f"{self.candidates}; rows a step: {self.rows}"
        )


def shape_of(quick: bool) -> Shape:
    if not quick:
        return Shape()
    return Shape(
        layers=2, hidden=128, heads=4, intermediate=256, vocabulary=8192, document_tokens=40,
        doc_max_length=128, compression_rate=16,
    )  # fmt: skip


def build_model(shape: Shape, stage: Stage, device: str) -> Clara:
    """Random weights from a fixed seed. The adapters are not zero, so that a wrong one shows."""
    from transformers import AutoModelForCausalLM, Qwen3Config

    config = Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads // 2,
        head_dim=shape.hidden // shape.heads,
        max_position_embeddings=4096,
        initializer_range=0.04,
        tie_word_embeddings=True,
        attn_implementation="sdpa",
    )
    torch.manual_seed(SEED)
    base = AutoModelForCausalLM.from_config(config, dtype=torch.float32).to(device)
    clara_config = ClaraConfig(
        doc_max_length=shape.doc_max_length,
        compression_rate=shape.compression_rate,
        top_k=shape.top_k,
        # Dropout would make the losses of two variants incomparable.
        lora_dropout=0.0,
    )
    tokens = token_space(shape, clara_config.memory_tokens)
    model = Clara.assemble(base, tokens, clara_config, base_name="random")
    generator = torch.Generator().manual_seed(SEED)
    for adapter in (ENCODER, DECODER):
        for name, parameter in model.adapter_parameters(adapter).items():
            if "lora_B" in name:
                noise = 0.02 * torch.randn(parameter.shape, generator=generator)
                parameter.data.copy_(noise)
    # The plain variant's memory rows are the table's; the output layer is tied to them in both.
    table = base.get_input_embeddings().weight
    table.data[list(tokens.memory_token_ids)] = model.memory_rows.data
    model.set_stage(stage)
    return model.train()


def token_space(shape: Shape, memory_tokens: int) -> TokenSpace:
    """Ids only: no text is read here. Spare rows of the table stay, as in Qwen3."""
    first = shape.vocabulary - 256
    last = first + memory_tokens
    return TokenSpace(
        tokenizer=cast(Any, None),
        base_size=first,
        memory_token_ids=tuple(range(first, last)),
        enc_id=last + 1,
        sep_id=last + 2,
        bos_id=first - 1,
        eos_id=first - 2,
        pad_id=first - 1,
    )


def build_batch(shape: Shape, stage: Stage, tokens: TokenSpace, seed: int = SEED) -> TrainingBatch:
    """Random token ids: documents of one length, prompts and answers of several."""
    generator = torch.Generator().manual_seed(seed)

    def words(count: int) -> list[int]:
        return torch.randint(100, tokens.base_size - 100, (count,), generator=generator).tolist()

    def encoded(count: int) -> list[int]:
        return [tokens.enc_id, tokens.bos_id, *words(count - 3), tokens.eos_id]

    rows = shape.rows[stage]
    slots = 1 if stage == "compression" else shape.top_k
    shown = shape.candidates if stage == "end_to_end" else slots
    decoder_rows, label_rows = [], []
    for row in range(rows):
        words_before = (shape.prompt_tokens - 3 * row % 11) // 2
        prompt = words(words_before) + tokens.slot_ids(slots) + words(words_before)
        answer = words(shape.answer_tokens - 5 * row % 15)
        decoder_rows.append(prompt + answer)
        label_rows.append([IGNORED] * len(prompt) + answer)
    ids, mask = _padded(decoder_rows, tokens.pad_id)
    documents, document_mask = _padded(
        [encoded(shape.document_tokens) for _ in range(rows * shown)], tokens.pad_id
    )
    queries, query_mask = _padded([encoded(shape.query_tokens) for _ in range(rows)], tokens.pad_id)
    retrieves = stage == "end_to_end"
    return TrainingBatch(
        stage=stage,
        row_ids=tuple(str(row) for row in range(rows)),
        input_ids=ids,
        attention_mask=mask,
        labels=_padded(label_rows, IGNORED)[0],
        document_index=torch.arange(rows * shown).reshape(rows, shown),
        document_keys=tuple(f"{seed}-{number}" for number in range(rows * shown)),
        document_ids=documents,
        document_mask=document_mask,
        query_ids=queries if retrieves else None,
        query_mask=query_mask if retrieves else None,
    )


def _padded(rows: list[list[int]], padding: int) -> tuple[Tensor, Tensor]:
    longest = max(map(len, rows))
    ids = [row + [padding] * (longest - len(row)) for row in rows]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    return torch.tensor(ids), torch.tensor(mask)

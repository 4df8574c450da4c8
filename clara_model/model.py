"""CLaRa: one frozen decoder, three adapters, m memory vectors (MODEL.md; arXiv 2511.18659).

Shapes in comments: B questions, N candidates or k slots of a question, n documents, L document
tokens, T decoder tokens, m memory tokens, H hidden size, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from clara_model import inputs, tables
from clara_model.adapters import Adapters, Recomputation
from clara_model.batches import StepOutput, TrainingBatch
from clara_model.chat_templates import settle_chat_template
from clara_model.config import (
    DECODER,
    ENCODER,
    IGNORED,
    QUERY_REASONER,
    Attention,
    ClaraConfig,
    DType,
    Quantization,
    Stage,
    resolve_stage,
)
from clara_model.errors import CheckpointError
from clara_model.loading import HALF, load_base
from clara_model.losses import cross_entropy_sum
from clara_model.tokens import TokenSpace

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from clara_model.checkpoints.records import Provenance

TRAINS: dict[Stage, tuple[str, ...]] = {
    "compression": (ENCODER, DECODER),
    "instruction": (ENCODER, DECODER),
    "end_to_end": (DECODER, QUERY_REASONER),
    "reasoning": (DECODER, QUERY_REASONER),
}


@dataclass(frozen=True)
class Compression:
    """What `Clara.compress` gives."""

    memory: Tensor
    """[n, m, H] in the base's precision."""
    alignment_losses: Tensor
    """[n] float32."""

    @property
    def alignment_loss(self) -> Tensor:
        """[] float32, the mean over documents."""
        return self.alignment_losses.mean()


class Clara(nn.Module):
    """A decoder that compresses documents into memory, retrieves among them and answers.

    Made by `from_base`, `load` or `reference.import_reference`. Token ids may be padded on either
    side; their masks say where.
    """

    def __init__(
        self, base: PreTrainedModel, tokens: TokenSpace, config: ClaraConfig, base_name: str
    ) -> None:
        super().__init__()
        self.config = config
        self.tokens = tokens
        self.base_name = base_name
        self.base = base.requires_grad_(False)
        self.stage: Stage | None = None
        self.carries_tables = False
        """Whether the base's tables are not those of its files: of an imported checkpoint only."""
        self.origin: dict[str, str] = {}
        """Where an imported checkpoint comes from, and its licence."""
        self.provenance: Provenance | None = None
        """What the checkpoint that was loaded says of its making."""
        _without_dropout(base)
        self._adapters = Adapters(base, config)
        self._trained: set[str] = set()
        table = base.get_input_embeddings().weight
        rows = tables.spread_rows(table, config.memory_tokens, config.seed)
        self.memory_rows = nn.Parameter(rows.float(), requires_grad=False)
        memory_ids = torch.tensor(tokens.memory_token_ids, device=table.device)
        self.register_buffer("_memory_ids", memory_ids, persistent=False)

    # Making, loading, saving

    @classmethod
    def assemble(
        cls,
        base: PreTrainedModel,
        tokens: TokenSpace,
        config: ClaraConfig,
        *,
        base_name: str,
        adapters: tuple[str, ...] = (ENCODER, DECODER),
        table_rows: int | None = None,
    ) -> Clara:
        """A new model on a base that is loaded. `table_rows`: as many as the tokens need."""
        if config.chat_template == "plain":
            settle_chat_template(tokens.tokenizer, "plain")
        has = base.get_input_embeddings().weight.shape[0]
        tables.resize_tables(base, table_rows or max(has, tokens.size), config.seed)
        model = cls(base, tokens, config, base_name)
        for name in adapters:
            model._adapters.add(name)
        return model.eval()

    @classmethod
    def from_base(
        cls,
        base: str | Path,
        config: ClaraConfig | None = None,
        *,
        device: str | torch.device = "cpu",
        dtype: DType = "float32",
        attention: Attention = "auto",
        quantization: Quantization = "none",
    ) -> Clara:
        """A new model, with an encoder and a decoder, on `base`: a local folder or a hub name.

        Raises BaseModelError where the base cannot be used, ConfigError for what is not here.
        """
        config = config or ClaraConfig()
        model, tokenizer = load_base(
            base, device=device, dtype=dtype, attention=attention, quantization=quantization
        )
        tokens = TokenSpace.add_to(tokenizer, config.memory_tokens, config.separator)
        return cls.assemble(model, tokens, config, base_name=str(base))

    @classmethod
    def load(cls, path: str | Path, **how: Any) -> Clara:
        """The model of a checkpoint folder of ours; options as `checkpoint.load_checkpoint`."""
        from clara_model.checkpoint import load_checkpoint

        return load_checkpoint(Path(path), **how)

    def save(self, path: str | Path) -> None:
        """Writes a checkpoint folder: safetensors and JSON only. Raises CheckpointError."""
        from clara_model.checkpoint import save_checkpoint

        save_checkpoint(self, Path(path))

    # What it is

    @property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The base's tokenizer with the added tokens."""
        return self.tokens.tokenizer

    @property
    def memory_token_ids(self) -> list[int]:
        return list(self.tokens.memory_token_ids)

    @property
    def adapter_names(self) -> tuple[str, ...]:
        return self._adapters.names

    @property
    def adapter_targets(self) -> list[str]:
        """Kinds of linear layers that carry adapters."""
        return list(self._adapters.targets)

    @property
    def device(self) -> torch.device:
        return self.memory_rows.device

    @property
    def base_dtype(self) -> torch.dtype:
        return self.base.get_input_embeddings().weight.dtype

    @property
    def hidden_size(self) -> int:
        return self.memory_rows.shape[1]

    @property
    def table_rows(self) -> int:
        """Rows of the embedding table, those of added tokens included."""
        return self.base.get_input_embeddings().weight.shape[0]

    def adapter_parameters(self, name: str) -> dict[str, nn.Parameter]:
        """{"model.layers.0.self_attn.q_proj.lora_A.weight": Parameter, ...}. Raises KeyError."""
        return self._adapters.parameters(name)

    def add_adapter(self, name: str) -> None:
        """Adds an adapter that changes nothing yet, for weights to be loaded into."""
        self._adapters.add(name)

    def added_rows(self) -> dict[str, Tensor]:
        """Rows of the added tokens in the base's tables, `<MEM0>` to `<SEP>`: [m + 3, H] each."""
        return tables.read_rows(self.base, self.tokens.base_size, self.tokens.size)

    def set_added_rows(self, rows: dict[str, Tensor]) -> None:
        """Puts back what `added_rows` gave. Raises CheckpointError where it does not fit."""
        tables.write_rows(self.base, self.tokens.base_size, rows)

    # What trains

    def set_stage(
        self, stage: str, *, reset_decoder: bool = False, train_base: bool = False
    ) -> None:
        """Decides what trains, once, before an optimizer is made (MODEL.md, table of stages).

        end_to_end and reasoning add a query reasoner, a copy of the encoder, where there is none.
        `train_base` lets the base train too, for a base without pretrained weights. Raises
        ConfigError for an unknown stage, CheckpointError where the encoder or decoder is missing.
        """
        chosen = resolve_stage(stage)
        for needed in (ENCODER, DECODER):
            if needed not in self.adapter_names:
                raise CheckpointError(
                    f"Stage {chosen} needs the {needed}, and this model has only "
                    f"{', '.join(self.adapter_names)}: start from a checkpoint that has it."
                )
        if QUERY_REASONER in TRAINS[chosen] and QUERY_REASONER not in self.adapter_names:
            self._adapters.copy(ENCODER, QUERY_REASONER)
        if reset_decoder:
            self._adapters.reset(DECODER)
        self.base.requires_grad_(train_base)
        self.memory_rows.requires_grad_(chosen == "compression")
        self.stage = chosen
        for name in self.adapter_names:
            self.set_trainable(name, name in TRAINS[chosen])
        self.train(self.training)

    def set_trainable(self, adapter: str, trainable: bool) -> None:
        """Freezes or frees one adapter, in between. Raises KeyError."""
        for parameter in self._adapters.parameters(adapter).values():
            parameter.requires_grad_(trainable)
        self._trained = (self._trained | {adapter}) if trainable else (self._trained - {adapter})
        self._adapters.set_dropout(self.training, self._trained)

    def trainable_parameters(self) -> dict[str, nn.Parameter]:
        """What the optimizer takes, under names and in an order that stay the same."""
        named = {"memory_rows": self.memory_rows}
        for adapter in self.adapter_names:
            for key, parameter in self._adapters.parameters(adapter).items():
                named[f"{adapter}.{key}"] = parameter
        for key, parameter in self.base.named_parameters():
            if ".lora_A." not in key and ".lora_B." not in key:
                named[f"base.{key}"] = parameter
        return {key: p for key, p in named.items() if p.requires_grad}

    def train(self, mode: bool = True) -> Clara:
        """As every module; adapters that do not train in this stage keep their dropout off."""
        super().train(mode)
        self._adapters.set_dropout(mode, self._trained)
        return self

    def enable_gradient_checkpointing(self, on: bool = True) -> None:
        """Recomputes the base's layers in the backward pass, each with the adapter it ran with."""
        if not on:
            self.base.activation_checkpointing_disable()
            return

        def contexts() -> tuple[Any, Any]:
            # Called in the forward pass: this is the adapter that the recomputation must use.
            return nullcontext(), Recomputation(self._adapters, self._adapters.current or ENCODER)

        self.base.activation_checkpointing_enable(
            activation_checkpointing_kwargs={"use_reentrant": False, "context_fn": contexts}
        )

    @contextmanager
    def active(self, adapter: str) -> Iterator[None]:
        """Inside, the base computes with `adapter`. Raises KeyError."""
        with self._adapters.active(adapter):
            yield

    # Forward passes

    def compress(self, input_ids: Tensor, attention_mask: Tensor) -> Compression:
        """Documents into memory: ids [n, L], `<ENC> bos text eos`, without memory positions."""
        return self._memory_of(ENCODER, input_ids, attention_mask)

    def encode_query(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Questions into memory space, by the query reasoner: ids [B, L] to [B, m, H].

        Without a query reasoner (before end_to_end) the encoder, whose copy it would be, serves.
        """
        adapter = QUERY_REASONER if QUERY_REASONER in self.adapter_names else ENCODER
        return self._memory_of(adapter, input_ids, attention_mask).memory

    def answer_loss(
        self, memory: Tensor, input_ids: Tensor, attention_mask: Tensor, labels: Tensor
    ) -> Tensor:
        """Mean cross-entropy over label tokens, [] float32.

        memory [B, k, m, H]; ids, mask and labels [B, T], with memory token ids at the slots and
        -100 where a label does not count. Raises DataError where slots and memory do not agree.
        """
        inputs.check_slots(input_ids, memory, self._memory_ids)
        total, count = self._answer_loss_sum(memory, input_ids, attention_mask, labels)
        return total / max(count, 1)

    def forward(self, batch: TrainingBatch) -> StepOutput:
        """The losses of one micro-batch, in the batch's stage: queries, documents and decoder."""
        from clara_model.forward import stage_losses

        return stage_losses(self, batch)

    @torch.no_grad()
    def generate(
        self,
        memory: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        max_new_tokens: int = 128,
        **options: Any,
    ) -> Tensor:
        """New token ids [B, up to max_new_tokens], greedily; padded with pad after a row's eos.

        memory [B, k, m, H], prompt ids [B, T]. `options` are transformers' (do_sample,
        temperature, top_p, num_beams, ...). Raises DataError where slots and memory disagree.
        """
        from clara_model.generation import generate

        return generate(self, memory, input_ids, attention_mask, max_new_tokens, **options)

    # Inside

    def _memory_of(self, adapter: str, ids: Tensor, mask: Tensor) -> Compression:
        ids, positions = inputs.with_memory_positions(ids, mask, self._memory_ids)
        n = len(positions)
        row = torch.arange(n, device=ids.device)[:, None]
        embeddings = self.base.get_input_embeddings()(ids)
        rows = self.memory_rows.to(embeddings.dtype).expand(n, -1, -1)
        embeddings = embeddings.index_put((row, positions), rows)
        hidden = self._hidden(adapter, embeddings)  # [n, L + m, H]
        memory = hidden[row, positions]
        lengths = positions[:, :1]
        is_text = torch.arange(hidden.shape[1], device=ids.device) < lengths
        text_sum = torch.einsum("nlh,nl->nh", hidden.float(), is_text.float())
        text_mean = text_sum / lengths.clamp(min=1)
        losses = (text_mean - memory.float().mean(1)).pow(2).mean(-1)
        return Compression(memory, losses)

    def _answer_loss_sum(
        self, memory: Tensor, ids: Tensor, mask: Tensor, labels: Tensor
    ) -> tuple[Tensor, int]:
        mask, ids, labels = inputs.right_padded(mask, ids, labels)
        hidden = self._hidden(DECODER, self._with_memory(ids, memory))
        # A label on padding, or where nothing was masked in, never counts.
        targets = labels[:, 1:].masked_fill(mask[:, 1:] == 0, IGNORED)
        counted = targets != IGNORED
        count = int(counted.sum())
        head = self.base.get_output_embeddings()
        return cross_entropy_sum(hidden[:, :-1][counted], targets[counted], head), count

    def _with_memory(self, ids: Tensor, memory: Tensor) -> Tensor:
        embeddings = self.base.get_input_embeddings()(ids)
        return inputs.slots_filled(ids, embeddings, memory, self._memory_ids)

    def _hidden(self, adapter: str, embeddings: Tensor) -> Tensor:
        """Last hidden states [n, T, H], after the final norm, of rows padded on the right."""
        with self._adapters.active(adapter), self.precision():
            return self.base.base_model(inputs_embeds=embeddings, use_cache=False)[0]

    def precision(self) -> Any:
        """Autocast to the base's half precision, so that float32 adapters cost half products."""
        if self.base_dtype in HALF:
            return torch.autocast(self.device.type, self.base_dtype)
        return nullcontext()


def _without_dropout(base: PreTrainedModel) -> None:
    """Switches the base's own dropout off for good: what is frozen gives the same each time."""
    for module in base.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):
            module.attention_dropout = 0.0

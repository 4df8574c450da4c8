"""Floating-point operations that a training step needs, and what a device can do at most.

Useful work only: real tokens (no padding), attention causally, the head on label positions, no
recomputation by gradient checkpointing. A multiply and an add count as two. Per token and weight:
2 forward, 2 backward for the gradient of the activations, 2 more for the weight's own gradient
where it trains; attention needs twice its forward in the backward. A frozen base is therefore 4
a token and weight, not the usual 6. Norms, activations, embeddings, softmax and loss: not counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from clara_model.config import DECODER, ENCODER, QUERY_REASONER

if TYPE_CHECKING:
    from torch import Tensor, nn

    from clara_model.batches import TrainingBatch
    from clara_model.model import Clara

Backward = Literal["none", "adapter", "everything"]
"""What a pass gets gradients for: nothing, its adapter (the base frozen), or the base as well."""


@dataclass(frozen=True)
class ModelShape:
    """The figures of a model that its operations follow from."""

    layer_weights: int
    """Weights of all linear layers of the base but the head's."""
    head_weights: int
    """H * V."""
    adapter_weights: dict[str, int]
    """Of each adapter that is there, by its name."""
    attention_width: int
    """Heads * head_dim."""
    windows: tuple[int | None, ...]
    """For each layer the most positions that one attends to; None for all before it."""
    hidden_size: int
    memory_tokens: int
    top_k: int

    @classmethod
    def of(cls, model: Clara) -> ModelShape:
        """Reads the figures off a model; call it again where an adapter was added."""
        config = model.base.config
        head = model.base.get_output_embeddings()
        heads = config.num_attention_heads
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
        return cls(
            layer_weights=_linear_weights(model.base, head),
            head_weights=head.in_features * head.out_features,
            adapter_weights={
                name: sum(p.numel() for p in model.adapter_parameters(name).values())
                for name in model.adapter_names
            },
            attention_width=heads * head_dim,
            windows=_windows(config),
            hidden_size=config.hidden_size,
            memory_tokens=model.config.memory_tokens,
            top_k=model.config.top_k,
        )

    def pass_flops(self, lengths: Sequence[int], adapter: str, backward: Backward) -> float:
        """One pass of sequences of so many real positions through the layers, without the head."""
        adapter_weights = self.adapter_weights.get(adapter, 0)
        base_factor = {"none": 2, "adapter": 4, "everything": 6}[backward]
        adapter_factor = 2 if backward == "none" else 6
        attention_factor = 1 if backward == "none" else 3
        per_token = base_factor * self.layer_weights + adapter_factor * adapter_weights
        pairs = sum(_attended_pairs(length, w) for length in lengths for w in self.windows)
        attention = 4 * self.attention_width * pairs
        return float(per_token * sum(lengths) + attention_factor * attention)

    def encoding_flops(self, document_lengths: Sequence[int]) -> float:
        """Encoding frozen documents of so many tokens (memory positions are added here)."""
        with_memory = [length + self.memory_tokens for length in document_lengths]
        return self.pass_flops(with_memory, ENCODER, "none")


@dataclass(frozen=True)
class BatchWork:
    """What a batch asks of the model, forward and backward together."""

    tokens: int
    """Real positions that go through the layers, memory positions included."""
    useful_flops: float

    def __add__(self, other: BatchWork) -> BatchWork:
        return BatchWork(self.tokens + other.tokens, self.useful_flops + other.useful_flops)


def batch_work(
    shape: ModelShape, batch: TrainingBatch, *, train_base: bool = False, decoder: bool = True
) -> BatchWork:
    """The work of one training step on `batch`, before it moves to a device (or it waits for it).

    `train_base`: the base's own weights get gradients as well. `decoder=False`: a step of
    retrieval pretraining, which needs no decoder. Documents that come encoded (`document_memory`)
    cost nothing. An adapter that a callback froze is counted as if it trained (about 1 %).
    """
    trained: Backward = "everything" if train_base else "adapter"
    frozen_documents = batch.stage in ("end_to_end", "reasoning")
    memory = shape.memory_tokens
    tokens, flops = 0, 0.0
    if batch.document_mask is not None and batch.document_memory is None:
        lengths = [length + memory for length in _lengths(batch.document_mask)]
        tokens += sum(lengths)
        flops += shape.pass_flops(lengths, ENCODER, "none" if frozen_documents else trained)
    if batch.query_mask is not None:
        lengths = [length + memory for length in _lengths(batch.query_mask)]
        tokens += sum(lengths)
        flops += shape.pass_flops(lengths, QUERY_REASONER, trained)
        flops += _retrieval_flops(shape, batch, decoder)
    if decoder:
        lengths = _lengths(batch.attention_mask)
        tokens += sum(lengths)
        flops += shape.pass_flops(lengths, DECODER, trained)
        head_factor = 6 if train_base else 4
        flops += float(head_factor * shape.head_weights * batch.label_tokens)
    return BatchWork(tokens, flops)


def _retrieval_flops(shape: ModelShape, batch: TrainingBatch, decoder: bool) -> float:
    """Cosines and the weighted sum of documents; their backward goes to q and to W only."""
    candidates = int((batch.document_index >= 0).sum())
    slots = min(shape.top_k, batch.document_index.shape[1]) if decoder else 0
    return float(4 * candidates * (1 + slots) * shape.memory_tokens * shape.hidden_size)


def _lengths(mask: Tensor) -> list[int]:
    return [int(length) for length in mask.sum(dim=1).tolist()]


def _attended_pairs(length: int, window: int | None) -> int:
    """Pairs of a position and one that it attends to, itself included."""
    if window is None or window >= length:
        return length * (length + 1) // 2
    return window * (window + 1) // 2 + (length - window) * window


def _linear_weights(base: nn.Module, head: nn.Module) -> int:
    # Features, not numel: a 4-bit weight is packed, two to a byte.
    return sum(
        module.in_features * module.out_features
        for name, module in base.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head and "lora_" not in name
    )


def _windows(config: object) -> tuple[int | None, ...]:
    layers: int = config.num_hidden_layers  # type: ignore[attr-defined]
    window: int | None = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        return (window,) * layers
    return tuple(window if kind == "sliding_attention" else None for kind in kinds)


_PEAK_TFLOPS: tuple[tuple[str, float, bool], ...] = (
    # Words of the device's name, dense 16-bit TFLOP/s with float32 accumulation as its maker
    # states them, whether bfloat16 runs at that rate too. The first that fits counts.
    ("GB200", 2500.0, True),
    ("B200", 2250.0, True),
    ("H200 NVL", 835.5, True),
    ("H200", 989.4, True),
    ("GH200", 989.4, True),
    ("H100 PCIe", 756.0, True),
    ("H100 NVL", 835.5, True),
    ("H100", 989.4, True),
    ("H800", 989.4, True),
    ("H20", 148.0, True),
    ("A100", 312.0, True),
    ("A800", 312.0, True),
    ("A10G", 70.0, True),
    ("A10", 125.0, True),
    ("A30", 165.0, True),
    ("A40", 149.7, True),
    ("RTX A6000", 154.8, True),
    ("RTX 6000 Ada", 364.2, True),
    ("L40S", 362.0, True),
    ("L40", 181.0, True),
    ("L4", 121.0, True),
    ("RTX 5090", 209.5, True),
    ("RTX 4090", 165.2, True),
    ("RTX 3090", 71.2, True),
    ("V100-SXM2", 125.0, False),
    ("V100-SXM3", 125.0, False),
    ("V100-PCIE", 112.0, False),
    ("T4", 65.0, False),
    ("MI300X", 1307.4, True),
)
_ANOTHER_DEVICE = re.compile(r"\b(MIG|Laptop|Max-Q|Ti|SUPER|D)\b")
"""Words that make a name mean less, or more, than the same name without them."""


def peak_flops_per_s(device: torch.device, dtype: torch.dtype) -> float | None:
    """What one `device` can do at most when it computes in `dtype`; None where it is not known.

    Known are 16-bit matrix units of CUDA and ROCm devices. float32 is not: whether a device may
    use TF32 for it, eight times as fast, is a setting.
    """
    if device.type != "cuda":
        return None
    return named_peak_flops_per_s(torch.cuda.get_device_name(device), dtype)


def named_peak_flops_per_s(device_name: str, dtype: torch.dtype) -> float | None:
    """The same by the name that the driver gives, such as `NVIDIA H100 80GB HBM3`."""
    if dtype not in (torch.float16, torch.bfloat16) or _ANOTHER_DEVICE.search(device_name):
        return None
    for words, tflops, has_bfloat16 in _PEAK_TFLOPS:
        if re.search(rf"\b{re.escape(words)}\b", device_name):
            return tflops * 1e12 if has_bfloat16 or dtype == torch.float16 else None
    return None

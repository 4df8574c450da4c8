"""What a CLaRa model is, and the names of its stages (MODEL.md, "Tokens" and "Forward passes")."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clara_model.errors import ConfigError

Stage = Literal["compression", "instruction", "end_to_end", "reasoning"]
STAGES: tuple[Stage, ...] = get_args(Stage)

ENCODER = "encoder_adapter"
DECODER = "decoder_adapter"
QUERY_REASONER = "query_reasoner_adapter"
ADAPTERS = (ENCODER, DECODER, QUERY_REASONER)

IGNORED = -100
"""The label of a position that carries no loss."""

DType = Literal["auto", "float32", "bfloat16", "float16"]
Attention = Literal["auto", "sdpa", "flash_attention_2", "eager"]
Quantization = Literal["none", "nf4", "int8"]

_ALIASES: dict[str, Stage] = {
    "stage1": "compression",
    "stage2": "instruction",
    "e2e": "end_to_end",
    "stage3": "end_to_end",
    "stage2_reasoning": "reasoning",
}


def resolve_stage(name: str) -> Stage:
    """The stage that `name` means, by its own name or an alias. Raises ConfigError."""
    if name in STAGES:
        return name  # type: ignore[return-value]
    if name in _ALIASES:
        return _ALIASES[name]
    raise ConfigError(
        f"{name!r} is no stage: choose from {', '.join(STAGES)} "
        f"(or their aliases {', '.join(_ALIASES)})."
    )


class ClaraConfig(BaseModel):
    """The shape of a model, kept in its checkpoint; not how it is run (dtype, device)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    doc_max_length: int = Field(default=256, ge=8)
    """Longest document in tokens, `<ENC>`, bos and eos included; longer ones are cut."""
    compression_rate: int = Field(default=16, ge=1)
    """Document tokens a memory token stands for: m = doc_max_length // compression_rate."""
    lora_r: int = Field(default=16, ge=1)
    lora_alpha: int | None = None
    """None: twice lora_r."""
    lora_dropout: float = Field(default=0.1, ge=0, lt=1)
    top_k: int = Field(default=5, ge=1)
    """Documents that the decoder reads for a question (k)."""
    temperature: float = Field(default=0.02, gt=0)
    """tau of the straight-through top-k."""
    alignment_weight: float = Field(default=0.1, ge=0)
    """lambda of the alignment loss in compression and instruction."""
    separator: bool = True
    """Whether `<SEP>` follows each document's memory slots."""
    chat_template: Literal["own", "plain"] = "own"
    """`plain` gives a base that has no chat template a simple one."""
    seed: int = 0
    """Of what is drawn when the model is made: adapters and memory rows."""

    @model_validator(mode="after")
    def _has_memory(self) -> ClaraConfig:
        if self.doc_max_length < self.compression_rate:
            raise ValueError(
                f"compression_rate {self.compression_rate} leaves no memory token of documents of "
                f"{self.doc_max_length} tokens: lower the rate or raise doc_max_length"
            )
        return self

    @property
    def memory_tokens(self) -> int:
        """m, the number of memory tokens of a document."""
        return self.doc_max_length // self.compression_rate

    @property
    def alpha(self) -> int:
        """LoRA's alpha; its output is scaled by alpha / r."""
        return 2 * self.lora_r if self.lora_alpha is None else self.lora_alpha

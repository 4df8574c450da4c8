"""Tiny base models of the families that are served: random weights, real tokenizers and files."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from clara_model import Clara

FAMILIES = ("qwen3", "mistral", "llama", "phi3")

_CHATML = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and not enable_thinking %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
)
# Refuses the system role, as Mistral's does.
_INST = (
    "{{- bos_token }}{%- for message in messages %}{%- if message.role == 'system' %}"
    "{{- raise_exception('no system role') }}{%- elif message.role == 'user' %}"
    "{{- '[INST] ' + message.content + ' [/INST]' }}{%- else %}"
    "{{- ' ' + message.content + eos_token }}{%- endif %}{%- endfor %}"
)

_TEXTS = (
    "The pump stands in the cellar and its valve is made of brass.",
    "At what pressure does the valve open? It opens at six bar.",
    "Question: what is the impeller made of? Answer: stainless steel.",
    "You are a helpful assistant. Answer from the documents. Background: ",
    "压力容器的阀门由黄铜制成，工作压力为六巴。水泵安装在地下室。",
    "问题：阀门在什么压力下打开？回答：六巴。",
)


def tiny_base(
    folder: Path,
    family: str = "qwen3",
    *,
    layers: int = 2,
    hidden: int = 64,
    chat_template: bool = True,
    bos: bool | None = None,
    eos: bool = True,
    pad: bool | None = None,
    spare_tokens: bool = True,
    spare_rows: int | None = None,
    seed: int = 0,
    initializer_range: float = 0.18,
    tokenizer: Tokenizer | None = None,
    **config: Any,
) -> Path:
    """Writes a base model into `folder` and returns it.

    Qwen3-like: no bos, extra special tokens, a table with `spare_rows` (24) more rows than
    tokens, tied. The others: a bos, a table of just the tokens, untied. `initializer_range` is
    large, so that attention and layers matter. `config` overrides the model's own configuration.
    """
    import torch
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

    like_qwen = family == "qwen3"
    bos = (not like_qwen) if bos is None else bos
    pad = like_qwen if pad is None else pad
    named = {}
    if bos:
        named["bos_token"] = "<s>"
    if eos:
        named["eos_token"] = "<|im_end|>" if like_qwen else "</s>"
    if pad:
        named["pad_token"] = "<|endoftext|>"
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer or byte_level_tokenizer(),
        extra_special_tokens=["<|im_start|>", "<|im_end|>"] if like_qwen and spare_tokens else [],
        **named,
    )
    if chat_template:
        wrapped.chat_template = _CHATML if like_qwen else _INST
    rows = len(wrapped) + ((24 if like_qwen else 0) if spare_rows is None else spare_rows)
    model_config = _config(family, rows, layers, hidden, initializer_range, wrapped, config)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(model_config, dtype=torch.float32)
    model.save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


def tiny_clara(folder: Path, family: str = "qwen3", **config: Any) -> Clara:
    """A model on a tiny base: documents of 64 tokens, 4 memory tokens, no dropout."""
    from clara_model import Clara, ClaraConfig

    base = tiny_base(folder / f"tiny-{family}", family)
    settings = {
        "doc_max_length": 64,
        "compression_rate": 16,
        "lora_r": 4,
        "lora_dropout": 0.0,
        "top_k": 2,
        **config,
    }
    return Clara.from_base(base, ClaraConfig(**settings))


def _config(
    family: str,
    rows: int,
    layers: int,
    hidden: int,
    initializer_range: float,
    tokenizer: Any,
    overrides: dict[str, Any],
) -> Any:
    from transformers import AutoConfig

    heads = hidden // 16
    shape = {
        "vocab_size": rows,
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": max(1, heads // 2),
        "max_position_embeddings": 2048,
        "initializer_range": initializer_range,
        "tie_word_embeddings": family == "qwen3",
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if family in ("qwen3", "mistral"):
        shape["head_dim"] = 16
    if family == "mistral":
        shape["sliding_window"] = None
    return AutoConfig.for_model(family, **{**shape, **overrides})


@lru_cache
def _trained() -> str:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<unk>", "<s>", "</s>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(_TEXTS, trainer)
    return made.to_str()


def byte_level_tokenizer() -> Tokenizer:
    """A byte-level BPE of about 400 tokens; every text has a spelling in it."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(_trained())

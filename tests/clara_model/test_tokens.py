from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from clara_model.errors import BaseModelError
from clara_model.tokens import TokenSpace
from tests.support.tiny_models import tiny_base


def space(folder: Path, family: str = "mistral", **options: object) -> TokenSpace:
    base = tiny_base(folder / "base", family, **options)  # type: ignore[arg-type]
    return TokenSpace.add_to(AutoTokenizer.from_pretrained(base), 4)


def test_tokens_are_appended_in_the_order_of_the_specification(tmp_path: Path) -> None:
    tokens = space(tmp_path)
    names = tokens.tokenizer.convert_ids_to_tokens(list(range(420, 427)))
    assert names == ["<MEM0>", "<MEM1>", "<MEM2>", "<MEM3>", "<AE>", "<ENC>", "<SEP>"]
    assert (tokens.size, tokens.base_size) == (427, 420)
    assert tokens.slot_ids(2) == [420, 421, 422, 423, 426] * 2


def test_a_document_is_enc_bos_text_eos_and_keeps_its_eos_when_cut(tmp_path: Path) -> None:
    tokens = space(tmp_path)
    text = tokens.text_ids("The pump stands in the cellar.")
    whole = tokens.document_ids("The pump stands in the cellar.", 64)
    assert whole == [tokens.enc_id, tokens.bos_id, *text, tokens.eos_id]
    assert tokens.document_ids("The pump stands in the cellar.", 6) == [
        tokens.enc_id, tokens.bos_id, *text[:3], tokens.eos_id
    ]  # fmt: skip
    assert tokens.document_ids("", 64) == [tokens.enc_id, tokens.bos_id, tokens.eos_id]


@pytest.mark.parametrize("text", ["<MEM0>", "a </s> b", "<|im_end|>", "<ENC><SEP><s>"])
def test_text_never_becomes_a_special_token(tmp_path: Path, text: str) -> None:
    tokens = space(tmp_path)
    ids = tokens.text_ids(text)
    special = set(tokens.tokenizer.all_special_ids) | set(range(420, 427))
    assert not special & set(ids)
    assert tokens.tokenizer.decode(ids) == text


def test_qwen_has_no_bos_and_uses_its_first_extra_token(tmp_path: Path) -> None:
    tokens = space(tmp_path, "qwen3")
    assert tokens.tokenizer.convert_ids_to_tokens([tokens.bos_id, tokens.eos_id]) == [
        "<|im_start|>",
        "<|im_end|>",
    ]


def test_missing_tokens_are_settled_or_named(tmp_path: Path) -> None:
    no_pad = space(tmp_path / "pad", pad=False)
    assert no_pad.pad_id == no_pad.bos_id
    no_eos = space(tmp_path / "eos", "qwen3", eos=False)
    assert no_eos.tokenizer.convert_ids_to_tokens(no_eos.eos_id) == "<|im_end|>"
    with pytest.raises(BaseModelError, match='"bos_token"'):
        space(tmp_path / "none", "qwen3", spare_tokens=False)
    with pytest.raises(BaseModelError, match='"eos_token"'):
        space(tmp_path / "no-eos", "mistral", eos=False)


def test_a_tokenizer_that_has_memory_tokens_is_refused(tmp_path: Path) -> None:
    tokens = space(tmp_path)
    with pytest.raises(BaseModelError, match="plain base model"):
        TokenSpace.add_to(tokens.tokenizer, 4)


def test_a_token_space_travels_to_a_process(tmp_path: Path) -> None:
    tokens = space(tmp_path)
    again = pickle.loads(pickle.dumps(tokens))  # noqa: S301
    assert again.document_ids("阀门", 64) == tokens.document_ids("阀门", 64)

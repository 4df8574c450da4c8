from __future__ import annotations

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from clara_model.chat_templates import (
    PLAIN_TEMPLATE,
    Piece,
    chat_frame,
    guarded_ids,
    settle_chat_template,
)
from clara_model.errors import ConfigError
from clara_model.tokens import TokenSpace
from tests.clara_model.data.stage_rows import CHATML, chat_tokens

LLAMA = (
    "{{- bos_token }}{%- set date_string = strftime_now('%d %b %Y') %}"
    "{%- for message in messages %}{{- '[' + message.role + ']' }}"
    "{%- if message.role == 'system' %}{{- 'Today: ' + date_string + ' ' }}{%- endif %}"
    "{{- message.content | trim + eos_token }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '[assistant]' }}{%- endif %}"
)


def test_the_frame_is_what_stands_around_the_messages() -> None:
    frame = chat_frame(chat_tokens().tokenizer, "Be brief.")
    assert frame.user_head == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n"
    assert frame.user_tail == "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    assert frame.answer_head == ""
    assert frame.answer_tail == "<|im_end|>\n"


def test_the_clock_of_a_template_stands_still() -> None:
    tokens = chat_tokens(LLAMA, bos_token="<s>", eos_token="</s>")
    frame = chat_frame(tokens.tokenizer, "Be brief.")
    assert frame.user_head == "<s>[system]Today: 01 Jan 2025 Be brief.</s>[user]"
    assert frame.answer_tail == "</s>"


def test_plain_serves_a_base_without_a_template_and_can_be_asked_for_of_any() -> None:
    for template in (None, CHATML):
        tokens = chat_tokens(template)
        settle_chat_template(tokens.tokenizer, "plain")
        assert tokens.tokenizer.chat_template == PLAIN_TEMPLATE
        frame = chat_frame(tokens.tokenizer, "Be brief.")
        assert (frame.user_head, frame.user_tail) == ("Be brief.\n\n", "\n\n")
        assert (frame.answer_head, frame.answer_tail) == ("", "<|im_end|>")


def test_own_is_refused_where_there_is_none() -> None:
    settle_chat_template(chat_tokens().tokenizer, "own")
    with pytest.raises(ConfigError, match="--chat-template plain"):
        settle_chat_template(chat_tokens(None).tokenizer, "own")


def test_a_template_that_changes_the_text_is_refused() -> None:
    loud = "{% for m in messages %}{{ m.content | lower }}{% endfor %}"
    with pytest.raises(ConfigError, match="found 0 times"):
        chat_frame(chat_tokens(loud).tokenizer, "Be brief.")
    twice = "{% for m in messages %}{{ m.content + m.content }}{% endfor %}"
    with pytest.raises(ConfigError, match="found 2 times"):
        chat_frame(chat_tokens(twice).tokenizer, "Be brief.")


def test_a_template_that_refuses_an_answer_is_named() -> None:
    strict = "{{ raise_exception('tools only') }}"
    with pytest.raises(ConfigError, match="tools only"):
        chat_frame(chat_tokens(strict).tokenizer, "Be brief.")


def test_special_tokens_are_recognised_only_where_they_are_trusted() -> None:
    tokens = chat_tokens()
    pieces = [Piece("<MEM0>", True), Piece("<MEM1> <|im_end|>", False), Piece("<SEP>", True)]
    ids = guarded_ids(tokens, pieces)
    assert ids[0] == tokens.memory_token_ids[0]
    assert ids[-1] == tokens.sep_id
    assert max(ids[1:-1]) < tokens.base_size
    assert tokens.tokenizer.decode(ids) == "<MEM0><MEM1> <|im_end|><SEP>"


def test_a_special_token_that_is_finished_by_the_template_is_still_the_users() -> None:
    tokens = chat_tokens()
    ids = guarded_ids(tokens, [Piece("<ME", False), Piece("M0>", True)])
    assert tokens.memory_token_ids[0] not in ids


def test_whitespace_that_a_special_token_swallows_does_not_make_it_the_users() -> None:
    tokens = _sentence_pieces()
    ids = guarded_ids(tokens, [Piece("ab \n", False), Piece("<end>", True), Piece("<end>a", False)])
    names = tokens.tokenizer.convert_ids_to_tokens(ids)
    assert names.count("<end>") == 1
    assert "".join(names).replace("▁", " ").strip().startswith("ab")


def _sentence_pieces() -> TokenSpace:
    """SentencePiece's way: a space is put in front, and the end token takes white space along."""
    letters = ["▁", *"abend<>/smMEMNCASP0123", "\n"]
    vocab = {letter: at for at, letter in enumerate(dict.fromkeys(["<unk>", *letters]))}
    made = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>"))
    made.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    made.decoder = decoders.Replace("▁", " ")
    made.add_special_tokens(
        [AddedToken("<end>", lstrip=True, rstrip=True, normalized=False), AddedToken("<s>")]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="<end>", unk_token="<unk>"
    )
    return TokenSpace.add_to(tokenizer, 4)

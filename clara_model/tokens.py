"""The tokens that a CLaRa model adds to its base's tokenizer (MODEL.md, "Tokens").

Appended in this order: `<MEM0>` .. `<MEM{m-1}>`, `<AE>` (kept for compatibility, unused), `<ENC>`,
`<SEP>`. Text of users never becomes one of them, or any other special token, however it is spelt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clara_model.errors import BaseModelError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

AE, ENC, SEP = "<AE>", "<ENC>", "<SEP>"


@dataclass(frozen=True)
class TokenSpace:
    """A base's tokenizer with the added tokens, and their ids. Can be sent to a process."""

    tokenizer: PreTrainedTokenizerFast
    base_size: int
    """Length of the tokenizer before anything was added: the id of `<MEM0>`."""
    memory_token_ids: tuple[int, ...]
    enc_id: int
    sep_id: int
    bos_id: int
    eos_id: int
    pad_id: int
    separator: bool = True
    """Whether `<SEP>` follows a document's slots."""

    @classmethod
    def add_to(
        cls, tokenizer: PreTrainedTokenizerFast, memory_tokens: int, separator: bool = True
    ) -> TokenSpace:
        """Adds the tokens to `tokenizer`, in place, and settles bos, eos and pad.

        A tokenizer without a bos (Qwen3) uses the first of its extra special tokens, the second
        as eos where it has none; a missing pad is the bos. Raises BaseModelError where there is
        no such token either, or where the tokenizer holds memory tokens already.
        """
        _settle_special_tokens(tokenizer)
        base_size = len(tokenizer)
        names = [f"<MEM{i}>" for i in range(memory_tokens)] + [AE, ENC, SEP]
        added = tokenizer.add_tokens(_as_special(names), special_tokens=True)
        ids = tokenizer.convert_tokens_to_ids(names)
        if added != len(names) or ids != list(range(base_size, base_size + len(names))):
            raise BaseModelError(
                "The base's tokenizer holds some of the tokens <MEM0>.., <AE>, <ENC>, <SEP> "
                "already: name the plain base model, and load a finished model with Clara.load."
            )
        return cls(
            tokenizer=tokenizer,
            base_size=base_size,
            memory_token_ids=tuple(ids[:memory_tokens]),
            enc_id=ids[-2],
            sep_id=ids[-1],
            bos_id=tokenizer.bos_token_id,
            eos_id=tokenizer.eos_token_id,
            pad_id=tokenizer.pad_token_id,
            separator=separator,
        )

    @property
    def size(self) -> int:
        """Rows that an embedding table needs for every token to have one."""
        return self.sep_id + 1

    def text_ids(self, text: str) -> list[int]:
        """Token ids of plain text: no special token is added, none is recognised in it."""
        encoding = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)
        return list(encoding["input_ids"])

    def document_ids(self, text: str, max_length: int) -> list[int]:
        """`<ENC> bos text eos`, at most `max_length` long: text is cut at its end, eos stays."""
        text_ids = self.text_ids(text)[: max(0, max_length - 3)]
        return [self.enc_id, self.bos_id, *text_ids, self.eos_id]

    def slot_ids(self, documents: int) -> list[int]:
        """The decoder's slots of so many documents, one after another."""
        slot = [*self.memory_token_ids, *([self.sep_id] if self.separator else [])]
        return slot * documents


def _as_special(names: list[str]) -> list:
    from tokenizers import AddedToken

    return [AddedToken(name, special=True, normalized=False) for name in names]


def _settle_special_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    spare = list(tokenizer.extra_special_tokens)
    if tokenizer.bos_token_id is None:
        if not spare:
            raise BaseModelError(
                "The base's tokenizer has neither a bos token nor an extra special token to use as "
                'one: set "bos_token" in its tokenizer_config.json.'
            )
        tokenizer.bos_token = spare[0]
    if tokenizer.eos_token_id is None:
        if len(spare) < 2:
            raise BaseModelError(
                "The base's tokenizer has no eos token and no second extra special token to use "
                'as one: set "eos_token" in its tokenizer_config.json.'
            )
        tokenizer.eos_token = spare[1]
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.bos_token

"""One row as token ids: what a batch is made of.

Documents are shared: rows that name the same text hold the same `Document`.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from clara_model.text.language import Language, language_of
from clara_model.tokens import TokenSpace

TokenIds = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Document:
    """A distinct document, `<ENC> bos text eos`, without memory positions."""

    key: str
    """Hash of the ids: equal for equal token ids."""
    ids: TokenIds
    """[L] int32, at most `doc_max_length`."""
    full_length: int
    """Tokens that it would have had uncut; above len(ids) where it was cut."""
    language: Language

    @property
    def is_cut(self) -> bool:
        return self.full_length > len(self.ids)


@dataclass(frozen=True, eq=False)
class Example:
    """A row, tokenised."""

    row_id: str
    input_ids: TokenIds
    """[T] int32: prompt (memory token ids at the slots), answer, eos, what the template adds."""
    labels: TokenIds
    """[T] int32: the token itself where it counts, IGNORED elsewhere."""
    prompt_length: int
    """Tokens before the answer: what generation starts from."""
    documents: tuple[Document, ...]
    """Those of the slots, in their order; in end_to_end and reasoning the candidates."""
    question: str
    answers: tuple[str, ...]
    """What counts as right, for exact match and F1; the first is what is trained on, but for
    reasoning, whose target is a trace."""
    queries: tuple[TokenIds, ...] = ()
    """[Q] int32 each, without memory positions: the question in end_to_end, every search of the
    trace in reasoning."""
    slots: tuple[tuple[int, int], ...] = ()
    """In reasoning, for each slot in order: number of its search in `queries`, number of the
    document that it shows in `documents`."""
    positives: tuple[int, ...] | None = None
    """Which of `documents` answer the question; None where the row does not say."""

    @property
    def prompt_ids(self) -> TokenIds:
        """[prompt_length] int32."""
        return self.input_ids[: self.prompt_length]

    @property
    def decoder_tokens(self) -> int:
        return len(self.input_ids)

    @property
    def document_tokens(self) -> int:
        """Tokens of its documents, each counted as often as it is named."""
        return sum(len(document.ids) for document in self.documents)


def as_ids(ids: list[int]) -> TokenIds:
    return np.asarray(ids, dtype=np.int32)


@lru_cache(maxsize=4096)
def make_document(tokens: TokenSpace, text: str, max_length: int) -> Document:
    """Tokenises a document and cuts it to `max_length` tokens, special tokens included.

    The last few thousand are remembered: rows of one chunk, and their negatives, are neighbours.
    """
    whole = tokens.document_ids(text, max_length=sys.maxsize)
    kept = as_ids(whole if len(whole) <= max_length else [*whole[: max_length - 1], tokens.eos_id])
    key = hashlib.blake2b(kept.astype("<i4").tobytes(), digest_size=16).hexdigest()
    return Document(key=key, ids=kept, full_length=len(whole), language=language_of(text))

"""Answering in steps: the model writes, searches, reads what was found, and writes on.

MODEL.md, "Reasoning": decoding alternates generation with retrieval until `<answer>`. Keys and
values of what was read stay cached from step to step. Documents enter as memory only, so that
nothing that is written in one can close a span.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from clara_model.config import DECODER
from clara_model.errors import ConfigError, DataError
from clara_model.generation import end_ids
from clara_model.prompts import build_prompt, query_ids
from clara_model.reasoning.segments import information_ids
from clara_model.retrieval import cosine_scores

if TYPE_CHECKING:
    from clara_model.model import Clara

StoppedBecause = Literal["answer", "end", "steps", "tokens", "malformed"]

_SEARCH_END, _ANSWER_END = "</search>", "</answer>"


class SearchStep(BaseModel):
    """One search and what it found, best first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    query: str
    documents: tuple[int, ...]
    """Indices of the candidates that were read."""
    scores: tuple[float, ...]
    """Their cosines with the query."""


class ReasoningAnswer(BaseModel):
    """What came out, and how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer: str | None
    """None where the model wrote no whole `<answer>` span."""
    steps: tuple[SearchStep, ...]
    stopped_because: StoppedBecause
    """`answer`; `end`: the model ended its turn without one; `steps`: it wanted to search once more
    than allowed; `tokens`: it had none left; `malformed`: it closed a span that was not open, or
    searched for nothing."""
    written: str
    """Everything that the model wrote, without the information that was put in."""
    new_tokens: int
    """Tokens that the model wrote."""


@torch.no_grad()
def answer_in_steps(
    model: Clara,
    question: str,
    candidates: Tensor,
    *,
    top_k: int = 1,
    max_steps: int = 4,
    max_new_tokens: int = 512,
) -> ReasoningAnswer:
    """Answers `question` greedily, with searches among `candidates`.

    candidates [N, m, H]: memory of the documents that may be found (`Clara.compress`). Each of at
    most `max_steps` searches reads the `top_k` candidates whose cosine with it is highest; traces
    of this project's data sets show one document a search. `max_new_tokens` bounds what the model
    writes in all steps together. Raises ConfigError for a limit below 1 or a top_k above N,
    DataError where the candidates are not memory of this model.
    """
    _check(model, candidates, top_k, max_steps, max_new_tokens)
    candidates = candidates.to(model.device, model.base_dtype)
    was_training = model.training
    model.eval()
    try:
        loop = _Loop(model, candidates, top_k, max_steps, max_new_tokens)
        return loop.run(build_prompt(model.tokens, "reasoning", 0, question))
    finally:
        model.train(was_training)


class _Loop:
    """The steps of one question."""

    def __init__(
        self, model: Clara, candidates: Tensor, top_k: int, max_steps: int, max_new_tokens: int
    ) -> None:
        self._model = model
        self._candidates = candidates
        self._top_k = top_k
        self._max_steps = max_steps
        self._tokens_left = max_new_tokens
        self._max_new_tokens = max_new_tokens
        self._reader = _Reader(model)
        self._steps: list[SearchStep] = []
        self._written: list[str] = []

    def run(self, prompt: list[int]) -> ReasoningAnswer:
        logits = self._reader.read(prompt)
        while True:
            text, ids, stopped = self._write(logits)
            self._written.append(text)
            if stopped is not None:
                return self._done(None, stopped)
            if text.endswith(_ANSWER_END):
                answer = _inside(text, "<answer>", _ANSWER_END)
                return self._done(answer, "malformed" if answer is None else "answer")
            query = _inside(text, "<search>", _SEARCH_END)
            if query is None:
                return self._done(None, "malformed")
            if len(self._steps) == self._max_steps:
                return self._done(None, "steps")
            found = self._search(query)
            put_in = information_ids(self._model.tokens, len(found))
            logits = self._reader.read([*ids, *put_in], found)

    def _write(self, logits: Tensor) -> tuple[str, list[int], StoppedBecause | None]:
        """Writes until a search or the answer is closed.

        Gives the text, ids that the reader has not read yet, and why there is no closed span.
        """
        tokens = self._model.tokens
        ends = end_ids(self._model)
        stretch: list[int] = []
        before = self._reader.length
        text = ""
        while self._tokens_left:
            self._tokens_left -= 1
            token = int(logits.argmax())
            if token in ends:
                return text, [], "end"
            stretch.append(token)
            text = tokens.tokenizer.decode(
                stretch, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            closed = [
                text.find(tag) + len(tag) for tag in (_SEARCH_END, _ANSWER_END) if tag in text
            ]
            if not closed:
                logits = self._reader.read([token])
                continue
            cut = text[: min(closed)]
            if cut == text:
                return text, [token], None
            # The last token holds more than the tag's end: this stretch is read as training had it.
            self._reader.back_to(before)
            return cut, tokens.text_ids(cut), None
        return text, [], "tokens"

    def _search(self, query: str) -> Tensor:
        """Memory [k, m, H] of the candidates that are nearest to the query, best first."""
        model = self._model
        ids = torch.tensor(
            [query_ids(model.tokens, query, model.config.doc_max_length)], device=model.device
        )
        encoded = model.encode_query(ids, torch.ones_like(ids))
        best = cosine_scores(encoded, self._candidates[None])[0].topk(self._top_k)
        self._steps.append(
            SearchStep(
                query=query,
                documents=tuple(best.indices.tolist()),
                scores=tuple(best.values.tolist()),
            )
        )
        return self._candidates[best.indices]

    def _done(self, answer: str | None, why: StoppedBecause) -> ReasoningAnswer:
        return ReasoningAnswer(
            answer=answer,
            steps=tuple(self._steps),
            stopped_because=why,
            written="\n".join(self._written),
            new_tokens=self._max_new_tokens - self._tokens_left,
        )


class _Reader:
    """Reads one row bit by bit; what was read before stays in the cache of keys and values."""

    def __init__(self, model: Clara) -> None:
        self._model = model
        self._cached: list[Tensor] = []
        self._pending: list[Tensor] = []
        self._cache = self._empty_cache()

    @property
    def length(self) -> int:
        """Tokens read so far."""
        return sum(part.shape[1] for part in (*self._cached, *self._pending))

    def read(self, ids: list[int], memory: Tensor | None = None) -> Tensor:
        """Logits [V], float32, of what follows `ids`, whose slots hold `memory` [k, m, H].

        Tokens that were added to the base, memory tokens among them, are never written.
        """
        model = self._model
        row = torch.tensor([ids], device=model.device)
        if memory is None:
            self._pending.append(model.base.get_input_embeddings()(row))
        else:
            self._pending.append(model._with_memory(row, memory[None]))
        with model.active(DECODER), model.precision():
            hidden = model.base.base_model(
                inputs_embeds=torch.cat(self._pending, dim=1),
                past_key_values=self._cache,
                use_cache=True,
            )[0][0, -1]
            logits = model.base.get_output_embeddings()(hidden).float()
        self._cached += self._pending
        self._pending = []
        logits[model.tokens.base_size :] = -torch.inf
        return logits

    def back_to(self, length: int) -> None:
        """Forgets what was read after the first `length` tokens, where a `read` ended.

        Not every cache can be cut (those of sliding windows cannot): what stays is read again.
        """
        kept = [*self._cached, *self._pending]
        while sum(part.shape[1] for part in kept) > length:
            kept.pop()
        self._cached, self._pending, self._cache = [], kept, self._empty_cache()

    def _empty_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self._model.base.config)


def _first_end(text: str) -> int | None:
    """Where the first search or answer of `text` is closed, its tag included."""
    ends = [text.find(tag) + len(tag) for tag in (_SEARCH_END, _ANSWER_END) if tag in text]
    return min(ends, default=None)


def _inside(text: str, opening: str, closing: str) -> str | None:
    """What the last span of `text` holds, which ends with `closing`; None where it is not open."""
    _, opened, inner = text.removesuffix(closing).rpartition(opening)
    return inner.strip() or None if opened else None


def _check(
    model: Clara, candidates: Tensor, top_k: int, max_steps: int, max_new_tokens: int
) -> None:
    m, hidden = model.config.memory_tokens, model.hidden_size
    if candidates.dim() != 3 or tuple(candidates.shape[1:]) != (m, hidden):
        raise DataError(
            f"Candidates of shape {tuple(candidates.shape)} are not memory of this model, which is "
            f"[N, {m}, {hidden}]: compress the documents with it."
        )
    for name, limit in {"max_steps": max_steps, "max_new_tokens": max_new_tokens}.items():
        if limit < 1:
            raise ConfigError(f"{name} is {limit}: allow 1 or more.")
    if not 1 <= top_k <= len(candidates):
        raise ConfigError(
            f"top_k is {top_k} and there are {len(candidates)} candidates: lower top_k, or give "
            "more documents."
        )

"""What the decoder is asked in each stage, as token ids (MODEL.md, "Tokens").

A prompt is tokenised alone, the answer with what closes it alone, and the two are put one after
another: training and generation see the same prompt ids. No text of a user becomes a special token.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from clara_model.chat_templates import ChatFrame, Piece, chat_frame, guarded_ids
from clara_model.config import IGNORED, Stage
from clara_model.tokens import SEP, TokenSpace

_SYSTEM: dict[Stage, str] = {
    "compression": "You are given a document. Do with it what you are asked to.",
    "instruction": (
        "You answer questions from the documents that you are given. Answer as briefly as you can."
    ),
    "end_to_end": (
        "You answer questions from the documents that you are given. Answer as briefly as you can."
    ),
    "reasoning": (
        "You answer questions step by step. Think between <think> and </think>. Ask for documents "
        "between <search> and </search>; they are given to you between <information> and "
        "</information>. Give the final answer between <answer> and </answer>."
    ),
}

QUESTIONS_INSTRUCTION = (
    "Write down the questions that this document answers, each followed by its answer."
)
"""What the decoder is asked for in compression pretraining's `qa` rows."""

PARAPHRASE_INSTRUCTIONS: dict[Literal["en", "zh"], tuple[str, ...]] = {
    "en": (
        "Say in other words what this document says.",
        "Restate the content of this document.",
        "Write this document anew and keep all its facts.",
        "Paraphrase the document above.",
        "What does this document say? Tell it in your own words.",
        "Give the content of the document in a dense form.",
    ),
    "zh": (
        "用别的话复述这份文档的内容。",
        "请改写上面的文档，保留全部事实。",
        "这份文档讲了什么？请用自己的话说明。",
        "请概括并复述文档的全部要点。",
        "换一种说法写出这份文档。",
        "请以精炼的形式写出文档的内容。",
    ),
}
"""Of `paraphrase` rows; one is drawn for a row, in the language of what is to be written."""


class PromptIds(NamedTuple):
    """A prompt and its answer: two lists of the same length."""

    input_ids: list[int]
    labels: list[int]
    """The token itself on the answer and what closes it, IGNORED on the prompt."""

    @property
    def prompt_length(self) -> int:
        """Tokens before the answer."""
        return next(at for at, label in enumerate(self.labels) if label != IGNORED)


def build_prompt(tokens: TokenSpace, stage: Stage, documents: int, question: str) -> list[int]:
    """Ids of the decoder's prompt, memory slots and generation prompt included.

    `documents` is the number of slots, k; with 0 the question stands alone. `question` is what is
    asked; in compression it is an instruction (`QUESTIONS_INSTRUCTION`). Raises ConfigError for a
    base without a usable chat template.
    """
    slot = "".join(f"<MEM{i}>" for i in range(len(tokens.memory_token_ids)))
    slots = (slot + (SEP if tokens.separator else "")) * documents
    return _prompt_ids(tokens, stage, [Piece(slots, trusted=True)] if slots else [], question)


def build_text_prompt(
    tokens: TokenSpace, stage: Stage, documents: Sequence[str], question: str
) -> list[int]:
    """The same prompt with the documents' text where the slots were: what compression is held
    against. Documents are not cut."""
    texts = "\n\n".join(text.strip() for text in documents)
    return _prompt_ids(tokens, stage, [Piece(texts, trusted=False)] if texts else [], question)


def answer_ids(tokens: TokenSpace, answer: str) -> list[int]:
    """Ids of an answer, its eos and what the template puts after it."""
    frame = _frame(tokens, "instruction")
    pieces = [
        Piece(frame.answer_head, trusted=True),
        Piece(answer.strip(), trusted=False),
        Piece(frame.answer_tail, trusted=True),
    ]
    return _closed(tokens, guarded_ids(tokens, pieces))


def closing_ids(tokens: TokenSpace) -> list[int]:
    """What stands after an answer: eos and what the template puts there."""
    frame = _frame(tokens, "instruction")
    return _closed(tokens, guarded_ids(tokens, [Piece(frame.answer_tail, trusted=True)]))


def build_training_ids(
    tokens: TokenSpace, stage: Stage, documents: int, question: str, answer: str
) -> PromptIds:
    """A prompt and its answer, not cut. Arguments and errors as in `build_prompt`."""
    prompt = build_prompt(tokens, stage, documents, question)
    answered = answer_ids(tokens, answer)
    return PromptIds(prompt + answered, [IGNORED] * len(prompt) + answered)


def query_ids(tokens: TokenSpace, question: str, max_length: int) -> list[int]:
    """`<ENC> bos text eos` of a question, at most `max_length` long, without memory positions."""
    return tokens.document_ids(question.strip(), max_length)


def questions_and_answers(pairs: Sequence[tuple[str, str]]) -> str:
    """The target of a `qa` row: all its pairs, one after another."""
    return "\n".join(f"Question: {q.strip()}\nAnswer: {a.strip()}" for q, a in pairs)


def paraphrase_instruction(language: str, draw: random.Random) -> str:
    """One of several instructions, in Chinese where the text to be written is Chinese."""
    return draw.choice(PARAPHRASE_INSTRUCTIONS["zh" if language == "zh" else "en"])


def _prompt_ids(
    tokens: TokenSpace, stage: Stage, documents: list[Piece], question: str
) -> list[int]:
    frame = _frame(tokens, stage)
    asked = question.strip()
    if documents:
        heading = "Document:\n" if stage == "compression" else "Documents:\n"
        documents = [Piece(heading, trusted=True), *documents, Piece("\n\n", trusted=True)]
    if stage != "compression":
        documents = [*documents, Piece("Question: ", trusted=True)]
    return guarded_ids(
        tokens,
        [
            Piece(frame.user_head, trusted=True),
            *documents,
            Piece(asked, trusted=False),
            Piece(frame.user_tail, trusted=True),
        ],
    )


def _frame(tokens: TokenSpace, stage: Stage) -> ChatFrame:
    return chat_frame(tokens.tokenizer, _SYSTEM[stage])


def _closed(tokens: TokenSpace, ids: list[int]) -> list[int]:
    # Of a base that ends its turns with another token than eos: eos closes the text after it.
    return ids if tokens.eos_id in ids else [*ids, tokens.eos_id]

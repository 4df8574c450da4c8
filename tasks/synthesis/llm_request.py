"""What a model is asked: the first request of a chunk, and the one that names its faults."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

from tasks.endpoint.chat import AnswerShape, ChatMessage, ChatRequest
from tasks.prompting import Prompt
from tasks.records import Language, TextChunk
from tasks.synthesis.rules import MAX_PAIRS, MIN_PAIRS, SUMMARY_CHECKED_FROM
from tasks.synthesis.traditional import is_traditional
from tasks.text import language_of, weighted_length
from tasks.text.untrusted import fenced

TEMPERATURE = 0.2
# Inside the rule's 50 to 80 %: nobody who writes counts every character.
_TOLD_LEAST, _TOLD_MOST = 0.55, 0.75
# Room for five pairs with quotes, and for a summary: a token is rarely less than two weighted
# characters. Providers refuse more than the last figure.
_TOKENS_OF_PAIRS, _TOKENS_MOST = 2048, 8192

# As `language_of` tells scripts apart: fewer letters among letters and digits tell no language, and
# more letters of another script than this share make a text foreign.
_LETTERS_FROM, _FOREIGN_FROM = 0.1, 0.2
_OWN_SCRIPTS = ("LATIN", "CJK UNIFIED", "CJK COMPATIBILITY", "FULLWIDTH LATIN")

_PAIR: dict[str, Any] = {
    "type": "object",
    "properties": {
        # No enum: a label in another spelling is no reason to pay for the answer again.
        "type": {"type": "string", "description": "fact, reasoning or cross_lingual"},
        "question": {"type": "string"},
        "question_in_passage_language": {"type": ["string", "null"]},
        "answer": {"type": "string"},
        "quote": {"type": "string"},
    },
    "required": ["type", "question", "question_in_passage_language", "answer", "quote"],
    "additionalProperties": False,
}


def _shape(name: str, summary: Any) -> AnswerShape:
    return AnswerShape(
        name=name,
        json_schema={
            "type": "object",
            "properties": {"dense_summary": summary, "pairs": {"type": "array", "items": _PAIR}},
            "required": ["dense_summary", "pairs"],
            "additionalProperties": False,
        },
    )


SYNTHESIS_SHAPE = _shape("summary_and_pairs", {"type": "string"})
REPAIR_SHAPE = _shape("replacements", {"type": ["string", "null"]})
_PAIR_SHOWN = (
    '{"type": "fact" or "reasoning" or "cross_lingual", "question": "...", '
    '"question_in_passage_language": null or "...", "answer": "...", "quote": "..."}'
)
SYNTHESIS_SHOWN = f'{{"dense_summary": "...", "pairs": [{_PAIR_SHOWN}, ...]}}'
REPAIR_SHOWN = f'{{"dense_summary": null or "...", "pairs": [{_PAIR_SHOWN}, ...]}}'


def synthesize_request(chunk: TextChunk, prompt: Prompt) -> ChatRequest:
    """A summary and pairs of one chunk, in one call."""
    values = {
        **_values(chunk),
        "passage": fenced(chunk.text),
        "headings": fenced("\n".join(chunk.headings) or "-", "headings"),
        "pair_count": pair_count(chunk),
        "shape": SYNTHESIS_SHOWN,
    }
    return ChatRequest(
        step="synthesize",
        messages=prompt.messages(values),
        shape=SYNTHESIS_SHAPE,
        max_tokens=_max_tokens(chunk),
        temperature=TEMPERATURE,
    )


def repair_request(
    first: ChatRequest, answer: str, complaints: str, chunk: TextChunk, prompt: Prompt
) -> ChatRequest:
    """The conversation continued: the model sees what it wrote, and what is wrong with it."""
    messages = prompt.messages({**_values(chunk), "complaints": complaints, "shape": REPAIR_SHOWN})
    # A conversation has one system message: what a user's own prompt puts there is said here.
    said = "\n\n".join(message.text for message in messages)
    return ChatRequest(
        step="repair",
        messages=(
            *first.messages,
            ChatMessage(role="assistant", text=answer),
            ChatMessage(role="user", text=said),
        ),
        shape=REPAIR_SHAPE,
        max_tokens=first.max_tokens,
        temperature=TEMPERATURE,
    )


def base_language(chunk: TextChunk) -> Language:
    """`en`, `zh` or `mixed`: what pairs are written in. A table of numbers takes its headings'.

    `other` for a text in another script, of which no pair can be made.
    """
    if chunk.language != "other" or _is_in_another_script(chunk.text):
        return chunk.language
    headings = language_of(" ".join(chunk.headings))
    return headings if headings in ("en", "zh") else "en"


def _is_in_another_script(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    if len(letters) < _LETTERS_FROM * sum(map(str.isalnum, text)):
        return False
    own = sum(c.isascii() or unicodedata.name(c, "").startswith(_OWN_SCRIPTS) for c in letters)
    return len(letters) - own > _FOREIGN_FROM * len(letters)


def pair_count(chunk: TextChunk) -> str:
    """How many pairs a chunk is asked for."""
    return f"{least_pairs(chunk)} to {MAX_PAIRS if _is_long(chunk) else MIN_PAIRS}"


def least_pairs(chunk: TextChunk) -> int:
    return MIN_PAIRS if _is_long(chunk) else 1


def summary_bounds(chunk: TextChunk) -> tuple[int, int]:
    """Characters that a summary is asked to have."""
    size = len(chunk.text)
    if not _is_long(chunk):
        return max(1, size // 2), max(1, size)
    return math.ceil(_TOLD_LEAST * size), math.floor(_TOLD_MOST * size)


def _is_long(chunk: TextChunk) -> bool:
    return len(chunk.text) >= SUMMARY_CHECKED_FROM


def _values(chunk: TextChunk) -> Mapping[str, str]:
    own, other = _language_names(chunk)
    least, most = summary_bounds(chunk)
    return {
        "language": own,
        "other_language": other,
        "least_characters": str(least),
        "most_characters": str(most),
    }


def _language_names(chunk: TextChunk) -> tuple[str, str]:
    language = base_language(chunk)
    if language == "mixed":
        return "English and Chinese, each part in its own", "Chinese for English parts, and back"
    if language in ("en", "other"):
        return "English", "Chinese"
    traditional = is_traditional(chunk.text)
    return "Chinese in traditional characters" if traditional else "Chinese", "English"


def _max_tokens(chunk: TextChunk) -> int:
    return min(_TOKENS_MOST, _TOKENS_OF_PAIRS + weighted_length(chunk.text))

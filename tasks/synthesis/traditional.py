"""Traditional Chinese: read in simplified characters, asked in the passage's own.

The templates know simplified words. A copy in which each character is converted by itself has
the same length, so a span of the copy is the same span of the passage.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

from tasks.synthesis.candidates import Candidate
from tasks.synthesis.topic import Topic
from tasks.text import is_han

# Simplified text has a few characters that a converter changes all the same (乾, 著, 後).
_TRADITIONAL_FROM = 0.08


@lru_cache(maxsize=2)
def _converter(name: str) -> Any:
    from opencc import OpenCC

    return OpenCC(name)


@lru_cache(maxsize=20_000)
def _simple(character: str) -> str:
    converted = str(_converter("t2s").convert(character))
    return converted if len(converted) == 1 else character


def simplified_copy(text: str) -> str:
    """The same number of characters, each in its simplified form."""
    return "".join(_simple(c) if ord(c) > 0x2E7F else c for c in text)


def is_traditional(text: str) -> bool:
    """Whether enough Han characters of the text have another, simplified form."""
    han = [c for c in text if is_han(c)]
    return sum(_simple(c) != c for c in han) > _TRADITIONAL_FROM * len(han)


def simplified_topic(topic: Topic) -> Topic:
    return Topic(simplified_copy(topic.title), simplified_copy(topic.section))


def in_own_characters(candidate: Candidate, sources: tuple[str, ...]) -> Candidate:
    """The question with the characters of `sources`, and its own words in traditional ones."""
    question = restore(candidate.question, sources)
    return dataclasses.replace(candidate, question=question)


def restore(question: str, sources: tuple[str, ...]) -> str:
    """Runs of two and more characters as a source writes them, the rest as opencc does."""
    copies = [(simplified_copy(source), source) for source in sources]
    parts: list[str] = []
    own = ""
    position = 0
    while position < len(question):
        best = ""
        for copy, source in copies:
            length = max(2, len(best) + 1)
            place = copy.find(question[position : position + length])
            while place >= 0 and position + length <= len(question):
                best = source[place : place + length]
                length += 1
                place = copy.find(question[position : position + length], place)
        if best and any(is_han(c) for c in best):
            parts += [str(_converter("s2tw").convert(own)), best]
            own = ""
            position += len(best)
        else:
            own += question[position]
            position += 1
    return "".join(parts) + str(_converter("s2tw").convert(own))

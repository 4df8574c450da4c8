"""Where in a passage do these words stand? Spans in code points, end exclusive.

First word for word, then in folded characters (width, case, traditional forms, quotation
marks), then nearly so, with whole words at the borders; at last the sentence that holds nearly
all of the words. What aligns nowhere has no span: a wrong one would be worse.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from clara_model.text.normalise import to_simplified
from tasks.records import Evidence
from tasks.synthesis.wordlist import words
from tasks.text import is_han, normalise, search_terms, sentence_spans

# Of 100: how much of the words must stand there, in their order.
_SIMILAR = 85.0
# Shorter words are found as they are or not at all: nearly "5 V" is "3 V".
_FUZZY_FROM = 12
# Of the words' terms: how many one sentence, or two that follow each other, must hold.
_HELD = 0.75
_MARKS = " .,;:!?\"'“”‘’。，、；：！？「」『』"
_EMPTY_WORDS = frozenset(
    words("""
    a an the of and or in on at to by for from with as is are was were be been has have had do does
    did it its he she they his her their this that these those not no yes which who what when where
    why how than then so because if but into would could should can may will 的是 是一 一个 为了
    """)
)
_ELLIPSIS = re.compile(r"\s*(?:\[?\.{3,}\]?|…+)\s*")
_SAME = {
    **dict.fromkeys('‘’‚‛′`´ʼ「」『』“”„‟″«»〈〉《》"', "'"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "。": ".",
    "、": ",",
    "【": "[",
    "】": "]",
    "×": "x",
    "\n": " ",
    "\t": " ",
}


def align(words: str, passage: str) -> Evidence | None:
    """The span of `passage` that says `words`, or None."""
    words = words.strip()
    if not words or not passage:
        return None
    parts = [part for part in _ELLIPSIS.split(words) if part.strip()]
    if len(parts) > 1 and words not in passage:
        return _joined(parts, passage)
    for wanted in dict.fromkeys((words, words.strip(_MARKS))):
        if wanted and (span := _exactly(wanted, passage) or _folded(wanted, passage)):
            return span
    return _nearly(words, passage) or align_terms(words, passage)


def align_answer(answer: str, passage: str, question: str) -> Evidence | None:
    """The sentence that proves an answer, else where the answer stands; yes proves nothing."""
    if not _telling(answer):
        return None
    return align_terms(answer, passage, question) or align(answer, passage)


def align_terms(words: str, passage: str, given: str = "") -> Evidence | None:
    """The sentence, or the two neighbours, that hold nearly all terms of `words`.

    Terms of `given` (the question that the words answer) tell nothing new: they only decide
    between sentences that hold the same.
    """
    terms, known = _telling(words), _telling(given)
    new = terms - known or terms
    if not new:
        return None
    figures = {term for term in new if any(map(str.isdigit, term))}
    sentences = sentence_spans(passage)
    held = [set(search_terms(passage[start:end])) for start, end in sentences]
    best: tuple[float, int] = (0.0, 0)
    span: Evidence | None = None
    for size in (1, 2):
        for first in range(len(sentences) - size + 1):
            inside = set().union(*held[first : first + size])
            share, beside = len(new & inside) / len(new), len((terms | known) & inside)
            if share >= _HELD and figures <= inside and (share, beside) > best:
                # Two sentences only where one alone says less of the answer.
                if size == 2 and share == best[0]:
                    continue
                best = (share, beside)
                span = Evidence(start=sentences[first][0], end=sentences[first + size - 1][1])
    return span


def _telling(text: str) -> set[str]:
    return set(search_terms(text)) - _EMPTY_WORDS


def _exactly(words: str, passage: str) -> Evidence | None:
    start = passage.find(words)
    while start >= 0:
        if _whole(passage, start, start + len(words)):
            return Evidence(start=start, end=start + len(words))
        start = passage.find(words, start + 1)
    return None


def _joined(parts: list[str], passage: str) -> Evidence | None:
    """From the first to the last part of a quote with dots in it, where they follow each other."""
    spans = [span for part in parts if (span := align(part, passage)) is not None]
    if len(spans) < len(parts):
        return None
    ordered = all(one.end <= other.start for one, other in pairwise(spans))
    if not ordered:
        return max(spans, key=lambda span: span.end - span.start)
    return Evidence(start=spans[0].start, end=spans[-1].end)


def _folded(words: str, passage: str) -> Evidence | None:
    plain, wanted = _fold(passage), _fold(words)
    start = plain.find(wanted)
    while start >= 0:
        if _whole(passage, start, start + len(wanted)):
            return Evidence(start=start, end=start + len(wanted))
        start = plain.find(wanted, start + 1)
    return None


def _nearly(words: str, passage: str) -> Evidence | None:
    if len(words) < _FUZZY_FROM and not sum(map(is_han, words)) * 2 >= _FUZZY_FROM:
        return None
    from rapidfuzz import fuzz

    plain, wanted = _fold(passage), _fold(words)
    if len(wanted) > len(plain):
        return None
    found = fuzz.partial_ratio_alignment(wanted, plain, score_cutoff=_SIMILAR)
    if found is None:
        return None
    start, end = _matched(wanted, plain, found.dest_start, found.dest_end)
    if end <= start or _digits(passage[start:end]) != _digits(words):
        # The same sentence with another number says something else.
        return None
    return _to_words(passage, start, end)


def _matched(wanted: str, plain: str, start: int, end: int) -> tuple[int, int]:
    """The window without what it has at its ends beyond the words, and with what it cut off."""
    from rapidfuzz.distance import Indel

    room = max(8, len(wanted) // 10)
    left, right = max(0, start - room), min(len(plain), end + room)
    blocks = [
        block
        for block in Indel.editops(wanted, plain[left:right]).as_matching_blocks()
        if block.size
    ]
    # A stray letter far from the rest is no match.
    blocks = [block for block in blocks if block.size > 1] or blocks
    if not blocks:
        return start, end
    return left + blocks[0].b, left + blocks[-1].b + blocks[-1].size


def _digits(text: str) -> list[str]:
    return re.findall(r"\d+", normalise(text))


def _whole(passage: str, start: int, end: int) -> bool:
    """Whether no word or number of Latin letters is cut at either end."""
    return not (_joins(passage, start) or _joins(passage, end))


def _joins(passage: str, position: int) -> bool:
    """Whether the characters on both sides of a border belong to one word."""
    if not 0 < position < len(passage):
        return False
    before, after = passage[position - 1], passage[position]
    return _in_word(before) and _in_word(after)


def _in_word(character: str) -> bool:
    return character.isalnum() and not is_han(character)


def _to_words(passage: str, start: int, end: int) -> Evidence | None:
    """The span grown to whole words, without space and stray marks at its ends."""
    while _joins(passage, start):
        start -= 1
    while _joins(passage, end):
        end += 1
    while start < end and (passage[start].isspace() or passage[start] in ",，;；、。.)）"):
        start += 1
    while start < end and (passage[end - 1].isspace() or passage[end - 1] in ",，;；、(（"):
        end -= 1
    return Evidence(start=start, end=end) if start < end else None


def _fold(text: str) -> str:
    """As many characters as `text`, each in its simplest form."""
    return "".join(map(_fold_character, text))


@lru_cache(maxsize=20_000)
def _fold_character(character: str) -> str:
    if character in _SAME:
        return _SAME[character]
    plain = unicodedata.normalize("NFKC", character).casefold()
    if len(plain) == 1 and is_han(plain):
        simple = to_simplified(plain)
        plain = simple if len(simple) == 1 else plain
    plain = _SAME.get(plain, plain)
    return plain if len(plain) == 1 else character

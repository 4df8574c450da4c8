"""Search terms for BM25: words, and character bigrams where words are not spaced."""

from __future__ import annotations

import re

from clara_model.text.normalise import normalise
from clara_model.text.scripts import HAN_CLASS

# Han and kana: scripts without spaces between words.
_UNSPACED = HAN_CLASS + "\u3041-\u309f\u30a0-\u30ff"
_TERM = re.compile(
    rf"(?P<unspaced>[{_UNSPACED}]+)"
    rf"|(?P<number>\d+(?:[.:/-]\d+)*%?(?![^\W_{_UNSPACED}]))"
    rf"|(?P<word>[^\W_{_UNSPACED}]+(?:[.'+#-]+[^\W_{_UNSPACED}]+)*[+#]*)"
)
_PART_BORDER = re.compile(r"[.+#-]+")


def search_terms(text: str) -> list[str]:
    """Terms of `text` in order, with repeats.

    A run of Han characters gives its overlapping pairs (`抽取式` -> `抽取`, `取式`), a lone one
    itself; a word gives itself, and its parts too where it is compound (`gpt-4o`); numbers and
    dates stay whole.
    """
    terms: list[str] = []
    for match in _TERM.finditer(normalise(text)):
        token = match[0]
        if match["unspaced"]:
            if len(token) == 1:
                terms.append(token)
            else:
                terms.extend(token[i : i + 2] for i in range(len(token) - 1))
            continue
        terms.append(token)
        if match["word"]:
            parts = [part for part in _PART_BORDER.split(token) if part]
            if len(parts) > 1:
                terms.extend(parts)
    return terms

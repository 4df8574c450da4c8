"""The language of a text, by the share of Han characters; and whether a text can be read."""

from __future__ import annotations

import re
import unicodedata

from tasks.records import Language
from tasks.text.scripts import HAN_CLASS

# Between these shares a text is mixed. A Chinese text and its English translation side by side
# have a share of about 0.62 (100 Han characters say what 60 words say), a Chinese manual full
# of English names about 0.8, an English text with the Chinese names of its subjects below 0.1.
CHINESE_FROM = 0.7
ENGLISH_TO = 0.15
# A text whose letters and digits are nearly all digits has no language.
_LETTERS_FROM = 0.1
# Kana beside Han characters is Japanese; other scripts are neither Chinese nor English.
_OTHER_FROM = 0.2
_UNREADABLE_FROM = 0.05
_TERM_WORDS = 4
_TERM_HAN = 6

_NOT_PROSE = re.compile(
    r"\[IMAGE_REF:[^\]]*\]|<!--.*?-->|</?[A-Za-z][^<>]*>|!\[[^\]]*\]\([^)]*\)|(?<=\])\([^)\s]*\)"
    r"|(?:https?|ftp|s3|file)://[^\s<>\u3000-\u303f\uff00-\uffef]+|www\.[^\s\u3000-\u303f]+"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
    re.DOTALL,
)
_CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_WORD = r"[^\W\d_](?:[^\W_]|['’-](?=[^\W\d_]))*"
_RUN = re.compile(
    f"(?P<han>[{HAN_CLASS}]+)|(?P<word>(?:(?![{HAN_CLASS}]){_WORD[:8]}(?:(?![{HAN_CLASS}])[^\\W_]|['’-](?=[a-zA-Z]))*))"
)
_DIGIT = re.compile(r"\d")

_ENGLISH_GRAMMAR = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "as",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
        "will",
        "would",
        "can",
        "could",
        "should",
        "may",
        "might",
        "must",
        "shall",
        "not",
        "no",
        "and",
        "or",
        "but",
        "if",
        "then",
        "than",
        "that",
        "this",
        "these",
        "those",
        "it",
        "its",
        "he",
        "she",
        "they",
        "them",
        "his",
        "her",
        "their",
        "we",
        "our",
        "you",
        "your",
        "i",
        "my",
        "me",
        "us",
        "who",
        "whom",
        "which",
        "what",
        "when",
        "where",
        "why",
        "how",
        "into",
        "over",
        "under",
        "between",
        "after",
        "before",
        "during",
        "about",
    ]
)
_CHINESE_GRAMMAR = frozenset(
    "的了是在和与及或而但就也都不没有为被把从对于吗呢吧么什哪谁怎这那之其则且以并将会能可应需"
)


def han_share(text: str) -> float:
    """Share of Han characters among the letters of `text`'s prose, 0 to 1; 0 without letters.

    A word of another script counts as one letter. A term (a few words of one script without
    any grammar among them, inside text of the other script) counts as one letter as well, so
    that `什么是 Prefect work pool？` stays Chinese. Markup, references, addresses and code are
    not counted, unless there is nothing else.
    """
    han, latin, other, _ = _count(text)
    letters = han + latin + other
    return han / letters if letters else 0.0


def language_of(text: str) -> Language:
    """`zh` from a Han share of 0.7, `en` up to 0.15, `mixed` between, `other` for the rest.

    The rest is text of another script (Cyrillic, kana, ...) in more than a fifth of its
    letters, and text with hardly any letters. Languages in Latin letters are not told apart.
    """
    han, latin, other, digits = _count(text)
    letters = han + latin + other
    if not letters or letters < _LETTERS_FROM * (letters + digits):
        return "other"
    if other > _OTHER_FROM * letters:
        return "other"
    share = han / (han + latin) if han + latin else 0.0
    if share >= CHINESE_FROM:
        return "zh"
    return "en" if share <= ENGLISH_TO else "mixed"


def is_readable(text: str) -> bool:
    """False if more than 5 % of the visible characters of a text layer mean nothing.

    Those are private-use characters, U+FFFD, and the `(cid:12)` that stands for a glyph
    without a character. A text of no characters is readable.
    """
    unknown = len(_CID.findall(text))
    visible = unknown
    for character in _CID.sub("", text):
        if character.isspace():
            continue
        visible += 1
        if character == "\ufffd" or unicodedata.category(character) == "Co":
            unknown += 1
    return unknown <= _UNREADABLE_FROM * visible


_CID = re.compile(r"\(cid:\d+\)")


def _count(text: str) -> tuple[int, int, int, int]:
    """Han, Latin and other letters as `han_share` counts them, and digits."""
    prose = _NOT_PROSE.sub(" ", text)
    without_code = _CODE.sub(" ", prose)
    if any(character.isalpha() for character in without_code):
        prose = without_code
    han = latin = other = 0
    both = False
    runs: list[tuple[str, list[str]]] = []
    for match in _RUN.finditer(prose):
        script = "han" if match["han"] else _script(match["word"])
        if runs and runs[-1][0] == script:
            runs[-1][1].append(match[0])
        else:
            runs.append((script, [match[0]]))
    both = len({script for script, _ in runs}) > 1
    for script, words in runs:
        if script == "han":
            characters = "".join(words)
            han += 1 if both and _is_han_term(characters) else len(characters)
        elif script == "latin":
            latin += 1 if both and _is_latin_term(words) else len(words)
        else:
            other += len(words)
    return han, latin, other, len(_DIGIT.findall(prose))


def _script(word: str) -> str:
    first = word[0]
    return (
        "latin" if first.isascii() or unicodedata.name(first, "").startswith("LATIN") else "other"
    )


def _is_latin_term(words: list[str]) -> bool:
    return len(words) <= _TERM_WORDS and not any(w.lower() in _ENGLISH_GRAMMAR for w in words)


def _is_han_term(characters: str) -> bool:
    return len(characters) <= _TERM_HAN and not any(c in _CHINESE_GRAMMAR for c in characters)

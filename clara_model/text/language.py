"""The language of a text, by the share of Han characters; and whether a text can be read."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from clara_model.text.scripts import HAN_CLASS

Language = Literal["en", "zh", "mixed", "other"]

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
# Longer runs of words are prose even without grammar words among them.
_TERM_WORDS = 4
_TERM_HAN = 6

# Every repeat is bounded, or begins where no other can: text layers hold rows of thousands of
# dots, dashes and brackets.
_NOT_PROSE = re.compile(
    r"\[IMAGE_REF:[^\]]{0,200}\]|<!--.{0,500}?-->|</?[A-Za-z][^<>]{0,500}>"
    r"|!\[[^\]]{0,500}\]\([^)]{0,500}\)|(?<=\])\([^)\s]{0,500}\)"
    r"|(?:https?|ftp|s3|file)://[^\s<>\u3000-\u303f\uff00-\uffef]+|www\.[^\s\u3000-\u303f]+"
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}",
    re.DOTALL,
)
_CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_KANA = "\u3041-\u3096\u30a1-\u30fa\u30fc"
_LETTER = rf"[^\W\d_{HAN_CLASS}{_KANA}]"
_RUN = re.compile(
    rf"(?P<han>[{HAN_CLASS}]+)|(?P<kana>[{_KANA}]+)"
    rf"|(?P<word>{_LETTER}(?:{_LETTER}|\d|['’-](?={_LETTER}))*)"
)
_RUN_BORDER = re.compile(r"[.!?。！？；\n|]")
_FULL_STOP = re.compile(r"[.!?](?:\s|$)")
_DIGIT = re.compile(r"\d")
_CID = re.compile(r"\(cid:\d+\)")

_ENGLISH_GRAMMAR = re.compile(
    r"a|an|the|of|to|in|on|at|by|for|from|with|as|is|are|was|were|be|been|"
    r"being|am|do|does|did|has|have|had|will|would|can|could|should|may|might|"
    r"must|shall|not|no|and|or|but|if|then|than|that|this|these|those|it|its|"
    r"he|she|they|them|his|her|their|we|our|you|your|i|my|me|us|who|whom|"
    r"which|what|when|where|why|how|into|over|under|between|after|before|during|"
    r"about"
)
_CHINESE_GRAMMAR = re.compile(
    "[的了是在和与及或而但就也都不没有为被把从对于吗呢吧么什哪谁怎这那之其则且以并将会能可应需]"
)


def han_share(text: str) -> float:
    """Share of Han characters among the letters of `text`'s prose, 0 to 1; 0 without letters.

    A word of another script counts as one letter. Beside prose in one language, a term of the
    other (a few words or characters without any grammar among them) counts as one letter as
    well: `什么是 Prefect work pool？` stays Chinese. Markup, references, addresses and code are
    not counted, unless there is nothing else.
    """
    counts = _count(text)
    return counts.han / counts.letters if counts.letters else 0.0


def language_of(text: str) -> Language:
    """`zh` from a Han share of 0.7, `en` up to 0.15, `mixed` between, `other` for the rest.

    The rest is text of another script (Cyrillic, kana, ...) in more than a fifth of its
    letters, and text with hardly any letters. Languages in Latin letters are not told apart.
    """
    counts = _count(text)
    if not counts.letters or counts.letters < _LETTERS_FROM * (counts.letters + counts.digits):
        return "other"
    if counts.other > _OTHER_FROM * counts.letters:
        return "other"
    share = counts.han / (counts.han + counts.latin)
    if share >= CHINESE_FROM:
        return "zh"
    return "en" if share <= ENGLISH_TO else "mixed"


def is_readable(text: str) -> bool:
    """False if more than 5 % of the visible characters of a text layer mean nothing.

    Those are private-use characters, U+FFFD, and the `(cid:12)` that stands for a glyph
    without a character. A text without characters is readable.
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


@dataclass
class _Run:
    """Words or characters of one script that follow one another within a sentence."""

    script: Literal["han", "latin", "other"]
    size: int
    prose: bool


@dataclass(frozen=True)
class _Counts:
    han: int
    latin: int
    other: int
    digits: int

    @property
    def letters(self) -> int:
        return self.han + self.latin + self.other


def _count(text: str) -> _Counts:
    prose = _NOT_PROSE.sub(" ", text)
    without_code = _CODE.sub(" ", prose)
    if any(character.isalpha() for character in without_code):
        prose = without_code
    runs = _runs(prose)
    han_prose = any(run.prose for run in runs if run.script == "han")
    latin_prose = any(run.prose for run in runs if run.script == "latin")
    han = latin = other = 0
    for run in runs:
        if run.script == "han":
            han += 1 if latin_prose and not run.prose else run.size
        elif run.script == "latin":
            latin += 1 if han_prose and not run.prose else run.size
        else:
            other += run.size
    return _Counts(han, latin, other, len(_DIGIT.findall(prose)))


def _runs(prose: str) -> list[_Run]:
    runs: list[_Run] = []
    end = 0
    for match in _RUN.finditer(prose):
        piece = _piece(match)
        if (
            runs
            and runs[-1].script == piece.script
            and not _RUN_BORDER.search(prose, end, match.start())
        ):
            run = runs[-1]
            run.size += piece.size
            run.prose = run.prose or piece.prose
        else:
            run = piece
            runs.append(run)
        end = match.end()
        if run.script == "latin":
            run.prose |= run.size > _TERM_WORDS or (
                run.size > 2 and _FULL_STOP.match(prose, end) is not None
            )
        elif run.script == "han":
            run.prose |= run.size > _TERM_HAN
    return runs


def _piece(match: re.Match[str]) -> _Run:
    if characters := match["han"]:
        return _Run("han", len(characters), _CHINESE_GRAMMAR.search(characters) is not None)
    if characters := match["kana"]:
        return _Run("other", len(characters), False)
    word = match["word"]
    if word[0].isascii() or unicodedata.name(word[0], "").startswith("LATIN"):
        return _Run("latin", 1, _ENGLISH_GRAMMAR.fullmatch(word.lower()) is not None)
    return _Run("other", 1, False)

"""A shallow and cautious reading of one English sentence: subject, finite verb, the rest.

It refuses much: whatever it cannot read with the words of `english_lexicon` has no clause, and
no question is made of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tasks.synthesis.english_lexicon import (
    BE,
    CONJUNCTIONS,
    DETERMINERS,
    FINITE,
    HAVE,
    MODALS,
    PARTICIPLES,
    PREPOSITIONS,
    PRONOUNS,
    SUBORDINATORS,
)

_TOKEN = re.compile(r"\d[\d,.:]*\d|(?:[A-Za-z]\.){2,}|\w(?:[\w'’./&+-]*[\w+])?|[^\w\s]")
_SUBJECT_MAX_WORDS = 10
_PLURAL_NEXT = DETERMINERS | {"both", "two", "three", "four", "five", "six", "only", "different"}


@dataclass(frozen=True)
class Token:
    text: str
    start: int
    end: int

    @property
    def low(self) -> str:
        return self.text.lower()

    @property
    def is_word(self) -> bool:
        return self.text[0].isalnum()

    @property
    def is_capital(self) -> bool:
        return self.text[0].isupper() or self.text[0].isdigit()


VerbKind = Literal["be", "have", "modal", "main"]


@dataclass(frozen=True)
class Clause:
    """Token indices: the subject is [first, verb), the rest is [rest, end)."""

    tokens: tuple[Token, ...]
    first: int
    verb: int
    kind: VerbKind
    base: str
    auxiliary: str

    @property
    def rest(self) -> int:
        return self.verb + 1

    @property
    def subject(self) -> tuple[Token, ...]:
        return self.tokens[self.first : self.verb]

    @property
    def predicate(self) -> tuple[Token, ...]:
        return self.tokens[self.rest :]


def tokenise(text: str) -> tuple[Token, ...]:
    return tuple(Token(m[0], m.start(), m.end()) for m in _TOKEN.finditer(text))


def read_clause(tokens: tuple[Token, ...], first: int = 0) -> Clause | None:
    """The clause that starts at `first`, or None where anything about it is doubtful."""
    for index in range(first + 1, min(len(tokens), first + _SUBJECT_MAX_WORDS + 1)):
        found = _finite(tokens, first, index)
        if found is None:
            continue
        kind, base, auxiliary = found
        if not is_noun_phrase(tokens[first:index]) or _second_verb(tokens, index, kind):
            return None
        return Clause(tokens, first, index, kind, base, auxiliary)
    return None


def _finite(tokens: tuple[Token, ...], first: int, index: int) -> tuple[VerbKind, str, str] | None:
    low = tokens[index].low
    following = tokens[index + 1].low if index + 1 < len(tokens) else ""
    if low in BE:
        return "be", "be", low
    if low in MODALS:
        return "modal", low, low
    if low in HAVE:
        if is_participle(following) or following in ("been", "also", "not", "since"):
            return "have", "have", low
        return "main", "have", {"has": "does", "have": "do", "had": "did"}[low]
    form = FINITE.get(low)
    if form is None or tokens[index].is_capital:
        return None
    before = tokens[index - 1].low
    if before in DETERMINERS or before in PREPOSITIONS or before.endswith("'s"):
        return None
    if form.tense == "present_s":
        if not following or following in BE | MODALS | HAVE | {"of"}:
            return None
        return "main", form.base, "does"
    if form.tense == "past":
        if following == "by" or following in BE | MODALS | HAVE:
            return None
        return "main", form.base, "did"
    if before.endswith("s") and not before.endswith("ss") and following in _PLURAL_NEXT:
        return "main", form.base, "do"
    return None


def is_participle(word: str) -> bool:
    return word in PARTICIPLES or (word.endswith("ed") and len(word) > 4)


def is_noun_phrase(tokens: tuple[Token, ...]) -> bool:
    """Whether these tokens can be a subject: (DET) (ADJ|NOUN)+ (PREP (DET) NOUN+)*."""
    words = [token for token in tokens if token.is_word]
    if not words or len(words) > _SUBJECT_MAX_WORDS or words[-1].low in _NOT_LAST:
        return False
    if any(token.low in PRONOUNS for token in words):
        return False
    if any(not t.is_word and t.text not in "-'’\"“”&/(),." for t in tokens):
        return False
    if words[0].low in PREPOSITIONS | SUBORDINATORS or words[0].low.endswith("ly"):
        return False
    previous = ""
    for position, token in enumerate(words):
        low = token.low
        if low in BE | MODALS | HAVE or low == "not":
            return False
        opens = position == 0 or previous in PREPOSITIONS or previous in CONJUNCTIONS
        if low in DETERMINERS and not opens and previous not in ("all", "both"):
            return False
        if (
            is_participle(low)
            and not token.is_capital
            and previous not in DETERMINERS
            and position > 0
        ):
            return False
        if low.endswith("ing") and not token.is_capital and previous in PREPOSITIONS:
            return False
        if low in SUBORDINATORS - PREPOSITIONS - {"and", "or"}:
            return False
        previous = low
    if words[0].low.endswith("ing") and len(words) > 1 and words[1].low in DETERMINERS:
        return False
    return not _comma_list(tokens)


_NOT_LAST = PREPOSITIONS | CONJUNCTIONS | DETERMINERS | {"also", "only", "then", "still"}


def _comma_list(tokens: tuple[Token, ...]) -> bool:
    """A comma inside a subject is an apposition or a list: too much to read."""
    return any(token.text == "," for token in tokens)


def _second_verb(tokens: tuple[Token, ...], verb: int, kind: VerbKind) -> bool:
    """Whether another finite auxiliary follows with nothing that could introduce it."""
    for index in range(verb + 1, len(tokens)):
        token = tokens[index]
        if not token.is_word or token.low in SUBORDINATORS or token.low in PRONOUNS:
            return False
        if token.low == "to":
            return False
        if token.low in BE | MODALS:
            return True
        if token.low in HAVE and kind != "modal":
            return True
    return False

"""A shallow and cautious reading of one English sentence: subject, finite verb, the rest.

It refuses much: whatever it cannot read with the words of `lexicon` has no clause, and
no question is made of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tasks.synthesis.english.lexicon import (
    BASES,
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
from tasks.synthesis.wordlist import words

# The full stop of an initial or a title is no end of a sentence.
_TOKEN = re.compile(
    r"(?:[A-Z]|St|Ste|Dr|Mr|Mrs|Ms|Jr|Sr|No|Mt|Ft|Lt|Gen|Col|Capt|Sgt|Prof|Rev|Gov|Sen|Inc|Co"
    r"|Ltd|Corp|vs)\.(?=\s+\w)|"
    r"\d[\d,.:]*\d|(?:[A-Za-z]\.){2,}|\w(?:[\w'’./&+-]*[\w+])?|[^\w\s]"
)
_SUBJECT_MAX_WORDS = 10
_VERB_WITHIN = 24
_PARTICLES = frozenset(
    words("""
        up down out off away back over together forward around underground apart aside along
    """)
)
_PLURAL_NEXT = DETERMINERS | {"both", "two", "three", "four", "five", "six", "only", "different"}


_INTRANSITIVE = frozenset(
    words("work live operate remain appear stand lie exist begin start occur flow rotate end")
)
_TIMES = frozenset(words("day week month year season time morning evening night summer winter"))
WITH_PREPOSITION = frozenset(
    {("consist", "of"), ("refer", "to"), ("belong", "to"), ("depend", "on"), ("lead", "to")}
    | {("result", "in"), ("serve", "as"), ("apply", "to"), ("focus", "on"), ("relate", "to")}
    | {("correspond", "to"), ("contribute", "to"), ("range", "from"), ("deal", "with")}
    | {("rely", "on"), ("respond", "to"), ("react", "with"), ("interact", "with")}
    | {("differ", "from"), ("specialise", "in"), ("specialize", "in"), ("work", "as")}
)


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
    """Token indices: the subject is [first, subject_end), the rest begins after the verb."""

    tokens: tuple[Token, ...]
    first: int
    subject_end: int
    verb: int
    kind: VerbKind
    base: str
    auxiliary: str
    adverb: str = ""

    @property
    def rest(self) -> int:
        return self.verb + 1

    @property
    def subject(self) -> tuple[Token, ...]:
        return self.tokens[self.first : self.subject_end]

    @property
    def predicate(self) -> tuple[Token, ...]:
        return self.tokens[self.rest :]


def tokenise(text: str) -> tuple[Token, ...]:
    return tuple(Token(m[0], m.start(), m.end()) for m in _TOKEN.finditer(text))


def read_clause(tokens: tuple[Token, ...], first: int = 0) -> Clause | None:
    """The clause that starts at `first`, or None where anything about it is doubtful."""
    for index in range(first + 1, min(len(tokens), first + _VERB_WITHIN)):
        found = _finite(tokens, first, index)
        if found is None:
            continue
        kind, base, auxiliary = found
        end = _apposition(tokens, first, index)
        adverb = ""
        last = tokens[end - 1]
        manner = last.low.endswith("ly") and last.text.islower() and len(last.low) > 4
        if end - first > 1 and (last.low in _BEFORE_VERB or manner):
            end -= 1
            adverb = last.low if last.low not in ("also", "still", "now") else ""
        if not is_noun_phrase(tokens[first:end]) or _second_verb(tokens, index, kind):
            return None
        return Clause(tokens, first, end, index, kind, base, auxiliary, adverb)
    return None


def _apposition(tokens: tuple[Token, ...], first: int, verb: int) -> int:
    """Where the subject ends: before the first comma of "NAME, a maker of pumps, was ..."."""
    commas = [i for i in range(first, verb) if tokens[i].text == ","]
    named = tokens[first].is_capital and tokens[first].low not in DETERMINERS
    if len(commas) == 2 and commas[1] == verb - 1 and named:
        opens = tokens[commas[0] + 1].low
        if opens in ("a", "an", "the"):
            return commas[0]
    return verb


def second_clause(clause: Clause, start: int, end: int) -> Clause | None:
    """The predicate after an "and" between `start` and `end`, with the same subject."""
    tokens = clause.tokens
    for index in range(start, min(end, len(tokens) - 2)):
        if tokens[index].text == "," or tokens[index].low in SUBORDINATORS - {"and"}:
            return None
        if tokens[index].low != "and":
            continue
        low = tokens[index + 1].low
        form = FINITE.get(low)
        if low in BE or (form and form.tense == "past" and clause.auxiliary in _PAST):
            # The word before stands in for the subject: only what follows is looked at.
            found = _finite(tokens, index, index + 1)
            if found is None or _second_verb(tokens, index + 1, found[0]):
                return None
            kind, base, auxiliary = found
            return Clause(
                tokens, clause.first, clause.subject_end, index + 1, kind, base, auxiliary
            )
    return None


_PAST = frozenset({"was", "were", "did", "had"})


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
    if before in DETERMINERS or before in PREPOSITIONS or before.endswith(("'s", "’s")):
        return None
    if form.tense == "present_s":
        stands = form.base in _INTRANSITIVE or (form.base, following) in WITH_PREPOSITION
        if following in PREPOSITIONS | {"to"} and not stands:
            return None
        if not following or following in _NO_OBJECT:
            return None
        return "main", form.base, "does"
    if form.tense == "past":
        if following == "by" or following in BE | MODALS | HAVE | _PARTICLES:
            return None
        return "main", form.base, "did"
    if before.endswith("s") and not before.endswith("ss") and following in _PLURAL_NEXT:
        return "main", form.base, "do"
    return None


_BEFORE_VERB = frozenset(
    words("""
        also still now both all usually often always generally typically normally never only
    """)
)
_NOT_PAST = frozenset(
    words("""
    need seed feed speed weed reed hundred indeed shed sled embed breed
""")
)
_NO_OBJECT = BE | MODALS | HAVE | BASES | _PARTICLES | CONJUNCTIONS | {"of"}


def is_participle(word: str) -> bool:
    return word in PARTICIPLES or (word.endswith("ed") and len(word) > 3 and word not in _NOT_PAST)


def is_noun_phrase(tokens: tuple[Token, ...]) -> bool:
    """Whether these tokens can be a subject: (DET) (ADJ|NOUN)+ (PREP (DET) NOUN+)*."""
    found = [token for token in tokens if token.is_word]
    if not found or len(found) > _SUBJECT_MAX_WORDS or found[-1].low in _NOT_LAST:
        return False
    if len(found) > 1 and found[1].low in _TIMES and found[0].low in ("each", "every", "one"):
        return False
    if any(token.low in PRONOUNS for token in found) or found[0].low in ("too", "so", "very"):
        return False
    if any(t.low in ("later", "earlier", "ago") for t in found[1:-1]):
        return False
    if any(not t.is_word and t.text not in "-'’\"“”&/(),." for t in tokens):
        return False
    if found[0].low in PREPOSITIONS | SUBORDINATORS or found[0].low.endswith("ly"):
        return False
    previous = ""
    for position, token in enumerate(found):
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
        if low in ("to", "until", "than", "like", "as", "including", "since", "before", "after"):
            return False
        if low in SUBORDINATORS - PREPOSITIONS - {"and", "or"}:
            return False
        previous = low
    if found[0].low.endswith("ing") and len(found) > 1 and found[1].low in DETERMINERS:
        return False
    return not _comma_list(tokens)


_NOT_LAST = (
    PREPOSITIONS
    | CONJUNCTIONS
    | DETERMINERS
    | {"also", "only", "then", "still", "first", "second", "third", "last", "next", "rest", "other"}
    | {"former", "latter", "following", "majority", "two", "three", "four", "later", "too"}
)


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

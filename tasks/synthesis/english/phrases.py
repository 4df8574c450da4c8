"""Pieces of a clause, and how a question is put together from them."""

from __future__ import annotations

import re

from tasks.synthesis.english.clause import Clause, Token, is_participle
from tasks.synthesis.english.lexicon import (
    BE,
    CONJUNCTIONS,
    DETERMINERS,
    FINITE,
    HAVE,
    MODALS,
    PERSON_NOUNS,
    PREPOSITIONS,
    SUBORDINATORS,
)
from tasks.synthesis.english.sentence import Sentence, lower_first, phrase
from tasks.synthesis.passage import Span

_CUTTING = SUBORDINATORS | {"with", "making", "including", "although", "thus", "for", "such"}
_PERSON_SUFFIX = re.compile(r"(?!check|play|short|wait)\w{3,}(?:ist|cian|woman|man)|\w+ologist")


def question(sentence: Sentence, wh: str, clause: Clause, rest: str) -> str:
    """`wh` with the auxiliary of the clause fronted, or "do" for a main verb."""
    verb = clause.base if clause.kind == "main" else ""
    return finish(sentence, [wh, clause.auxiliary, sentence.subject, clause.adverb, verb, rest])


def finish(sentence: Sentence, parts: list[str]) -> str:
    text = " ".join(part for part in parts if part)
    text = sentence.prefix + lower_first(text) if sentence.prefix else text
    return re.sub(r"\s+([,;:.?])", r"\1", text).rstrip(" ,;:.") + "?"


def clause_end(tokens: tuple[Token, ...], start: int) -> int:
    """Index after the last token of what belongs closely to the clause."""
    for index in range(start, len(tokens)):
        token = tokens[index]
        following = tokens[index + 1].low if index + 1 < len(tokens) else ""
        if token.text in (";", ":", "—", "–", "-") and not _tight(tokens, index):
            return index
        if token.text == "," and following in CONJUNCTIONS:
            if _starts_clause(tokens, index + 2):
                return index
        elif token.text == "," and (following in _CUTTING or following.endswith("ing")):
            return index
        if index > start and token.low in CONJUNCTIONS and _starts_verb(tokens, index + 1):
            return index
    return len(tokens)


def _tight(tokens: tuple[Token, ...], index: int) -> bool:
    """A hyphen or dash inside a word or a range of numbers."""
    return 0 < index < len(tokens) - 1 and (
        tokens[index - 1].end == tokens[index].start
        and tokens[index].end == tokens[index + 1].start
    )


def _starts_clause(tokens: tuple[Token, ...], start: int) -> bool:
    """Whether a verb follows before the next comma: then "and" joins clauses, not nouns."""
    if _starts_verb(tokens, start):
        return True
    for index in range(start, min(len(tokens), start + 10)):
        if tokens[index].text in (",", ";"):
            return False
        if tokens[index].low in BE | MODALS | HAVE or _starts_verb(tokens, index):
            return True
    return False


def _starts_verb(tokens: tuple[Token, ...], index: int) -> bool:
    if index >= len(tokens):
        return False
    low = tokens[index].low
    if low in BE | HAVE | MODALS or low in ("he", "she", "it", "they", "then", "later", "was"):
        return True
    following = tokens[index + 1].low if index + 1 < len(tokens) else ""
    if (
        low.endswith("ed")
        and is_participle(low)
        and following in DETERMINERS | PREPOSITIONS | {"to"}
    ):
        return True
    form = FINITE.get(low)
    return form is not None and form.tense != "present" and not tokens[index].is_capital


def span_of(tokens: tuple[Token, ...]) -> Span:
    return Span(tokens[0].start, tokens[-1].end)


def trimmed(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    while tokens and (not tokens[-1].is_word and tokens[-1].text not in "\"”'’%°"):
        tokens = tokens[:-1]
    return tokens


def fronted(sentence: Sentence) -> str:
    """The adverbial at the head of the sentence, to stand at the end of the question."""
    if not sentence.fronted:
        return ""
    return lower_first(phrase(sentence.text, sentence.fronted))


def names_only(tokens: tuple[Token, ...]) -> bool:
    """Commas that stand before a capital belong to names of places."""
    commas = [i for i, t in enumerate(tokens) if t.text == ","]
    return all(i + 1 < len(tokens) and tokens[i + 1].text[0].isupper() for i in commas)


def kept_after(tokens: tuple[Token, ...], last: Token) -> tuple[Token, ...]:
    """What follows a time phrase and still belongs to the question: "by John", "in Berlin"."""
    start = tokens.index(last) + 1
    if start >= len(tokens) or tokens[start].low not in PREPOSITIONS:
        return ()
    end = start
    while (
        end < len(tokens)
        and tokens[end].is_word
        and (tokens[end].low not in SUBORDINATORS - PREPOSITIONS)
    ):
        end += 1
    # "on August 10, 2021": a date that goes on past the comma is left out whole.
    if end + 1 < len(tokens) and tokens[end].text == "," and tokens[end + 1].text[0].isdigit():
        return ()
    return tokens[start:end]


def noun_end(tokens: tuple[Token, ...], start: int) -> int:
    end = start
    while (
        end < len(tokens)
        and tokens[end].is_word
        and (tokens[end].low not in (SUBORDINATORS | PREPOSITIONS) - {"of", "and"})
    ):
        end += 1
    return end


def without_trailing_function_words(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    while tokens and (tokens[-1].low in PREPOSITIONS | DETERMINERS | CONJUNCTIONS):
        tokens = trimmed(tokens[:-1])
    return tokens


def person_complement(words: list[Token]) -> bool:
    """Whether "an American actor and director who ..." names a person before its first clause."""
    for token in words[1:10]:
        if token.low in PREPOSITIONS or token.low in SUBORDINATORS - {"and", "or"}:
            return False
        if token.low in PERSON_NOUNS or _PERSON_SUFFIX.fullmatch(token.low):
            return True
    return False


def be_like(clause: Clause) -> str:
    past = clause.auxiliary in ("was", "were", "did", "had")
    return "was" if past else "is"


def is_number_range(tokens: tuple[Token, ...], index: int) -> bool:
    """The "to" of "5 to 15 metres"."""
    around = tokens[index - 1 : index] + tokens[index + 1 : index + 2]
    return tokens[index].low == "to" and all(t.text[0].isdigit() for t in around)

"""What, how many and how much: answers are objects and numbers of the clause."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate, Frame
from tasks.synthesis.english.clause import WITH_PREPOSITION, Clause, Token
from tasks.synthesis.english.lexicon import (
    BASES,
    BE,
    CONJUNCTIONS,
    DETERMINERS,
    HAVE,
    INTRANSITIVE,
    MODALS,
    POINTING_BACK,
    PREPOSITIONS,
    SUBORDINATORS,
)
from tasks.synthesis.english.phrases import (
    clause_end,
    finish,
    fronted,
    is_number_range,
    question,
    span_of,
    trimmed,
)
from tasks.synthesis.english.sentence import Sentence, phrase
from tasks.synthesis.english.when import _SPEECH
from tasks.synthesis.labels import ATTRIBUTES
from tasks.synthesis.wordlist import words

_OBJECT_ENDS = frozenset(
    words("""
        in on at during after before until since by from when to for with as because while
        through if unless where under between over via against without among within
    """)
)
_PASSIVE_PREPOSITIONS = frozenset(
    {("based", "on"), ("made", "of"), ("made", "from"), ("composed", "of"), ("divided", "into")}
    | {("connected", "to"), ("attached", "to"), ("derived", "from"), ("equipped", "with")}
    | {("used", "for"), ("used", "as"), ("designed", "for"), ("intended", "for")}
    | {("named", "after"), ("known", "as"), ("known", "for"), ("limited", "to")}
    | {("dedicated", "to"), ("affiliated", "with"), ("associated", "with"), ("split", "into")}
    | {("responsible", "for"), ("famous", "for"), ("similar", "to"), ("compatible", "with")}
    | {("suitable", "for"), ("capable", "of"), ("satisfied", "with"), ("dissatisfied", "with")}
    | {("involved", "in"), ("related", "to"), ("subject", "to"), ("native", "to"), ("home", "to")}
    | {("equal", "to"), ("written", "in"), ("measured", "in"), ("described", "as")}
    | {("regarded", "as"), ("classified", "as"), ("defined", "as"), ("treated", "with")}
    | {("filled", "with"), ("covered", "with"), ("fitted", "with"), ("supplied", "with")}
    | {("considered", "as"), ("expressed", "in"), ("required", "for"), ("responsible", "to")}
    | {("sensitive", "to"), ("resistant", "to"), ("available", "in"), ("available", "for")}
    | {("part", "of"), ("followed", "by"), ("caused", "by"), ("removed", "by"), ("ready", "for")}
    | {("converted", "into"), ("grouped", "into"), ("stored", "in"), ("replaced", "with")}
)
_COUNT_VERBS = frozenset(
    words("have contain include comprise feature provide offer support use require hold house")
)
_MEETING = frozenset(words("marry defeat succeed replace beat meet hire appoint elect name sue"))
_NAMING = frozenset(words("called named considered termed dubbed titled nicknamed deemed"))
_LIGHT = frozenset(
    words("""
        make take get give go come set run do have see find keep put turn remain place stand
        fall lie bring know mean hear tell deal ask call
    """)
)
_DURATIONS = frozenset(words("days weeks months years hours minutes"))
_ADVERBS = frozenset(
    words("""
        best better well worse less far together twice once also again still even just too
        afterwards later sooner more most gentler faster slower higher lower well
    """)
)
_ABOUT = frozenset(
    words("""
    about approximately around roughly only at least most below above up to
""")
)
_DIMENSIONS = frozenset(
    words("""
    times fold old long wide high tall deep more less as across per
""")
)
_NUMBER = re.compile(r"\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty")


def ask_count(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    predicate = clause.predicate
    if clause.kind != "main" or clause.base not in _COUNT_VERBS or len(predicate) < 2:
        return
    if _NUMBER.fullmatch(predicate[0].low) and predicate[1].low.endswith("s"):
        end = 1
        while (
            end < len(predicate)
            and end < 4
            and predicate[end].is_word
            and (predicate[end].low not in PREPOSITIONS | SUBORDINATORS)
        ):
            end += 1
        if not predicate[end - 1].low.endswith("s"):
            return
        nouns = phrase(sentence.text, predicate[1:end])
        yield Candidate(
            "fact",
            question(sentence, f"How many {nouns}", clause, fronted(sentence)),
            span_of(predicate[:end]),
            "en",
            0.92,
            "count",
            Frame("count", sentence.subject, nouns),
        )
        return
    if predicate[0].low not in ("a", "an", "the"):
        return
    for index in range(2, min(len(predicate) - 1, 6)):
        if predicate[index].low == "of" and predicate[index + 1].text[0].isdigit():
            attribute = phrase(sentence.text, predicate[1:index])
            if predicate[index - 1].low not in ATTRIBUTES:
                return
            end = clause_end(clause.tokens, clause.rest + index + 1) - clause.rest
            stop = index + 1
            while (
                stop < end
                and predicate[stop].is_word
                and (stop < index + 4 and predicate[stop].low not in SUBORDINATORS | {"in", "at"})
            ):
                stop += 1
            yield Candidate(
                "fact",
                question(sentence, f"What {attribute}", clause, ""),
                span_of(predicate[index + 1 : stop]),
                "en",
                0.93,
                "quantity",
                Frame("value", sentence.subject, attribute),
            )
            return


def ask_object(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    predicate = clause.tokens[clause.rest : clause_end(clause.tokens, clause.rest)]
    if len(predicate) < 2:
        return
    particle = ""
    start = 0
    if clause.kind == "be" and predicate[0].low in _NAMING and predicate[1].low != "by":
        if predicate[1].low in PREPOSITIONS:
            return
        particle = predicate[0].text
        start = 1
    elif clause.kind == "be":
        if (predicate[0].low, predicate[1].low) not in _PASSIVE_PREPOSITIONS:
            return
        particle = f"{predicate[0].text} {predicate[1].text}"
        start = 2
    elif clause.kind == "main":
        if (clause.base, predicate[0].low) in WITH_PREPOSITION:
            particle = predicate[0].text
            start = 1
        elif clause.base in _LIGHT | INTRANSITIVE or predicate[0].low in PREPOSITIONS | {
            "to",
            "not",
        }:
            return
        if clause.base in _SPEECH and predicate[0].low != "that":
            return
    elif clause.kind == "modal":
        verb = 1 if predicate[0].low in ("never", "also", "only", "still", "not") else 0
        base = predicate[verb].low
        if (
            base not in BASES - {"be"}
            or base in _LIGHT | INTRANSITIVE | _SPEECH
            or verb + 1 >= len(predicate)
        ):
            return
        if predicate[verb + 1].low in PREPOSITIONS | {"to"}:
            return
        particle = phrase(sentence.text, predicate[: verb + 1])
        start = verb + 1
    else:
        return
    end = len(predicate) if predicate[start].low == "that" else start + 1
    while (
        end < len(predicate)
        and (predicate[end].low not in _OBJECT_ENDS or is_number_range(predicate, end))
        and (predicate[end].low not in SUBORDINATORS - {"and", "or"})
    ):
        end += 1
    answer = trimmed(predicate[start:end])
    rest = predicate[end:]
    # "50 percent voting and 50 percent from a jury": what follows belongs to the last part alone.
    if rest and any(t.low in ("and", "or") for t in answer):
        answer, rest = trimmed(predicate[start:]), ()
    if not _good_object(answer) or any(t.low in SUBORDINATORS - PREPOSITIONS for t in rest):
        answer, rest = trimmed(predicate[start:]), ()
        if not _good_object(answer):
            return
    if len(answer) > 28 or any(t.text == "," for t in rest) or len(rest) > 14:
        return
    tail = phrase(sentence.text, trimmed(rest))
    if any(t.low in POINTING_BACK for t in rest) and not sentence.named:
        return
    met = clause.base in _MEETING and answer[0].text[0].isupper() and answer[0].low != "the"
    wh = "Who" if met else "What"
    yield Candidate(
        "fact",
        question(sentence, wh, clause, " ".join(filter(None, (particle, tail, fronted(sentence))))),
        span_of(answer),
        "en",
        0.72 if sentence.named else 0.62,
        "object",
        _object_frame(sentence, clause, particle, tail),
    )


def _object_frame(sentence: Sentence, clause: Clause, particle: str, tail: str) -> Frame | None:
    """Only a question of subject and verb alone goes into the other language."""
    if tail or sentence.fronted or clause.kind == "modal":
        return None
    if clause.auxiliary == "did" and clause.base not in ("win", "study", "cause", "lead"):
        return None
    relation = particle if clause.kind == "be" else f"{clause.base} {particle}".strip()
    return Frame("contains", sentence.subject, relation)


def _good_object(answer: tuple[Token, ...]) -> bool:
    words = [t for t in answer if t.is_word]
    if not words or not (answer[0].is_word or answer[0].text in '"“'):
        return False
    if sum(t.text in '"“”' for t in answer) % 2:
        return False
    if any(t.text == "–" or t.low in _DURATIONS for t in answer[1:]) and len(words) < 6:
        return False
    if words[0].low in POINTING_BACK or words[0].low in BE | MODALS | HAVE:
        return False
    if (
        (words[-1].low.endswith("ing") and len(words) > 2)
        or words[-1].low in ("such", "time", "times", "while", "across")
        or words[0].low in _ADVERBS
        or words[0].low.endswith("ly")
        or words[-1].low in PREPOSITIONS | DETERMINERS | CONJUNCTIONS
    ):
        return False
    return len(words) >= 2 or words[0].is_capital


def ask_deed(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    """What somebody did at a time or an occasion that the sentence names first."""
    if clause.kind != "main" or not sentence.fronted or sentence.fronted[-1].low in POINTING_BACK:
        return
    if not (sentence.named and (sentence.person or sentence.replaced)):
        return
    end = clause_end(clause.tokens, clause.rest)
    answer = trimmed(clause.tokens[clause.verb : end])
    if len(answer) < 4 or len(sentence.fronted) > 9:
        return
    yield Candidate(
        "fact",
        finish(sentence, ["What", clause.auxiliary, sentence.subject, "do", fronted(sentence)]),
        span_of(answer),
        "en",
        0.6,
        "deed",
    )


def ask_measure(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    """ "The pore size is about 0.1 µm": what is the pore size?"""
    predicate = clause.predicate
    if clause.kind != "be" or sentence.replaced or not predicate:
        return
    start = 0
    while start < len(predicate) and predicate[start].low in _ABOUT:
        start += 1
    if start >= len(predicate) or not re.fullmatch(r"\d[\d,.]*", predicate[start].text):
        return
    end = start + 1
    while (
        end < len(predicate)
        and (predicate[end].is_word or predicate[end].text in "%/°·²³µ")
        and (
            predicate[end].low not in _OBJECT_ENDS | {"and", "or"}
            or is_number_range(predicate, end)
        )
    ):
        end += 1
    answer = trimmed(predicate[:end])
    if not 2 <= len(answer) <= 8 or any(t.low in _DIMENSIONS for t in answer):
        return
    tail = trimmed(predicate[end : clause_end(clause.tokens, clause.rest) - clause.rest])
    if any(t.low in SUBORDINATORS - PREPOSITIONS or t.text == "," for t in tail):
        tail = ()
    yield Candidate(
        "fact",
        finish(
            sentence,
            ["What", clause.auxiliary, sentence.subject, phrase(sentence.text, tail)],
        ),
        span_of(answer),
        "en",
        0.85,
        "measure",
    )

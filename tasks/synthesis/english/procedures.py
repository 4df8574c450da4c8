"""English questions about conditions, procedures and means: what one does, and what happens if."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate
from tasks.synthesis.english.clause import Token
from tasks.synthesis.english.lexicon import (
    BASES,
    BE,
    FINITE,
    HAVE,
    IMPERATIVES,
    MODALS,
    POINTING_BACK,
    PREPOSITIONS,
    PRONOUNS,
    SUBORDINATORS,
)
from tasks.synthesis.english.phrases import clause_end, question
from tasks.synthesis.english.sentence import TIME_PHRASE, Sentence, lower_first, phrase
from tasks.synthesis.passage import Span

MAX_ANSWER_WORDS = 40
_TIME_FIRST = re.compile(TIME_PHRASE.pattern + r",\s+")
_CONTEXT = "In the context of {topic}, "


def answer_from(sentence: Sentence, first: Token) -> Span | None:
    tokens = [t for t in sentence.tokens if t.start >= first.start and t.is_word]
    if not 3 <= len(tokens) <= MAX_ANSWER_WORDS:
        return None
    return Span(first.start, sentence.answer_end)


def ask_condition(sentence: Sentence, topic: str) -> Iterator[Candidate]:
    lead = sentence.lead
    if len(lead) < 4 or lead[0].low not in ("if", "when", "unless", "whenever"):
        return
    if any(t.low in POINTING_BACK for t in lead) or any(not t.is_word for t in lead):
        return
    finite = any(t.low in BE | HAVE | MODALS or t.low in FINITE for t in lead[2:])
    if lead[1].low in PREPOSITIONS or not finite:
        return
    start = next(i for i, t in enumerate(sentence.tokens) if t.start > lead[-1].start) + 1
    main = sentence.tokens[start:]
    if len(main) < 3 or not main[0].is_word:
        return
    past = any(
        t.low in ("was", "were", "had") or (t.low in FINITE and FINITE[t.low].tense == "past")
        for t in main[1:]
    )
    condition = lower_first(phrase(sentence.text, lead))
    head = "then" if main[0].low == "then" else main[0].low
    if main[0].low == "then":
        main = main[1:]
        head = main[0].low
    second = main[1].low if len(main) > 1 else ""
    if head in IMPERATIVES and second not in BE | MODALS and not past:
        wh = "What should you do"
    elif head == "you" and second in ("should", "must", "need", "can", "have", "may"):
        wh = "What can you do" if second in ("can", "may") else "What should you do"
    elif head in PRONOUNS and head not in ("it", "there", "they"):
        return
    else:
        wh = "What happened" if past else "What happens"
        if not any(t.low in BE | HAVE | MODALS or t.low in FINITE for t in main[1:]):
            return
        if past and lead[0].low == "if":
            return
    named = any(t.is_capital for t in lead[1:])
    prefix = "" if named or not topic else _CONTEXT.format(topic=topic)
    answer = answer_from(sentence, main[0])
    if answer is None:
        return
    yield Candidate(
        "fact",
        prefix + (lower_first(wh) if prefix else wh) + f" {condition}?",
        answer,
        "en",
        0.78 if named or topic else 0.6,
        "condition",
    )


def ask_procedure(sentence: Sentence, topic: str) -> Iterator[Candidate]:
    lead = sentence.lead
    if len(lead) < 3 or lead[0].low != "to" or lead[1].low not in BASES | IMPERATIVES:
        return
    if any(t.low in POINTING_BACK for t in lead) or any(not t.is_word for t in lead):
        return
    start = next(i for i, t in enumerate(sentence.tokens) if t.start > lead[-1].start) + 1
    main = sentence.tokens[start:]
    if len(main) < 3:
        return
    if main[0].low not in IMPERATIVES and main[0].low != "you":
        return
    answer = answer_from(sentence, main[0])
    if answer is None:
        return
    goal = lower_first(phrase(sentence.text, lead[1:]))
    named = any(t.is_capital for t in lead[1:])
    prefix = "" if named or not topic else _CONTEXT.format(topic=topic)
    yield Candidate(
        "fact",
        prefix + ("how" if prefix else "How") + f" do you {goal}?",
        answer,
        "en",
        0.92,
        "procedure",
    )


def ask_means(sentence: Sentence) -> Iterator[Candidate]:
    """ "X can be reset by pressing the button": how can X be reset?"""
    clause = sentence.clause
    if clause is None or sentence.lead or clause.kind not in ("modal", "be", "main"):
        return
    predicate = clause.predicate
    for index in range(1, len(predicate) - 2):
        if predicate[index].low != "by" or not predicate[index + 1].low.endswith("ing"):
            continue
        if any(t.low in SUBORDINATORS or t.text == "," for t in predicate[:index]):
            return
        end = clause_end(sentence.tokens, clause.rest + index + 2)
        last = sentence.tokens[end - 1]
        yield Candidate(
            "fact",
            question(sentence, "How", clause, phrase(sentence.text, predicate[:index])),
            Span(predicate[index].start, last.end),
            "en",
            0.9,
            "means",
        )
        return


_KINDS = re.compile(
    r"There (?P<be>are|were) (?P<n>\d+|two|three|four|five|six|seven|eight|nine|ten|twelve) "
    r"(?P<what>(?:[a-z-]+ ){0,2}[a-z]+s(?: (?:of|in|for|on) [^,.:;]{3,50})?)[,.:;]"
)


def ask_kinds(sentence: Sentence, topic: str) -> Iterator[Candidate]:
    """ "There are three kinds of filter": how many are there?"""
    found = _KINDS.match(sentence.text, sentence.span.start, sentence.span.end)
    if found is None:
        return
    named = " " in found["what"] or not topic
    prefix = "" if named else _CONTEXT.format(topic=topic)
    how = "How" if named else "how"
    yield Candidate(
        "fact",
        f"{prefix}{how} many {found['what']} {found['be']} there?",
        Span(found.start("n"), found.end("what")),
        "en",
        0.85,
        "kinds",
    )


def ask_happened(sentence: Sentence, topic: str) -> Iterator[Candidate]:
    """ "In March 2007, ..." of a sentence whose clause is too much to take apart."""
    found = _TIME_FIRST.match(sentence.text, sentence.span.start, sentence.span.end)
    if found is None or not topic:
        return
    main = tuple(t for t in sentence.tokens if t.start >= found.end())
    if len(main) < 5 or not (main[0].text[0].isupper() or main[0].low in ("the", "a", "an")):
        return
    if main[0].low in POINTING_BACK | PRONOUNS or main[-1].end - main[0].start > 260:
        return
    past = any(
        t.low in ("was", "were", "had") or (t.low in FINITE and FINITE[t.low].tense == "past")
        for t in main[1:14]
    )
    if not past:
        return
    date = found["date"].strip()
    yield Candidate(
        "fact",
        f"{_CONTEXT.format(topic=topic)}what happened {found['prep'].lower()} {date}?",
        Span(main[0].start, sentence.answer_end),
        "en",
        0.5,
        "happened",
    )

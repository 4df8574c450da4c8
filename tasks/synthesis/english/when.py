"""When, where and how often: answers are phrases of time and place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate, Frame
from tasks.synthesis.english.clause import Clause
from tasks.synthesis.english.lexicon import PREPOSITIONS, SUBORDINATORS
from tasks.synthesis.english.phrases import (
    clause_end,
    fronted,
    kept_after,
    names_only,
    noun_end,
    question,
    span_of,
    trimmed,
    without_trailing_function_words,
)
from tasks.synthesis.english.sentence import Sentence, phrase, time_phrases
from tasks.synthesis.english.who import _CLAUSE_WORDS
from tasks.synthesis.passage import Span
from tasks.synthesis.wordlist import words

_PLACE_PARTICIPLES = frozenset(
    words("""
        born located situated held based built headquartered buried founded established raised
        filmed recorded stationed educated killed
    """)
)
_SPEECH = frozenset(words("note say state announce argue write claim suggest think believe"))
_WHERE_VERBS = {
    ("move", "to"): "to",
    ("relocate", "to"): "to",
    ("travel", "to"): "to",
    ("return", "to"): "to",
    ("emigrate", "to"): "to",
    ("graduate", "from"): "from",
    ("live", "in"): "",
    ("die", "in"): "",
    ("die", "at"): "",
    ("work", "at"): "",
    ("study", "at"): "",
    ("operate", "in"): "",
    ("occur", "in"): "",
    ("reside", "in"): "",
    ("settle", "in"): "",
}
_THINGS_ONLY = frozenset(words("released opened closed formed built published held completed"))
_WITHOUT_OBJECT = frozenset(
    words("""
        die begin start end open close retire occur happen arrive emerge appear disband launch
    """)
)
_EVERY = re.compile(
    r"\b(?:every (?:\w+ )?(?:second|minute|hour|day|week|month|year)s?"
    r"|(?:once|twice) (?:a|per|every) (?:\w+ )?(?:day|week|month|year))\b"
)


def ask_when(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    end = clause_end(clause.tokens, clause.rest)
    last = clause.tokens[end - 1].end
    phrases = [
        match
        for match in time_phrases(sentence)
        if match.end() <= last
        and (match.start() >= clause.tokens[clause.verb].end or sentence.fronted)
    ]
    if len(phrases) != 1:
        return
    match = phrases[0]
    if re.match(r"(?:,| and| or|/)\s*(?:[12]\d{3}|in\b|again)", sentence.text[match.end() :]):
        return
    inside = [t for t in clause.tokens if match.start() <= t.start < match.end()]
    following = next((t for t in clause.tokens if t.start >= match.end()), None)
    # "after the 2009 season": the year belongs to a noun.
    if (
        following is not None
        and following.text[0].islower()
        and (
            following.low not in PREPOSITIONS | SUBORDINATORS
            and match.end() > sentence.span.start + 40
        )
    ):
        return
    after_verb = match.start() >= clause.tokens[clause.verb].end
    if after_verb:
        index = clause.tokens.index(inside[0])
        if any(t.low in _CLAUSE_WORDS for t in clause.tokens[clause.rest : index]):
            return
        kept = (*clause.tokens[clause.rest : index], *kept_after(clause.tokens, inside[-1]))
    elif (
        sentence.fronted
        and sentence.fronted[0].start == match.start()
        and (sentence.fronted[-1].end == match.end())
    ):
        kept = clause.tokens[clause.rest : end]
        # "noted ... that": what was noted must be in the question.
        if end < len(clause.tokens) and clause.tokens[end].text in (":", "—"):
            return
    else:
        return
    kept = trimmed(kept)
    if clause.base in _SPEECH and not any(t.low in ("that", "his", "her", "the") for t in kept):
        return
    if any(t.text == "," for t in kept) and not names_only(kept):
        return
    if kept and kept[-1].low in PREPOSITIONS | SUBORDINATORS:
        return
    if " and " in match["date"] and match["prep"].lower() != "between":
        return
    if len(kept) > 22 or (not kept and clause.base not in _WITHOUT_OBJECT):
        return
    prep = match["prep"].lower()
    wh = {"since": "Since when", "until": "Until when"}.get(prep, "When")
    start = (
        match.start()
        if prep in ("from", "between", "before", "after", "by", "around")
        else (match.start("date"))
    )
    rest = phrase(sentence.text, kept)
    if after_verb and sentence.fronted:
        rest = f"{rest} {fronted(sentence)}"
    verb = kept[0].low if clause.kind == "be" and kept else clause.base
    # Only the verb goes into the other language: nothing else may be needed to understand it.
    more = kept[1:] if clause.kind == "be" else kept
    whole = not more or more[0].low in PREPOSITIONS - {"to", "with", "as"} or verb == "marry"
    whole = whole and not (sentence.person and verb in _THINGS_ONLY)
    yield Candidate(
        "fact",
        question(sentence, wh, clause, rest),
        Span(start, match.end()),
        "en",
        0.92,
        "when",
        Frame("when", sentence.subject, verb) if prep in ("in", "on") and whole else None,
    )


def ask_where(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    predicate = clause.predicate
    if clause.kind != "be" or not predicate or predicate[0].low not in _PLACE_PARTICIPLES:
        return
    for index in range(1, min(len(predicate) - 1, 10)):
        if predicate[index].low not in ("in", "at", "near", "on"):
            continue
        if predicate[index].low == "on" and predicate[0].low not in ("located", "situated", "held"):
            return
        place = predicate[index + 1]
        if any(t.low in ("by", "and", "or") or t.text == "," for t in predicate[:index]):
            return
        if not (place.text[0].isupper() or place.low == "the") or place.text[0].isdigit():
            continue
        if any(m.start() == predicate[index].start for m in time_phrases(sentence)):
            continue
        end = index + 1
        while end < len(predicate) and (
            predicate[end].is_capital
            or predicate[end].low
            in ("of", "the", "and", ",", "de", "la", "del", "di", "du", "am", "sur")
        ):
            end += 1
        if place.low == "the":
            end = noun_end(predicate, index + 1)
            joined = [i for i in range(index + 1, end) if predicate[i].low == "and"]
            end = joined[0] if joined else end
        answer = trimmed(predicate[index + 1 : end])
        answer = without_trailing_function_words(answer)
        if not answer or answer[-1].text[0].isdigit():
            return
        rest = phrase(sentence.text, predicate[:index])
        yield Candidate(
            "fact",
            question(sentence, "Where", clause, rest),
            span_of(answer),
            "en",
            0.88,
            "where",
            Frame("where", sentence.subject, predicate[0].low) if index <= 2 else None,
        )
        return


def ask_moved(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    """ "X moved to Berlin", "X died in Paris": where did X move to?"""
    predicate = clause.predicate
    if clause.kind != "main" or len(predicate) < 2:
        return
    asked = _WHERE_VERBS.get((clause.base, predicate[0].low))
    if asked is None or any(m.start() == predicate[0].start for m in time_phrases(sentence)):
        return
    place = predicate[1]
    if not (place.text[0].isupper() or place.low == "the"):
        return
    end = noun_end(predicate, 2)
    while (
        end + 1 < len(predicate)
        and predicate[end].text == ","
        and (predicate[end + 1].text[0].isupper())
    ):
        end = noun_end(predicate, end + 1)
    answer = without_trailing_function_words(trimmed(predicate[1:end]))
    rest = kept_after(clause.tokens, answer[-1]) if answer else ()
    if not answer:
        return
    tail = f"{asked} {phrase(sentence.text, rest)}".strip()
    yield Candidate(
        "fact",
        question(sentence, "Where", clause, f"{tail} {fronted(sentence)}".strip()),
        span_of(answer),
        "en",
        0.85,
        "where",
    )


def ask_often(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    match = _EVERY.search(sentence.text, clause.tokens[clause.verb].end, sentence.span.end)
    if match is None:
        return
    kept = tuple(t for t in clause.predicate if t.end <= match.start())
    if not kept or any(t.low in SUBORDINATORS for t in kept) or any(t.text == "," for t in kept):
        return
    rest = phrase(sentence.text, kept)
    yield Candidate(
        "fact",
        question(sentence, "How often", clause, rest),
        Span(match.start(), match.end()),
        "en",
        0.92,
        "often",
    )

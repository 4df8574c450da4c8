"""Fact questions from English sentences: what, who, when, where, how many, how.

Each template moves words that stand in the sentence and changes as few as it can: an auxiliary
is fronted as it is, a main verb of the lexicon takes "do", a subject is replaced by "who".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate, Frame
from tasks.synthesis.english_clause import (
    WITH_PREPOSITION,
    Clause,
    Token,
    is_participle,
    second_clause,
)
from tasks.synthesis.english_lexicon import (
    BE,
    CONJUNCTIONS,
    DETERMINERS,
    FINITE,
    HAVE,
    MODALS,
    PERSON_NOUNS,
    POINTING_BACK,
    PREPOSITIONS,
    SUBORDINATORS,
)
from tasks.synthesis.english_sentence import Sentence, lower_first, phrase, time_phrases
from tasks.synthesis.passage import Span
from tasks.synthesis.wordlist import words

_CUTTING = SUBORDINATORS | {"with", "making", "including", "although", "thus", "for", "such"}
_OBJECT_ENDS = frozenset(
    words("""
        in on at during after before until since by from when to for with as because while through
        if unless where under between over via against without among within
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
_PLACE_PARTICIPLES = frozenset(
    words("""
        born located situated held based built headquartered buried founded established raised
        filmed recorded stationed educated killed
    """)
)
_COUNT_VERBS = frozenset(
    words("""
        have contain include comprise feature provide offer support use require hold house
    """)
)
_PERSON_VERBS = frozenset(
    words("""
        write direct compose invent paint discover design marry win defeat found succeed announce
        propose teach publish perform play star coach edit produce invite persuade argue
    """)
)
_VACUOUS = frozenset(
    words("result reason example part problem one way area lot number matter good great first")
)
_SPEECH = frozenset(words("note say state announce argue write claim suggest think believe"))
_NAMING = frozenset(words("called named considered termed dubbed titled nicknamed deemed"))
_LIGHT = frozenset(
    words("""make take get give go come set run do have see find keep put turn remain place stand fall
    lie bring know mean hear tell deal ask call""")
)
_PERSON_SUFFIX = re.compile(r"(?!check|play|short|wait)\w{3,}(?:ist|cian|woman|man)|\w+ologist")
_CLAUSE_WORDS = SUBORDINATORS - PREPOSITIONS - {"as"}
_DURATIONS = frozenset(words("days weeks months years hours minutes"))
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
    words("die begin start end open close retire occur happen arrive emerge appear disband launch")
)
_ADVERBS = frozenset(
    words("""best better well worse less far together twice once also again still even just too
        afterwards later sooner more most gentler faster slower higher lower well""")
)
_NUMBER = re.compile(r"\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty")
_EVERY = re.compile(
    r"\b(?:every (?:\w+ )?(?:second|minute|hour|day|week|month|year)s?"
    r"|(?:once|twice) (?:a|per|every) (?:\w+ )?(?:day|week|month|year))\b"
)


def fact_candidates(sentence: Sentence) -> Iterator[Candidate]:
    """Every fact question that the templates dare to ask of the sentence."""
    clause = sentence.clause
    if clause is None or sentence.lead:
        return
    nameless = not sentence.named and not sentence.prefix and clause.subject[0].low == "the"
    # "the company", and nothing that says which: only a long subject tells enough.
    if nameless and sum(token.is_word for token in clause.subject) < 4:
        return
    for template in (
        _definition,
        _when,
        _where,
        _moved,
        _agent,
        _count,
        _often,
        _object,
        _subject,
        _deed,
    ):
        yield from template(sentence, clause)
    yield from _apposition(sentence, clause)
    second = second_clause(clause, clause.rest, len(clause.tokens))
    if second is not None:
        for template in (_when, _where, _moved, _agent, _count, _often, _object, _deed):
            yield from template(sentence, second)


def question(sentence: Sentence, wh: str, clause: Clause, rest: str) -> str:
    """`wh` with the auxiliary of the clause fronted, or "do" for a main verb."""
    verb = clause.base if clause.kind == "main" else ""
    return finish(sentence, [wh, clause.auxiliary, sentence.subject, verb, rest])


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
    form = FINITE.get(low)
    return form is not None and form.tense != "present" and not tokens[index].is_capital


def _span(tokens: tuple[Token, ...]) -> Span:
    return Span(tokens[0].start, tokens[-1].end)


def _trimmed(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    while tokens and (not tokens[-1].is_word and tokens[-1].text not in "\"”'’%°"):
        tokens = tokens[:-1]
    return tokens


def _fronted(sentence: Sentence) -> str:
    """The adverbial at the head of the sentence, to stand at the end of the question."""
    if not sentence.fronted:
        return ""
    return lower_first(phrase(sentence.text, sentence.fronted))


def _definition(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    if clause.kind != "be" or len(clause.predicate) < 3:
        return
    head = clause.predicate[0].low
    is_class = head in ("a", "an", "one") or (head == "the" and sentence.named)
    end = clause_end(clause.tokens, clause.rest)
    answer = _trimmed(clause.tokens[clause.rest : end])
    words = [token for token in answer if token.is_word]
    if len(words) < 3 or any(token.low in POINTING_BACK - {"former"} for token in words[:3]):
        return
    if words[-1].low in SUBORDINATORS | PREPOSITIONS | DETERMINERS or words[1].low == "same":
        return
    if is_class:
        person = sentence.person or _person_complement(words)
        if sentence.fronted and not person:
            return
        if words[1].low in _VACUOUS or (len(words) < 5 and words[-1].low in _VACUOUS):
            return
        yield Candidate(
            "fact",
            finish(sentence, ["Who" if person else "What", clause.auxiliary, sentence.subject]),
            _span(answer),
            "en",
            0.95 if sentence.named else 0.8,
            "definition",
            Frame("person" if person else "definition", sentence.subject),
        )
    elif clause.subject[0].low == "the" and answer[0].is_capital and len(words) <= 8:
        person = any(token.low in PERSON_NOUNS for token in clause.subject)
        wh = "Who" if person else "What"
        yield Candidate(
            "fact",
            finish(sentence, [wh, clause.auxiliary, sentence.subject, _fronted(sentence)]),
            _span(answer),
            "en",
            0.85,
            "identity",
        )


def _apposition(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    """ "NAME, a maker of pumps, was ...": what is NAME?"""
    between = clause.tokens[clause.subject_end : clause.verb]
    if len(between) < 5 or between[0].text != "," or not sentence.named:
        return
    answer = _trimmed(between[1:])
    person = sentence.person or _person_complement(list(answer))
    yield Candidate(
        "fact",
        finish(sentence, ["Who" if person else "What", _be_like(clause), sentence.subject]),
        _span(answer),
        "en",
        0.8,
        "apposition",
        Frame("person" if person else "definition", sentence.subject),
    )


def _be_like(clause: Clause) -> str:
    past = clause.auxiliary in ("was", "were", "did", "had")
    return "was" if past else "is"


def _person_complement(words: list[Token]) -> bool:
    """Whether "an American actor and director who ..." names a person before its first clause."""
    for token in words[1:10]:
        if token.low in PREPOSITIONS or token.low in SUBORDINATORS - {"and", "or"}:
            return False
        if token.low in PERSON_NOUNS or _PERSON_SUFFIX.fullmatch(token.low):
            return True
    return False


def _when(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
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
        kept = (*clause.tokens[clause.rest : index], *_kept_after(clause.tokens, inside[-1]))
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
    kept = _trimmed(kept)
    if clause.base in _SPEECH and not any(t.low in ("that", "his", "her", "the") for t in kept):
        return
    if any(t.text == "," for t in kept) and not _names_only(kept):
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
        rest = f"{rest} {_fronted(sentence)}"
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


def _names_only(tokens: tuple[Token, ...]) -> bool:
    """Commas that stand before a capital belong to names of places."""
    commas = [i for i, t in enumerate(tokens) if t.text == ","]
    return all(i + 1 < len(tokens) and tokens[i + 1].text[0].isupper() for i in commas)


def _kept_after(tokens: tuple[Token, ...], last: Token) -> tuple[Token, ...]:
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


def _where(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
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
            predicate[end].is_capital or predicate[end].low in ("of", "the", "and", ",")
        ):
            end += 1
        if place.low == "the":
            end = _noun_end(predicate, index + 1)
            joined = [i for i in range(index + 1, end) if predicate[i].low == "and"]
            end = joined[0] if joined else end
        answer = _trimmed(predicate[index + 1 : end])
        answer = _without_trailing_function_words(answer)
        if not answer or answer[-1].text[0].isdigit():
            return
        rest = phrase(sentence.text, predicate[:index])
        yield Candidate(
            "fact",
            question(sentence, "Where", clause, rest),
            _span(answer),
            "en",
            0.88,
            "where",
            Frame("where", sentence.subject, predicate[0].low) if index <= 2 else None,
        )
        return


def _noun_end(tokens: tuple[Token, ...], start: int) -> int:
    end = start
    while (
        end < len(tokens)
        and tokens[end].is_word
        and (tokens[end].low not in (SUBORDINATORS | PREPOSITIONS) - {"of", "and"})
    ):
        end += 1
    return end


def _without_trailing_function_words(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    while tokens and (tokens[-1].low in PREPOSITIONS | DETERMINERS | CONJUNCTIONS):
        tokens = _trimmed(tokens[:-1])
    return tokens


def _deed(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    """What somebody did at a time or an occasion that the sentence names first."""
    if clause.kind != "main" or not sentence.fronted or sentence.fronted[-1].low in POINTING_BACK:
        return
    if not (sentence.named and (sentence.person or sentence.replaced)):
        return
    end = clause_end(clause.tokens, clause.rest)
    answer = _trimmed(clause.tokens[clause.verb : end])
    if len(answer) < 4 or len(sentence.fronted) > 9:
        return
    yield Candidate(
        "fact",
        finish(sentence, ["What", clause.auxiliary, sentence.subject, "do", _fronted(sentence)]),
        _span(answer),
        "en",
        0.6,
        "deed",
    )


def _moved(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
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
    end = _noun_end(predicate, 2)
    while (
        end + 1 < len(predicate)
        and predicate[end].text == ","
        and (predicate[end + 1].text[0].isupper())
    ):
        end = _noun_end(predicate, end + 1)
    answer = _without_trailing_function_words(_trimmed(predicate[1:end]))
    rest = _kept_after(clause.tokens, answer[-1]) if answer else ()
    if not answer:
        return
    tail = f"{asked} {phrase(sentence.text, rest)}".strip()
    yield Candidate(
        "fact",
        question(sentence, "Where", clause, f"{tail} {_fronted(sentence)}".strip()),
        _span(answer),
        "en",
        0.85,
        "where",
    )


def _agent(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    predicate = clause.predicate
    if clause.kind not in ("be", "modal", "have"):
        return
    for index in range(1, min(len(predicate) - 1, 16)):
        if predicate[index].low != "by" or not any(is_participle(t.low) for t in predicate[:index]):
            continue
        if any(t.low in _CLAUSE_WORDS for t in predicate[:index]) or (
            any(m.start() == predicate[index].start for m in time_phrases(sentence))
        ):
            return
        agent = predicate[index + 1]
        if agent.low.endswith("ing") or agent.text[0].isdigit() or agent.low in POINTING_BACK:
            return
        if agent.text[0].isupper():
            end = index + 1
            while end < len(predicate) and (
                predicate[end].text[0].isupper() or predicate[end].low in ("of", "and", "de", "von")
            ):
                end += 1
            acronym = end == index + 2 and agent.text.isupper()
            wh = "What" if acronym else "Who"
        else:
            end = _noun_end(predicate, index + 1)
            person = any(t.low in PERSON_NOUNS for t in predicate[index + 1 : end])
            wh = "Who" if person else "What"
        if end < len(predicate) and predicate[end].low in ("that", "which", "who", "whose"):
            return
        if (
            end + 1 < len(predicate)
            and predicate[end].text == ","
            and (predicate[end + 1].text[0].isupper())
        ):
            end = clause_end(clause.tokens, clause.rest + end + 1) - clause.rest
        answer = _without_trailing_function_words(_trimmed(predicate[index + 1 : end]))
        if not answer:
            return
        rest = phrase(sentence.text, predicate[:index])
        cause = any(t.low == "caused" for t in predicate[:index])
        yield Candidate(
            "reasoning" if cause else "fact",
            finish(
                sentence,
                [wh, clause.auxiliary, sentence.subject, rest, "by", _fronted(sentence)],
            ),
            _span(answer),
            "en",
            0.8 if wh == "Who" else 0.7,
            "agent",
        )
        return


def _count(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
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
            question(sentence, f"How many {nouns}", clause, _fronted(sentence)),
            _span(predicate[:end]),
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
                _span(predicate[index + 1 : stop]),
                "en",
                0.93,
                "quantity",
                Frame("value", sentence.subject, attribute),
            )
            return


def _often(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
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


def _object(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
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
        elif clause.base in _LIGHT or predicate[0].low in PREPOSITIONS | {"to", "not"}:
            return
        if clause.base in _SPEECH and predicate[0].low != "that":
            return
    else:
        return
    end = len(predicate) if predicate[start].low == "that" else start + 1
    while (
        end < len(predicate)
        and (predicate[end].low not in _OBJECT_ENDS or _range(predicate, end))
        and (predicate[end].low not in SUBORDINATORS - {"and", "or"})
    ):
        end += 1
    answer = _trimmed(predicate[start:end])
    rest = predicate[end:]
    if not _good_object(answer) or any(t.low in SUBORDINATORS - PREPOSITIONS for t in rest):
        answer, rest = _trimmed(predicate[start:]), ()
        if not _good_object(answer):
            return
    if len(answer) > 28 or any(t.text == "," for t in rest) or len(rest) > 14:
        return
    tail = phrase(sentence.text, _trimmed(rest))
    if any(t.low in POINTING_BACK for t in rest) and not sentence.named:
        return
    yield Candidate(
        "fact",
        question(
            sentence, "What", clause, " ".join(filter(None, (particle, tail, _fronted(sentence))))
        ),
        _span(answer),
        "en",
        0.72 if sentence.named else 0.62,
        "object",
    )


def _range(tokens: tuple[Token, ...], index: int) -> bool:
    """The "to" of "5 to 15 metres"."""
    around = tokens[index - 1 : index] + tokens[index + 1 : index + 2]
    return tokens[index].low == "to" and all(t.text[0].isdigit() for t in around)


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
        words[-1].low == "such"
        or words[0].low.endswith("ly")
        or words[-1].low in PREPOSITIONS | DETERMINERS | CONJUNCTIONS
    ):
        return False
    return len(words) >= 2 or words[0].is_capital


def _subject(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    if not sentence.named or sentence.replaced or clause.kind == "modal":
        return
    end = clause_end(clause.tokens, clause.verb)
    rest = _trimmed(clause.tokens[clause.verb : end])
    specific = sum(t.text[0].isupper() or t.text[0].isdigit() for t in rest)
    if len(rest) < 5 or len(rest) > 24 or specific < 2:
        return
    if any(t.low in POINTING_BACK for t in rest):
        return
    names = [t for t in clause.subject if t.is_word]
    all_capital = all(t.text[0].isupper() for t in names) and names[0].low != "the"
    if not all_capital or len(names) > 4:
        return
    person = sentence.person or (clause.base in _PERSON_VERBS and len(names) in (2, 3))
    if not person:
        return
    yield Candidate(
        "fact",
        finish(sentence, ["Who", phrase(sentence.text, rest), _fronted(sentence)]),
        _span(clause.subject),
        "en",
        0.75,
        "subject",
    )

"""Fact questions from English sentences: what, who, when, where, how many, how.

Each template moves words that stand in the sentence and changes as few as it can: an auxiliary
is fronted as it is, a main verb of the lexicon takes "do", a subject is replaced by "who".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate, Frame
from tasks.synthesis.english_clause import Clause, Token, is_participle
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
_TRANSITIVE_PREPOSITIONS = frozenset(
    {("consist", "of"), ("refer", "to"), ("belong", "to"), ("depend", "on"), ("lead", "to")}
    | {("result", "in"), ("serve", "as"), ("apply", "to"), ("focus", "on"), ("relate", "to")}
    | {("correspond", "to"), ("contribute", "to"), ("range", "from"), ("deal", "with")}
    | {("differ", "from"), ("specialise", "in"), ("specialize", "in"), ("work", "as")}
)
_PASSIVE_PREPOSITIONS = frozenset(
    {("based", "on"), ("made", "of"), ("made", "from"), ("composed", "of"), ("divided", "into")}
    | {("connected", "to"), ("attached", "to"), ("derived", "from"), ("equipped", "with")}
    | {("used", "for"), ("used", "as"), ("designed", "for"), ("intended", "for")}
    | {("named", "after"), ("known", "as"), ("known", "for"), ("limited", "to")}
    | {("dedicated", "to"), ("affiliated", "with"), ("associated", "with"), ("split", "into")}
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
    for template in (_definition, _when, _where, _agent, _count, _often, _object, _subject):
        yield from template(sentence, clause)


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
        if token.text == "," and (following in _CUTTING or following.endswith("ing")):
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
    is_class = head in ("a", "an", "one")
    end = clause_end(clause.tokens, clause.rest)
    answer = _trimmed(clause.tokens[clause.rest : end])
    words = [token for token in answer if token.is_word]
    if len(words) < 3 or any(token.low in POINTING_BACK for token in words[:3]):
        return
    if is_class:
        person = _person_complement(words)
        if sentence.fronted and not person:
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


def _person_complement(words: list[Token]) -> bool:
    """Whether "an American actor and director who ..." names a person before its first clause."""
    for token in words[1:10]:
        if token.low in PREPOSITIONS or token.low in SUBORDINATORS - {"and", "or"}:
            return False
        if token.low in PERSON_NOUNS:
            return True
    return False


def _when(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    phrases = time_phrases(sentence)
    if len(phrases) != 1:
        return
    match = phrases[0]
    inside = [t for t in clause.tokens if match.start() <= t.start < match.end()]
    after_verb = match.start() >= clause.tokens[clause.verb].end
    if after_verb:
        index = clause.tokens.index(inside[0])
        if any(t.low in SUBORDINATORS for t in clause.tokens[clause.rest : index]):
            return
        kept = (*clause.tokens[clause.rest : index], *_kept_after(clause.tokens, inside[-1]))
    elif (
        sentence.fronted
        and sentence.fronted[0].start == match.start()
        and (sentence.fronted[-1].end == match.end())
    ):
        kept = clause.tokens[clause.rest : clause_end(clause.tokens, clause.rest)]
    else:
        return
    kept = _trimmed(kept)
    if len(kept) > 22 or (not kept and clause.kind != "main"):
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
    yield Candidate(
        "fact",
        question(sentence, wh, clause, rest),
        Span(start, match.end()),
        "en",
        0.92,
        "when",
        Frame("when", sentence.subject, verb) if prep in ("in", "on") else None,
    )


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
    return tokens[start:end]


def _where(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    predicate = clause.predicate
    if clause.kind != "be" or not predicate or predicate[0].low not in _PLACE_PARTICIPLES:
        return
    for index in range(1, min(len(predicate) - 1, 10)):
        if predicate[index].low not in ("in", "at", "near", "on"):
            continue
        place = predicate[index + 1]
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
            Frame("where", sentence.subject, predicate[0].low),
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


def _agent(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    predicate = clause.predicate
    if clause.kind not in ("be", "modal", "have"):
        return
    for index in range(1, min(len(predicate) - 1, 16)):
        if predicate[index].low != "by" or not any(is_participle(t.low) for t in predicate[:index]):
            continue
        if any(t.low in SUBORDINATORS for t in predicate[:index]) or (
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
            wh = "Who"
        else:
            end = _noun_end(predicate, index + 1)
            person = any(t.low in PERSON_NOUNS for t in predicate[index + 1 : end])
            wh = "Who" if person else "What"
        answer = _without_trailing_function_words(_trimmed(predicate[index + 1 : end]))
        if not answer:
            return
        rest = phrase(sentence.text, predicate[:index])
        yield Candidate(
            "fact",
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
    if clause.kind == "be":
        if (predicate[0].low, predicate[1].low) not in _PASSIVE_PREPOSITIONS:
            return
        particle = f"{predicate[0].text} {predicate[1].text}"
        start = 2
    elif clause.kind == "main":
        if (clause.base, predicate[0].low) in _TRANSITIVE_PREPOSITIONS:
            particle = predicate[0].text
            start = 1
        elif predicate[0].low in PREPOSITIONS or predicate[0].low in ("to", "not", "up", "out"):
            return
    else:
        return
    end = start + 1
    while (
        end < len(predicate)
        and predicate[end].low not in _OBJECT_ENDS
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


def _good_object(answer: tuple[Token, ...]) -> bool:
    words = [t for t in answer if t.is_word]
    if not words or words[0].low in POINTING_BACK or words[0].low in BE | MODALS | HAVE:
        return False
    if words[0].low.endswith("ly") or words[-1].low in PREPOSITIONS | DETERMINERS | CONJUNCTIONS:
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

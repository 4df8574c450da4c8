"""Who and what somebody or something is: definitions, agents, subjects."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate, Frame
from tasks.synthesis.english.clause import Clause, is_participle
from tasks.synthesis.english.lexicon import (
    DETERMINERS,
    PERSON_NOUNS,
    POINTING_BACK,
    PREPOSITIONS,
    SUBORDINATORS,
)
from tasks.synthesis.english.phrases import (
    be_like,
    clause_end,
    finish,
    fronted,
    noun_end,
    person_complement,
    span_of,
    trimmed,
    without_trailing_function_words,
)
from tasks.synthesis.english.sentence import Sentence, phrase, time_phrases
from tasks.synthesis.wordlist import words

_PERSON_VERBS = frozenset(
    words("""
        write direct compose invent paint discover design marry win defeat found succeed
        announce propose teach publish perform play star coach edit produce invite persuade
        argue
    """)
)
_VACUOUS = frozenset(
    words("""
        result reason example part problem one way area lot number matter good great first
    """)
)
_CLAUSE_WORDS = SUBORDINATORS - PREPOSITIONS - {"as"}


def ask_definition(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    if clause.kind != "be" or len(clause.predicate) < 3:
        return
    head = clause.predicate[0].low
    is_class = head in ("a", "an", "one") or (head == "the" and sentence.named)
    end = clause_end(clause.tokens, clause.rest)
    answer = trimmed(clause.tokens[clause.rest : end])
    words = [token for token in answer if token.is_word]
    if len(words) < 3 or any(token.low in POINTING_BACK - {"former"} for token in words[:3]):
        return
    if words[-1].low in SUBORDINATORS | PREPOSITIONS | DETERMINERS or words[1].low == "same":
        return
    if is_class:
        person = sentence.person or person_complement(words)
        if sentence.fronted and not person:
            return
        if words[1].low in _VACUOUS or (len(words) < 5 and words[-1].low in _VACUOUS):
            return
        yield Candidate(
            "fact",
            finish(sentence, ["Who" if person else "What", clause.auxiliary, sentence.subject]),
            span_of(answer),
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
            finish(sentence, [wh, clause.auxiliary, sentence.subject, fronted(sentence)]),
            span_of(answer),
            "en",
            0.85,
            "identity",
        )


def ask_apposition(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    """ "NAME, a maker of pumps, was ...": what is NAME?"""
    between = clause.tokens[clause.subject_end : clause.verb]
    if len(between) < 5 or between[0].text != "," or not sentence.named:
        return
    answer = trimmed(between[1:])
    person = sentence.person or person_complement(list(answer))
    yield Candidate(
        "fact",
        finish(sentence, ["Who" if person else "What", be_like(clause), sentence.subject]),
        span_of(answer),
        "en",
        0.8,
        "apposition",
        Frame("person" if person else "definition", sentence.subject),
    )


def ask_agent(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    predicate = clause.predicate
    if clause.kind not in ("be", "modal", "have"):
        return
    for index in range(1, min(len(predicate) - 1, 16)):
        near = predicate[max(0, index - 3) : index]
        if predicate[index].low != "by" or not any(is_participle(t.low) for t in near):
            continue
        if any(t.low in _CLAUSE_WORDS for t in predicate[:index]) or (
            any(m.start() == predicate[index].start for m in time_phrases(sentence))
        ):
            return
        if any(t.low.endswith("ing") for t in predicate[:index]):
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
            end = noun_end(predicate, index + 1)
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
        answer = without_trailing_function_words(trimmed(predicate[index + 1 : end]))
        if not answer:
            return
        rest = phrase(sentence.text, predicate[:index])
        cause = any(t.low == "caused" for t in predicate[:index])
        yield Candidate(
            "reasoning" if cause else "fact",
            finish(
                sentence,
                [wh, clause.auxiliary, sentence.subject, rest, "by", fronted(sentence)],
            ),
            span_of(answer),
            "en",
            0.8 if wh == "Who" else 0.7,
            "agent",
        )
        return


def ask_subject(sentence: Sentence, clause: Clause) -> Iterator[Candidate]:
    if not sentence.named or sentence.replaced or clause.kind == "modal":
        return
    end = clause_end(clause.tokens, clause.verb)
    rest = trimmed(clause.tokens[clause.verb : end])
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
        finish(sentence, ["Who", phrase(sentence.text, rest), fronted(sentence)]),
        span_of(clause.subject),
        "en",
        0.75,
        "subject",
    )

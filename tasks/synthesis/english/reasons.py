"""English questions about a stated cause, purpose, condition, procedure or comparison.

`reasoning` is only what the sentence itself joins by a word of cause, purpose or comparison;
conditions and procedures are facts.
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate
from tasks.synthesis.english.clause import Token, is_noun_phrase
from tasks.synthesis.english.lexicon import (
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
from tasks.synthesis.english.phrases import clause_end, finish, question
from tasks.synthesis.english.procedures import (
    MAX_ANSWER_WORDS,
    answer_from,
    ask_condition,
    ask_happened,
    ask_kinds,
    ask_means,
    ask_procedure,
)
from tasks.synthesis.english.sentence import Sentence, lower_first, phrase
from tasks.synthesis.passage import Span


def reason_candidates(
    sentence: Sentence, previous: Sentence | None, consequence: Sentence | None, topic: str
) -> Iterator[Candidate]:
    """Every why, how, what-if and which-is-larger that the sentence supports."""
    yield from _because(sentence)
    if consequence is not None:
        yield from _so(sentence, consequence)
    yield from _lead_cause(sentence)
    yield from ask_condition(sentence, topic)
    yield from ask_procedure(sentence, topic)
    yield from ask_means(sentence)
    yield from _consequence(sentence, previous)
    yield from _causes(sentence)
    yield from _comparison(sentence)
    yield from ask_happened(sentence, topic)
    yield from ask_kinds(sentence, topic)


def _marker(tokens: tuple[Token, ...]) -> tuple[int, str] | None:
    """Index of the word that introduces a cause or a purpose inside the sentence."""
    lows = [token.low for token in tokens]
    for index in range(3, len(tokens) - 2):
        if lows[index] == "because":
            return index, "because"
        if lows[index : index + 2] == ["due", "to"] and lows[index + 2] != "be":
            return index, "due to"
        if lows[index : index + 2] == ["so", "that"]:
            return index, "so that"
        if lows[index : index + 3] == ["in", "order", "to"]:
            return index, "in order to"
    return None


def _because(sentence: Sentence) -> Iterator[Candidate]:
    found = None if sentence.lead else _marker(sentence.tokens)
    if found is None:
        return
    index, marker = found
    tokens = sentence.tokens
    answer = answer_from(sentence, tokens[index])
    if answer is None or tokens[index - 1].low in ("not", "only", "partly", "just", "or", "and"):
        return
    main = tokens[:index]
    while main and not main[-1].is_word and main[-1].text not in '"”’':
        main = main[:-1]
    if main[-1].low in (
        "least",
        "mainly",
        "largely",
        "primarily",
        "possibly",
        "probably",
        "and",
        "but",
    ):
        main = main[:-1]
    clause = sentence.clause
    if clause is not None and clause.verb < len(main) - 1:
        verb_part = main[clause.rest :]
        if any(t.low in ("that", "who", "which") for t in verb_part) or len(verb_part) > 24:
            return
        if clause_end(tokens, clause.rest) < len(main):
            return
        # "lowers them": only a name before it could say whom.
        if not sentence.named and any(t.low in ("them", "it", "him") for t in verb_part):
            return
        if (
            not sentence.named
            and not sentence.prefix
            and clause.subject[0].low == "the"
            and (len(clause.subject) < 3)
        ):
            return
        tail = phrase(sentence.text, verb_part)
        front = lower_first(phrase(sentence.text, sentence.fronted)) if sentence.fronted else ""
        yield Candidate(
            "reasoning",
            question(sentence, "Why", clause, " ".join(filter(None, (tail, front)))),
            answer,
            "en",
            0.95,
            "because",
        )
    elif imperative := _imperative(main):
        yield Candidate(
            "reasoning",
            f"Why should you {imperative}?",
            answer,
            "en",
            0.85,
            "imperative",
        )
    elif marker == "because" and _plain_clause(main):
        yield Candidate(
            "reasoning",
            f"Why is it that {_lowered(sentence, main)}?",
            answer,
            "en",
            0.66,
            "why-that",
        )


def _so(sentence: Sentence, consequence: Sentence) -> Iterator[Candidate]:
    """ "The gas is heavy, so the openings lie near the floor": why do they? The gas is heavy."""
    clause = consequence.clause
    if clause is None or sentence.lead or sentence.tokens[0].low in POINTING_BACK | PRONOUNS:
        return
    cause = sentence.tokens[: clause.first - 2]
    if not 4 <= len(cause) <= MAX_ANSWER_WORDS:
        return
    rest = clause.tokens[clause.rest : clause_end(clause.tokens, clause.rest)]
    if len(rest) < 2 or any(t.low in ("them", "it", "him") for t in rest):
        return
    yield Candidate(
        "reasoning",
        question(consequence, "Why", clause, phrase(sentence.text, rest)),
        Span(cause[0].start, cause[-1].end),
        "en",
        0.88,
        "so",
    )


def _plain_clause(tokens: tuple[Token, ...]) -> bool:
    """A finite clause that stands by itself, even though its verb was not found."""
    if tokens[0].low in PRONOUNS | SUBORDINATORS | POINTING_BACK or len(tokens) > 24:
        return False
    if any(t.low in POINTING_BACK or t.text in (":", ";") for t in tokens):
        return False
    if tokens[0].low in PREPOSITIONS:
        return False
    return any(
        t.low in BE | HAVE | MODALS or (t.low in FINITE and FINITE[t.low].tense != "present")
        for t in tokens[1:]
    )


def _lowered(sentence: Sentence, tokens: tuple[Token, ...]) -> str:
    text = phrase(sentence.text, tokens)
    second = tokens[1].is_capital if len(tokens) > 1 else False
    return text if second and tokens[0].low not in ("the", "a", "an") else lower_first(text)


def _imperative(tokens: tuple[Token, ...]) -> str:
    """ "close the valve" of "Close the valve": only with an object that shows the verb is one."""
    if len(tokens) < 3 or tokens[0].low not in IMPERATIVES:
        return ""
    if tokens[1].low not in ("the", "a", "an", "all", "any", "both", "your", "each", "not", "only"):
        return ""
    if any(t.low in POINTING_BACK for t in tokens):
        return ""
    return lower_first(" ".join(t.text for t in tokens)).replace(" ,", ",")


def _lead_cause(sentence: Sentence) -> Iterator[Candidate]:
    clause = sentence.clause
    if clause is None or not sentence.lead or sentence.lead[0].low not in ("because", "due"):
        return
    if sentence.lead[0].low == "due" and sentence.lead[1].low != "to":
        return
    if sentence.lead[-1].low in ("this", "that", "these", "those", "it"):
        return  # "Due to this" names no cause
    rest = sentence.tokens[clause.rest : clause_end(sentence.tokens, clause.rest)]
    yield Candidate(
        "reasoning",
        question(sentence, "Why", clause, phrase(sentence.text, rest)),
        Span(sentence.lead[0].start, sentence.lead[-1].end),
        "en",
        0.95,
        "because",
    )


def _consequence(sentence: Sentence, previous: Sentence | None) -> Iterator[Candidate]:
    """ "A. Therefore B.": why B? A."""
    clause = sentence.clause
    if clause is None or previous is None or sentence.lead:
        return
    lows = [t.low for t in sentence.tokens[:3]]
    if lows[0] not in ("therefore", "consequently", "hence") and lows != ["as", "a", "result"]:
        return
    if previous.tokens[0].low in POINTING_BACK or not previous.named:
        return
    rest = sentence.tokens[clause.rest : clause_end(sentence.tokens, clause.rest)]
    yield Candidate(
        "reasoning",
        question(sentence, "Why", clause, phrase(sentence.text, rest)),
        Span(previous.tokens[0].start, previous.answer_end),
        "en",
        0.75,
        "therefore",
    )


def _causes(sentence: Sentence) -> Iterator[Candidate]:
    clause = sentence.clause
    if clause is None or clause.kind != "main" or sentence.lead or sentence.replaced:
        return
    verb = sentence.tokens[clause.verb]
    predicate = sentence.tokens[clause.rest : clause_end(sentence.tokens, clause.rest)]
    particle = (clause.base, predicate[0].low if predicate else "")
    if clause.base != "cause" and particle not in (("lead", "to"), ("result", "in")):
        return
    if not 3 <= len(predicate) <= 20 or any(t.low in POINTING_BACK for t in predicate):
        return
    if sum(t.is_word for t in clause.subject) < 2:
        return
    effect = phrase(sentence.text, (verb, *predicate))
    yield Candidate(
        "reasoning",
        finish(sentence, ["What", effect]),
        Span(clause.subject[0].start, clause.subject[-1].end),
        "en",
        0.85,
        "cause",
    )


def _comparison(sentence: Sentence) -> Iterator[Candidate]:
    clause = sentence.clause
    if clause is None or clause.kind != "be" or sentence.lead or sentence.replaced:
        return
    predicate = clause.predicate
    than = next((i for i, t in enumerate(predicate[:8]) if t.low == "than"), 0)
    if not than:
        return
    degree = predicate[:than]
    if degree[-1].low in ("rather", "other") or len(degree) > 5:
        return
    if not (degree[-1].low.endswith("er") or any(t.low in ("more", "less") for t in degree)):
        return
    other = predicate[than + 1 : clause_end(sentence.tokens, clause.rest + than + 1) - clause.rest]
    if not 1 <= len(other) <= 6 or not is_noun_phrase(other) or other[0].text[0].isdigit():
        return
    adjective = phrase(sentence.text, degree)
    pair = f"{sentence.subject} or {phrase(sentence.text, other)}"
    yield Candidate(
        "reasoning",
        finish(sentence, ["Which", clause.auxiliary, f"{adjective},", pair]),
        Span(clause.subject[0].start, clause.subject[-1].end),
        "en",
        0.85,
        "comparison",
    )

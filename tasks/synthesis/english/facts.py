"""Fact questions from English sentences: what, who, when, where, how many, how.

Each template moves words that stand in the sentence and changes as few as it can: an auxiliary
is fronted as it is, a main verb of the lexicon takes "do", a subject is replaced by "who".
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate
from tasks.synthesis.english.clause import second_clause
from tasks.synthesis.english.sentence import Sentence
from tasks.synthesis.english.what import ask_count, ask_deed, ask_measure, ask_object
from tasks.synthesis.english.when import ask_moved, ask_often, ask_when, ask_where
from tasks.synthesis.english.who import ask_agent, ask_apposition, ask_definition, ask_subject


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
        ask_definition,
        ask_when,
        ask_where,
        ask_moved,
        ask_agent,
        ask_count,
        ask_often,
        ask_object,
        ask_subject,
        ask_deed,
    ):
        yield from template(sentence, clause)
    yield from ask_apposition(sentence, clause)
    yield from ask_measure(sentence, clause)
    second = second_clause(clause, clause.rest, len(clause.tokens))
    if second is not None:
        for template in (
            ask_when,
            ask_where,
            ask_moved,
            ask_agent,
            ask_count,
            ask_often,
            ask_object,
            ask_deed,
        ):
            yield from template(sentence, second)

"""Rules that a question over two hops keeps, checked without a model.

It is in the language of its pairs and stands alone; it names neither the entity between its hops
nor the answer; it states no number, date or name that its pairs do not hold; and it asks with
something of each. What breaks a rule is dropped, and the first rule that it broke is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.jobs import PairsToJoin, Rejection
from tasks.matching import matchable, says
from tasks.records import QAPair, TextChunk
from tasks.synthesis.grounding import Ground
from tasks.synthesis.rules import check_pair, question_is_in
from tasks.text import count_han, language_of, search_terms

_COMMON_WORDS = """
    a an the of and or in on at to by for from with as is are was were be been do does did has have
    had can could will would shall should may might must not no that this these those it its they
    their there which what who whom whose when where why how many much long often also than then if
    into about used called made name named after before during between whether same other such
    什么 哪个 哪些 哪种 哪一 多少 为什 如何 怎样 怎么 是什 的是 是哪 是多 有什 有哪 哪里 何时 谁是
"""
_COMMON = frozenset(_COMMON_WORDS.split())
_HAN_NAME_FROM = 2


def rejection_of(question: str, item: PairsToJoin) -> Rejection | None:
    """Why a question cannot be used; None where it can."""
    broken = next(_broken_rules(question, item), None)
    return None if broken is None else Rejection(reason=broken[0], detail=broken[1])


def _broken_rules(question: str, item: PairsToJoin) -> Iterator[tuple[str, str]]:
    yield from _broken_by_any_question(question, item)
    asked = matchable(question)
    if says(asked, matchable(item.entity)):
        yield "names-entity", f"Names {item.entity}, which is for the first hop to find: {question}"
    for part in _telling_parts(item.entity, item.first.question):
        if says(asked, matchable(part)):
            yield "names-entity", f"Names “{part}” of {item.entity}: {question}"
    if says(asked, matchable(item.second.answer)):
        yield "names-answer", f"Tells the answer, {item.second.answer}: {question}"
    texts = (item.first, item.second)
    ground = Ground("\n".join(t for p in texts for t in (p.passage, p.question, p.answer)))
    if missing := ground.missing(question):
        yield "ungrounded", f"Neither pair knows of {', '.join(missing)}: {question}"
    for here, other in (texts, texts[::-1]):
        own = _terms(here.question, here.passage) - _terms(other.question, item.entity)
        if not own & _terms(question):
            yield "one-hop", f"Asks with nothing of “{here.question}”: {question}"


def _broken_by_any_question(question: str, item: PairsToJoin) -> Iterator[tuple[str, str]]:
    """The rules of every question that a model words."""
    if not question_is_in(question, item.language):
        yield "question-language", f"Not {item.language}: {question}"
    pair = QAPair(
        type="reasoning",
        question=question,
        answer=item.second.answer,
        question_language=item.language,
        answer_language=language_of(item.second.answer),
    )
    chunk = TextChunk(text=item.second.passage, language=item.language, tokens=0)
    for broken in check_pair(pair, chunk, wording="free"):
        if broken.reason.startswith("question-"):
            yield broken.reason, broken.detail


def _telling_parts(entity: str, first_question: str) -> list[str]:
    """Parts of the entity that would tell it: of "Frigo compressor", "Frigo".

    What the first question says of it anyway tells nothing.
    """
    asked = matchable(first_question)
    if count_han(entity):
        known = next(
            (at for at in range(len(entity)) if says(asked, matchable(entity[at:]))), len(entity)
        )
        return [entity[:known]] if _HAN_NAME_FROM <= known < len(entity) else []
    words = re.findall(r"[^\W_][\w'’-]*", entity)
    names = [word for word in words if word[0].isupper() or any(c.isdigit() for c in word)]
    return [word for word in names if not says(asked, matchable(word))]


def _terms(*texts: str) -> set[str]:
    """Words that say something, and pairs of Han characters."""
    found = {term for text in texts for term in search_terms(text)}
    return {
        term for term in found - _COMMON if len(term) > 2 or not term.isascii() or term.isdigit()
    }

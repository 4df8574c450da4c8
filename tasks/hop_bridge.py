"""Two questions into one: the second asks about what the first one's answer names.

A question may only be composed where the result is well-formed and honest: the first answer is
an entity and nothing more, the second question names it once, as a noun phrase of its own (in
"the pump's motor", not in "the pump motor"), and neither question gives the other's answer away.
Everything else is refused: fewer rows are better than crooked ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tasks.matching import matchable, says
from tasks.text import count_han

TemplateLanguage = Literal["en", "zh"]

_ENTITY_WORDS_MAX = 6
_ENTITY_HAN_MAX = 12
# Two Han characters are mostly a common noun.
_HAN_NAME_FROM = 3
_TRIM = re.compile(r"^(?:the|a|an)\s+|[\s.,;:!?。，；：！？]+$", re.IGNORECASE)
# Answers to these are times and amounts: nothing can be asked about them.
_NO_ENTITY = re.compile(
    r"\b(?:when|how|why|what (?:colou?r|year|date|time|day|month|number|percentage|share))\b"
    r"|何时|什么时候|什么时间|多少|几[个年月日天次种]|多[大长高久远]|为什么|为何|原因|怎|如何|颜色|哪一?年",
    re.IGNORECASE,
)
_PERSON = re.compile(r"\b(?:who|whose|whom)\b|谁|哪位|何人", re.IGNORECASE)
_PLACE = re.compile(r"\bwhere\b|哪里|何处|哪儿|什么地方", re.IGNORECASE)

_BEFORE = re.compile(
    r"(?:^|[:;(]\s*|\b(?:is|was|does|did|can|could|will|would|should|must|may|has|had|of|in|on"
    r"|at|by|for|from|to|with|about|into|inside|under|through|between|and|or|than|that|when|if"
    r"|while|before|after|as|using|called|against|during|without)\s+)(?:the\s+|an?\s+)?$",
    re.IGNORECASE,
)
_VERBS = (
    "accept|allow|apply|become|begin|belong|cause|come|connect|consist|contain|control|cost"
    "|cover|deliver|depend|do|emit|end|happen|have|help|hold|include|last|live|look|make|mean"
    "|measure|need|offer|open|operate|play|prevent|produce|protect|provide|reach|react|receive"
    "|refer|remove|replace|require|return|run|say|send|serve|show|stand|start|store|support|take"
    "|use|weigh|work|write"
)
_AFTER = re.compile(
    rf"[?.:;)]|$|'s\b|’s\b|\s+(?:is|was|does|did|can|could|will|would|should|must|may|has|had"
    r"|in|on|at|by|for|from|to|with|about|into|under|through|(?:and|or)(?-i:(?! [A-Z]))|than|when"
    r"|if|while|before|after|as|during|without|born|made|built|known|written|held|found|set|kept"
    rf"|sold|\w+ed|{_VERBS})\b",
    re.IGNORECASE,
)
# "the University of X", "the Party of X": the entity is a piece of a longer name.
_INSIDE_NAME = re.compile(r"\b[A-Z][\w-]*\s+(?:of|for|in|at)\s+(?:the\s+)?$")
# A common noun stands for one thing where it has its article, and nothing after it says which
# one is meant; or where it names a substance or an activity: as a subject, or at the very end.
_DEFINITE = re.compile(r"\bthe\s+$", re.IGNORECASE)
_SAYS_WHICH = re.compile(r"\s+(?:in|on|at|by|for|from|to|with|about|into|under|through|\w+ed)\b")
_SUBJECT = re.compile(r"\b(?:does|did|can|could|will|would|should|must|may)\s+$")
_OBJECT = re.compile(r"\b(?:of|by|with|from|about)\s+$")
_END = re.compile(r"\s*\?$")
_BEFORE_ZH = re.compile(
    r"(?:^|[，、：；（(“‘「《\"]|对|在|与|和|为|由|是|于|从|把|被|将|使|让|了|以及|关于|根据|按照|使用)$"
)
_AFTER_ZH = re.compile(
    r"$|[，、：；？?）)”’」》\"]|的|是|在|有[哪多什几何]|为[什何多]|由|和|与|可以|能够|需要|应[该当]|被|从"
    r"|采用|提供|支持|包[括含]|属于|位于|如何|怎|何[时处]|多[少大长高]|几|哪|谁|什么|使用|用于|用[来什]"
    r"|主要|通过|具有|负责|处理"
)
_QUOTES = {"“": "”", "‘": "’", '"': '"', "「": "」", "《": "》", "'": "'"}


@dataclass(frozen=True)
class Bridge:
    """A composed question, and the entity that ties its halves together (in stored spelling)."""

    question: str
    entity: str


def entity_of(question: str, answer: str) -> str | None:
    """The entity that an answer is, without its article; None where it is anything else."""
    entity = _TRIM.sub("", answer.strip())
    words = matchable(entity).split()
    if not words or "\n" in entity or _NO_ENTITY.search(question):
        return None
    han = count_han(entity)
    if sum(character.isalpha() for character in entity) < (2 if han else 3):
        return None
    if any(word[0].isdigit() for word in words):
        return None
    if (len(words) > _ENTITY_HAN_MAX) if han else (len(words) > _ENTITY_WORDS_MAX):
        return None
    return entity


def compose(
    first: tuple[str, str],
    second: tuple[str, str],
    language: TemplateLanguage,
    *,
    same_document: bool = False,
) -> Bridge | None:
    """One question from two pairs (question, answer) in one language; None without a good form.

    Names mean the same everywhere, while "the gallery" of one document is not that of another:
    `same_document` says that both pairs come from one.
    """
    entity = entity_of(*first)
    if entity is None:
        return None
    phrase, last_answer = matchable(entity), matchable(second[1])
    first_question = matchable(first[0])
    if says(first_question, phrase) or says(first_question, last_answer):
        return None
    if says(phrase, last_answer) or says(last_answer, phrase):
        return None
    if not same_document and count_han(entity) == len(entity) < _HAN_NAME_FROM:
        return None
    about = _without_entity(
        second[0].strip(), entity, _stand_in(first[0], language), language, same_document
    )
    if about is None or says(matchable(about), phrase) or says(matchable(about), last_answer):
        return None
    opening = first[0].strip()
    if language == "zh":
        return Bridge(question=f"先回答：{opening}再就这个答案回答：{about}", entity=entity)
    return Bridge(question=f"First: {opening} Then, about that answer: {about}", entity=entity)


def _stand_in(question: str, language: TemplateLanguage) -> str:
    if _PERSON.search(question):
        return "此人" if language == "zh" else "this person"
    if _PLACE.search(question):
        return "此地" if language == "zh" else "this place"
    return "该对象" if language == "zh" else "it"


def _without_entity(
    question: str, entity: str, stand_in: str, language: TemplateLanguage, same_document: bool
) -> str | None:
    """The question with its one mention of the entity replaced; None where that reads wrong."""
    mentions = list(re.finditer(_bounded(entity), question, re.IGNORECASE))
    if len(mentions) != 1:
        return None
    start, end = mentions[0].span()
    if start and end < len(question) and _QUOTES.get(question[start - 1]) == question[end]:
        start, end = start - 1, end + 1
    before, after = question[:start], question[end:]
    if language == "zh":
        if not (_BEFORE_ZH.search(before.rstrip()) and _AFTER_ZH.match(after.lstrip())):
            return None
        return f"{before.rstrip()}{stand_in}{after.lstrip()}"
    if not (_BEFORE.search(before) and _AFTER.match(after)) or _INSIDE_NAME.search(before):
        return None
    is_name = any(character.isupper() for character in question[start:end])
    if not (is_name or _common_noun_alone(before, after, same_document)):
        return None
    before = re.sub(r"\b(?:the|an?)\s+$", "", before, flags=re.IGNORECASE)
    if stand_in == "it" and re.match(r"['’]s\b", after):
        stand_in, after = "its", after[2:]
    if not before:
        stand_in = stand_in[0].upper() + stand_in[1:]
    return f"{before}{stand_in}{after}"


def _common_noun_alone(before: str, after: str, same_document: bool) -> bool:
    if _DEFINITE.search(before):
        return same_document and not _SAYS_WHICH.match(after)
    return bool(_SUBJECT.search(before) or (_OBJECT.search(before) and _END.match(after)))


def _bounded(entity: str) -> str:
    """A pattern for the entity that does not match inside a longer Latin word."""
    left = r"(?<![A-Za-z0-9-])" if re.match(r"[A-Za-z0-9]", entity) else ""
    right = r"(?![A-Za-z0-9-])" if re.search(r"[A-Za-z0-9]$", entity) else ""
    return left + re.escape(entity) + right

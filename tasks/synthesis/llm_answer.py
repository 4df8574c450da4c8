"""What a model answered: read leniently, tidied where only its dress is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from tasks.endpoint.chat import ChatAnswer
from tasks.errors import FileRejected
from tasks.records import Language, QuestionType
from tasks.text import count_han, is_han, language_of

_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "「": "」", "『": "』", "`": "`"}
_QUESTION_LABEL = re.compile(
    r"^(?:\d{1,2}[.)、]\s*|[-*•]\s+)?(?:(?:question|q)\s*\d*\s*[:：.]\s*|(?:问题?|問題?|提问)\s*\d*\s*[:：])?",
    re.IGNORECASE,
)
_ANSWER_LABEL = re.compile(
    r"^(?:[-*•]\s+)?(?:(?:answer|a)\s*\d*\s*[:：]\s*|(?:答案?|回答)\s*\d*\s*[:：])?", re.IGNORECASE
)
_SUMMARY_LABEL = re.compile(
    r"^(?:#{1,6}\s*)?(?:(?:dense )?summary|摘要|总结|總結|概要)\s*[:：\n]\s*", re.IGNORECASE
)
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3}|__)(?=\S)(.{1,400}?)(?<=\S)\1(?![\w*])", re.DOTALL)
_LIST_MARK = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)、])\s+")
_ENGLISH_QUESTION = re.compile(
    r"\b(?:what|who|whom|whose|when|where|why|how|which|is|are|was|were|do|does|did|can|could|has"
    r"|have|had|should|would|will|must|may|might)\b",
    re.IGNORECASE,
)
_ENGLISH_OPENING = re.compile(
    r"^\W*(?:(?:in|on|at|by|for|from|to|with|of|under|during|after|before|according)\b.*?\b)?"
    r"(?:what|who|whom|whose|when|where|why|how|which|is|are|was|were|do|does|did|can)\b",
    re.IGNORECASE,
)
_CHINESE_QUESTION = re.compile(
    "什么|什麼|谁|誰|哪|多少|几|幾|何|怎|为什么|為什麼|吗|嗎|呢|是否|多[长大高久远重]"
)
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_QUOTED = re.compile(
    r"“[^”]*”|\"[^\"]*\"|「[^」]*」|《[^》]*》|`[^`]*`|‘[^’]*’|（[^）]*）|\([^)]*\)"
)


class _Pair(BaseModel):
    model_config = ConfigDict(extra="ignore")

    type: str = ""
    question: str
    question_in_passage_language: str | None = None
    answer: str
    quote: str = ""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")

    dense_summary: str | None = None
    pairs: list[_Pair]


@dataclass(frozen=True)
class DraftPair:
    """A pair as the model wrote it, tidied and not yet checked."""

    type: QuestionType
    question: str
    counterpart: str | None
    answer: str
    quote: str


@dataclass(frozen=True)
class Draft:
    """An answer: the summary is None where the model gave none."""

    summary: str | None
    pairs: tuple[DraftPair, ...]


def read_answer(answer: ChatAnswer) -> Draft:
    """The draft in an answer. Raises FileRejected for one that is none."""
    try:
        found = _Answer.model_validate_json(answer.text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the answer"
        raise FileRejected(
            "answer_malformed", f"{answer.model} answered something else than pairs: {place}"
        ) from error
    summary = tidy_summary(found.dense_summary or "")
    return Draft(summary=summary or None, pairs=tuple(map(_draft, found.pairs)))


def _draft(pair: _Pair) -> DraftPair:
    counterpart = tidy_question(pair.question_in_passage_language or "")
    return DraftPair(
        type=_question_type(pair.type),
        question=tidy_question(pair.question),
        counterpart=counterpart or None,
        answer=tidy_answer(pair.answer),
        quote=pair.quote.strip(),
    )


def _question_type(label: str) -> QuestionType:
    plain = re.sub(r"[^a-z]", "", label.lower())
    if "cross" in plain or "lingual" in plain:
        return "cross_lingual"
    return "reasoning" if plain.startswith("reason") else "fact"


def tidy_question(text: str) -> str:
    """On one line, without a label, and with the question mark that was forgotten."""
    text = _unwrapped(" ".join(_EMPHASIS.sub(r"\2", text).split()))
    text = _QUESTION_LABEL.sub("", text, count=1)
    bare = text.rstrip(" .。")
    if bare and bare[-1].isalnum():
        if _CHINESE_QUESTION.search(bare) and is_han(bare[-1]):
            return f"{bare}？"
        if not count_han(bare) and _ENGLISH_OPENING.match(bare):
            return f"{bare}?"
    return text


def tidy_answer(text: str) -> str:
    """One paragraph, without a label, emphasis, or quotation marks around the whole."""
    text = _EMPHASIS.sub(r"\2", text.strip())
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and all(_LIST_MARK.match(line) for line in lines):
        items = [_LIST_MARK.sub("", line).rstrip(" ;；。.") for line in lines]
        lines = ["；".join(items) if count_han(text) else "; ".join(items)]
    joined = " ".join(" ".join(lines).split())
    return _unwrapped(_ANSWER_LABEL.sub("", joined, count=1))


def tidy_summary(text: str) -> str:
    text = _SUMMARY_LABEL.sub("", _EMPHASIS.sub(r"\2", text.strip()), count=1)
    return _unwrapped(text.strip())


def _unwrapped(text: str) -> str:
    """Without quotation marks around the whole: those that stand inside belong to the text."""
    while len(text) > 2 and _QUOTES.get(text[0]) == text[-1]:
        inside = text[1:-1]
        if text[0] in inside or text[-1] in inside:
            return text
        text = inside.strip()
    return text


def question_language(question: str) -> Language:
    """The language that a question is asked in: what it quotes of the other does not count."""
    frame = _QUOTED.sub(" ", question)
    found = language_of(frame)
    english, chinese = _ENGLISH_QUESTION.search(frame), _CHINESE_QUESTION.search(frame)
    if found == "en":
        return "en" if english else "zh" if chinese else "other"
    if found == "zh" or not count_han(frame) or _KANA.search(frame):
        return found
    if chinese and not _ENGLISH_OPENING.match(frame):
        return "zh"
    return "en" if english else found

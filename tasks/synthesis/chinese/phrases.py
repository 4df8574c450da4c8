"""How a Chinese fact question is put together, and what makes it specific enough."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate, Frame
from tasks.synthesis.chinese.sentence import (
    ChineseSentence,
    balanced,
    good_subject,
    own_subject,
    stands_alone,
    with_topic,
    without_brackets,
)
from tasks.text import is_han


def _specific(question: str) -> bool:
    """Enough words of its own to be found again: four beyond the asking ones."""
    plain = re.sub(r"什么|哪些|哪里|多少|如何|怎么|内容|部分|为什么|是|的|就|而言|，", "", question)
    return sum(is_han(c) for c in plain) + 2 * len(re.findall(r"[A-Za-z0-9]+", plain)) >= 4


def ask(
    sentence: ChineseSentence,
    question: str,
    subject: str,
    answer: tuple[int, int],
    weight: float,
    source: str,
    frame: Frame | None = None,
) -> Iterator[Candidate]:
    question = without_brackets(question)
    if not stands_alone(question) or len(question) < 5 or not balanced(question):
        return
    if not balanced(sentence.body[slice(*answer)]):
        return
    question = re.sub(r"\s+", " ", question)
    question = with_topic(question, subject, sentence.topic, short=source == "object")
    if not _specific(question):
        return
    yield Candidate("fact", question + "？", sentence.span(*answer), "zh", weight, source, frame)


def subject_of(sentence: ChineseSentence, text: str) -> str:
    subject = own_subject(without_brackets(text), sentence.topic)
    return subject if good_subject(subject) else ""

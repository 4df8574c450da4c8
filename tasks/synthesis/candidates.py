"""A pair in the making: question, span of its answer, and what it says in any language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.records import QuestionType
from tasks.synthesis.passage import Span

AskedIn = Literal["en", "zh"]
FrameKind = Literal[
    "definition",
    "person",
    "when",
    "where",
    "count",
    "value",
    "contains",
    "matrix",
    "step",
    "year",
    "labels",
    "label",
    "dated",
    "given",
]


@dataclass(frozen=True)
class Frame:
    """What a fact question asks, free of wording, so that it can be asked in the other language.

    `subject` is the entity, `relation` the verb's base form (English), the verb (Chinese), or
    the attribute whose value is asked. Both are in the passage's language.
    """

    kind: FrameKind
    subject: str
    relation: str = ""
    number: bool = False
    topic: str = ""


@dataclass(frozen=True)
class Candidate:
    """`weight` says how sure the template is of itself; the best ones are kept.

    `quotes` is the sentence that a completion question shows: it fills a chunk up, and never
    takes the place of a question in words of its own.
    """

    type: QuestionType
    question: str
    answer: Span
    asked_in: AskedIn
    weight: float
    source: str
    frame: Frame | None = None
    quotes: Span | None = None

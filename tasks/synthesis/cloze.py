"""Completion questions: a sentence of the passage with one telling span blanked.

They fill a chunk up where no template dares to ask more. The sentence is quoted as it stands,
so the question is as grammatical as the passage; what must be right is the sentence, which has
to make sense alone, and the span, which has to be what a reader would want to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tasks.synthesis.candidates import AskedIn, Candidate
from tasks.synthesis.labels import has_han
from tasks.synthesis.passage import Span
from tasks.synthesis.rules import BLANK
from tasks.synthesis.topic import Topic
from tasks.text import normalise

BlankKind = Literal["figure", "date", "year", "name", "words"]

_EN = {
    "figure": "which figure",
    "date": "which date",
    "year": "which year",
    "name": "which name",
    "words": "which words",
}
_ZH = {
    "figure": "空白处应填哪个数值",
    "date": "空白处应填哪个时间",
    "year": "空白处应填哪一年",
    "name": "空白处应填哪个名称",
    "words": "空白处应填什么",
}


@dataclass(frozen=True)
class Blank:
    """`span` is the answer in the chunk; `weight` how much a reader would want to know it."""

    span: Span
    kind: BlankKind
    weight: float


@dataclass(frozen=True)
class Statement:
    """A sentence that stands alone: `span` of the chunk, parts of it said in other words.

    `stand_in` replaces the pronoun at `pronoun`, so that the quoted sentence names its subject.
    """

    text: str
    span: Span
    pronoun: Span | None = None
    stand_in: str = ""

    def with_blank(self, blank: Span, span: Span | None = None) -> str:
        """The quoted form, or a part of it, with the blank in the answer's place."""
        left, right = (span or self.span).start, (span or self.span).end
        changes = [(blank, BLANK)]
        if self.pronoun is not None:
            changes.append((self.pronoun, self.stand_in))
        parts: list[str] = []
        for change, words in sorted(changes, key=lambda item: item[0].start):
            if left <= change.start and change.end <= right:
                parts += [self.text[left : change.start], words]
                left = change.end
        parts.append(self.text[left:right])
        shown = " ".join("".join(parts).replace("**", "").replace("`", "").split())
        # A sentence whose first adverb is left out begins with a capital all the same.
        shown = shown if span is not None else shown[:1].upper() + shown[1:]
        return _inner_quotes(shown)


def ask_completion(
    statement: Statement, blank: Blank, topic: Topic, asked_in: AskedIn
) -> Candidate | None:
    """The completion question; None where the statement tells its answer."""
    shown = statement.with_blank(blank.span)
    answer = blank.span.of(statement.text)
    if BLANK not in shown or _told(answer, shown) or _told(answer, topic.nearest):
        return None
    question = _worded(shown, answer, blank.kind, topic, asked_in)
    return Candidate(
        "fact", question, blank.span, asked_in, blank.weight, "cloze", quotes=statement.span
    )


def ask_across(
    statement: Statement, blank: Blank, part: Span, topic: Topic, asked_in: AskedIn
) -> Candidate | None:
    """A few words around the blank, quoted inside a question of the other language."""
    shown = statement.with_blank(blank.span, part).strip(" ,，;；。.")
    answer = blank.span.of(statement.text)
    if BLANK not in shown or _told(answer, shown) or _told(answer, topic.nearest):
        return None
    if not topic.nearest:
        return None
    if asked_in == "zh":
        question = f"就“{topic.nearest}”而言，“{shown}”中的{_ZH[blank.kind]}？"
    else:
        asked = _asked(blank.kind, answer, "fill")
        question = f"In the context of “{topic.nearest}”, {asked} the blank in “{shown}”?"
    return Candidate(
        "cross_lingual", question, blank.span, asked_in, 0.3, "cross-cloze", quotes=statement.span
    )


def _worded(shown: str, answer: str, kind: BlankKind, topic: Topic, asked_in: AskedIn) -> str:
    named = topic.nearest and topic.nearest.lower() not in shown.lower()
    if asked_in == "zh":
        lead = f"就{topic.nearest}而言，" if named else ""
        return f"{lead}在“{shown}”一句中，{_ZH[kind]}？"
    asked = _asked(kind, answer, "complete")
    if named and not has_han(topic.nearest):
        return f"In the context of {topic.context}, {asked} the statement “{shown}”?"
    return f"{asked[:1].upper()}{asked[1:]} the statement “{shown}”?"


def _asked(kind: BlankKind, answer: str, verb: str) -> str:
    if kind != "words":
        return f"{_EN[kind]} {verb}s"
    alone = len(answer.split()) == 1 and not has_han(answer)
    return f"which word {verb}s" if alone else f"which words {verb}"


def _told(answer: str, words: str) -> bool:
    """Whether the words hold the answer, or for a name of several words its last one."""
    answer, words = normalise(answer), normalise(words)
    if not answer or not words:
        return False
    if not answer.isascii():
        return answer in words
    return f" {answer} " in f" {''.join(c if c.isalnum() or c in '.%°' else ' ' for c in words)} "


def _inner_quotes(text: str) -> str:
    """Quotation marks inside a quotation are single ones."""
    text = text.replace("“", "‘").replace("”", "’").replace("「", "‘").replace("」", "’")
    parts = text.split('"')
    return "".join(
        part if index == 0 else ("‘" if index % 2 else "’") + part
        for index, part in enumerate(parts)
    )

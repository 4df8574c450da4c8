"""A reasoning trace as text: `<think>`, `<search>`, `<information>` and `<answer>` spans.

A trace ends with its one `<answer>`. Each `<search>` is followed at once by the `<information>`
that it found; `<think>` stands anywhere before the answer. An information span holds documents
of its row, word for word and one after another, since memory slots take their place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from clara_model.errors import DataError

SpanKind = Literal["think", "search", "information", "answer"]

_OPENING = re.compile(r"<(think|search|information|answer)>")
_TAG = re.compile(r"</?(?:think|search|information|answer)>")
_SHOWN = 60


class Span(BaseModel):
    """One span of a trace."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: SpanKind
    text: str
    """What stands between the tags, without whitespace around it; empty for `information`."""
    documents: tuple[int, ...] = ()
    """Of `information` only: which of the row's documents it holds, in order."""


class Trace(BaseModel):
    """A trace that keeps the rules."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    spans: tuple[Span, ...]

    @property
    def answer(self) -> str:
        return self.spans[-1].text

    @property
    def searches(self) -> tuple[str, ...]:
        return tuple(span.text for span in self.spans if span.kind == "search")


def parse_trace(trace: str, documents: Sequence[str]) -> Trace:
    """The spans of `trace`, whose information spans hold some of the row's `documents`.

    A document is recognised as a whole, so that tags in its text stay text. Raises DataError with
    the place and the rule that is broken.
    """
    reader = _Reader(trace, documents)
    spans: list[Span] = []
    while (span := reader.next_span()) is not None:
        spans.append(span)
    _check_order(spans)
    return Trace(spans=tuple(spans))


class _Reader:
    """Walks through a trace, one span at a time."""

    def __init__(self, trace: str, documents: Sequence[str]) -> None:
        self._trace = trace
        self._at = 0
        # The longest first: one document may begin with the whole text of another.
        self._documents = sorted(
            {text.strip(): number for number, text in reversed(list(enumerate(documents)))}.items(),
            key=lambda item: -len(item[0]),
        )

    def next_span(self) -> Span | None:
        self._skip_whitespace()
        if self._at == len(self._trace):
            return None
        opening = _OPENING.match(self._trace, self._at)
        if opening is None:
            raise DataError(
                f"The trace has text outside its spans, at {self._place()}: put it into <think>."
            )
        kind: SpanKind = opening[1]  # type: ignore[assignment]
        start, self._at = self._at, opening.end()
        return self._information(start) if kind == "information" else self._text(kind, start)

    def _text(self, kind: SpanKind, start: int) -> Span:
        tag = _TAG.search(self._trace, self._at)
        if tag is None:
            raise DataError(f"<{kind}> is never closed, at {self._place(start)}.")
        if tag[0] != f"</{kind}>":
            raise DataError(
                f"{tag[0]} stands inside <{kind}>, at {self._place(tag.start())}: spans hold no "
                "others, and text has none of their tags."
            )
        text = self._trace[self._at : tag.start()].strip()
        if not text:
            raise DataError(f"<{kind}> is empty, at {self._place(start)}.")
        self._at = tag.end()
        return Span(kind=kind, text=text)

    def _information(self, start: int) -> Span:
        closing = "</information>"
        held: list[int] = []
        self._skip_whitespace()
        while not (held and self._trace.startswith(closing, self._at)):
            number = self._next_document()
            if number is None:
                raise DataError(
                    f"<information> holds text that is none of the row's documents, at "
                    f"{self._place()}: it has to hold documents of the row word for word, and "
                    f"then {closing}."
                )
            if number in held:
                raise DataError(
                    f"<information> holds document {number} twice, at {self._place(start)}."
                )
            held.append(number)
            self._skip_whitespace()
        self._at += len(closing)
        return Span(kind="information", text="", documents=tuple(held))

    def _next_document(self) -> int | None:
        """The document that stands here, and steps over it."""
        for text, number in self._documents:
            if text and self._trace.startswith(text, self._at):
                self._at += len(text)
                return number
        return None

    def _skip_whitespace(self) -> None:
        while self._at < len(self._trace) and self._trace[self._at].isspace():
            self._at += 1

    def _place(self, at: int | None = None) -> str:
        at = self._at if at is None else at
        shown = self._trace[at : at + _SHOWN]
        return f"character {at} ({shown!r}{'...' if at + _SHOWN < len(self._trace) else ''})"


def _check_order(spans: Sequence[Span]) -> None:
    kinds = [span.kind for span in spans]
    if kinds.count("answer") != 1 or kinds[-1] != "answer":
        raise DataError(
            f"A trace ends with its one <answer>; this one has {' '.join(kinds) or 'no span'}."
        )
    if "search" not in kinds:
        raise DataError("The trace never searches: it needs a <search> and its <information>.")
    for before, kind in zip([None, *kinds], [*kinds, None], strict=True):
        if (before == "search") != (kind == "information"):
            raise DataError(
                "Each <search> is followed by its <information>, and only that; this trace has "
                f"{' '.join(kinds)}."
            )

"""A trace as token ids: what the model writes, and what is put in between.

Training and generation cut a trace at the same places. The model writes up to `</search>`; then
`\\n<information>`, the memory slots and `</information>\\n` are put in; then it writes on. Each of
these stretches is tokenised alone, so that the ids of one never depend on another's.
"""

from __future__ import annotations

from clara_model.config import IGNORED
from clara_model.prompts import PromptIds, closing_ids
from clara_model.reasoning.traces import Span, Trace
from clara_model.tokens import TokenSpace

_BEFORE_SLOTS = "\n<information>"
_AFTER_SLOTS = "</information>\n"


def information_ids(tokens: TokenSpace, documents: int) -> list[int]:
    """What is put in behind a `</search>`: the slots of so many documents, between their tags."""
    return [
        *tokens.text_ids(_BEFORE_SLOTS),
        *tokens.slot_ids(documents),
        *tokens.text_ids(_AFTER_SLOTS),
    ]


def trace_ids(tokens: TokenSpace, trace: Trace) -> PromptIds:
    """The trace's ids, eos and what the template puts after it; labels on what the model writes.

    Spans of one stretch are joined by line ends, however the trace had them. Information carries
    no loss, its tags included: the loop of generation puts them in.
    """
    ids: list[int] = []
    labels: list[int] = []
    written: list[Span] = []
    for span in trace.spans:
        if span.kind != "information":
            written.append(span)
            continue
        stretch = tokens.text_ids(_as_text(written))
        put_in = information_ids(tokens, len(span.documents))
        ids += stretch + put_in
        labels += stretch + [IGNORED] * len(put_in)
        written = []
    last = [*tokens.text_ids(_as_text(written)), *closing_ids(tokens)]
    return PromptIds(ids + last, labels + last)


def _as_text(spans: list[Span]) -> str:
    return "\n".join(f"<{span.kind}>{span.text}</{span.kind}>" for span in spans)

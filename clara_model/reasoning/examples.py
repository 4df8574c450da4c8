"""A row of the reasoning stage as token ids.

How the search learns. Every `<search>` of a trace is encoded by the query reasoner Q, as a
question is in end_to_end, and its slots hold what it finds among all documents of the row, by the
straight-through top-k (`slots.reasoning_memory`). The trace says how many documents a search
reads, not which: a search that finds another document makes what is written behind it unlikely,
and that loss teaches Q. Showing the trace's own documents whatever was scored was tried on a toy
(three candidates, 120 steps): the loss went to 0.001 and recall@1 stayed at chance, because a
decoder that reads the right text has no loss left to say which text that was. E stays frozen.
"""

from __future__ import annotations

from clara_model.config import IGNORED, ClaraConfig
from clara_model.data.examples import Example, as_ids, make_document
from clara_model.data.rows import QuestionRow
from clara_model.errors import DataError
from clara_model.prompts import build_prompt, query_ids
from clara_model.reasoning.segments import trace_ids
from clara_model.reasoning.traces import Trace, parse_trace
from clara_model.tokens import TokenSpace


def reasoning_example(row: QuestionRow, tokens: TokenSpace, config: ClaraConfig) -> Example:
    """Prompt, trace and searches of `row`, whose `answer` is a trace.

    Labels are on all that the model writes, tags, eos and the template's tail included, and not on
    what generation puts in: `<information>`, its slots and `</information>`. Raises DataError,
    beginning with the row's place, for a trace that breaks the rules (`traces.parse_trace`).
    """
    try:
        trace = parse_trace(row.answer, row.documents)
    except DataError as error:
        raise DataError(f"{row.where}: {error}") from error
    prompt = build_prompt(tokens, "reasoning", 0, row.question)
    written = trace_ids(tokens, trace)
    most = config.doc_max_length
    return Example(
        row_id=row.id,
        input_ids=as_ids(prompt + written.input_ids),
        labels=as_ids([IGNORED] * len(prompt) + written.labels),
        prompt_length=len(prompt),
        documents=tuple(
            make_document(tokens, text, config.doc_max_length) for text in row.documents
        ),
        question=row.question,
        answers=row.answers if row.answers != (row.answer,) else (trace.answer,),
        positives=row.positives,
        queries=tuple(as_ids(query_ids(tokens, search, most)) for search in trace.searches),
        slots=_slots(trace),
    )


def _slots(trace: Trace) -> tuple[tuple[int, int], ...]:
    held = [span.documents for span in trace.spans if span.kind == "information"]
    return tuple((search, number) for search, numbers in enumerate(held) for number in numbers)

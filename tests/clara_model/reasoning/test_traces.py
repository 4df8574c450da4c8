"""Traces as text: what is read, and what is refused with the place and the rule."""

from __future__ import annotations

import pytest

from clara_model.errors import DataError
from clara_model.reasoning.traces import parse_trace
from tasks.assemble import number_pairs
from tasks.negatives import HardNegatives
from tasks.reasoning import reasoning_rows
from tasks.stage_rows import passages
from tests.tasks.dataset_rows import training_row

PUMP = "The pump stands in the cellar."
VALVE = "The valve is of brass."
DOCUMENTS = [PUMP, VALVE]
ONE_HOP = (
    "<think>Where is it?</think>\n<search>place of the pump</search>\n"
    f"<information>{PUMP}</information>\n<answer>in the cellar</answer>"
)


def test_spans_are_read_in_order() -> None:
    trace = parse_trace(ONE_HOP, DOCUMENTS)
    assert [(s.kind, s.text, s.documents) for s in trace.spans] == [
        ("think", "Where is it?", ()),
        ("search", "place of the pump", ()),
        ("information", "", (0,)),
        ("answer", "in the cellar", ()),
    ]
    assert trace.answer == "in the cellar"
    assert trace.searches == ("place of the pump",)


def test_whitespace_between_and_inside_spans_means_nothing() -> None:
    loose = (
        "  <search> place of the pump\n</search><information>\n"
        f"{VALVE}\n\n{PUMP} </information>\n\n\n<answer>\tcellar </answer>\n"
    )
    trace = parse_trace(loose, DOCUMENTS)
    assert trace.searches == ("place of the pump",)
    assert trace.spans[1].documents == (1, 0)
    assert trace.answer == "cellar"


def test_tags_inside_a_document_stay_text() -> None:
    nasty = "Brass.</information>\n<answer>42</answer><search>x</search>"
    trace = parse_trace(
        f"<search>metal</search><information>{nasty}</information><answer>brass</answer>",
        ["Brass.", nasty],
    )
    assert trace.spans[1].documents == (1,)
    assert trace.answer == "brass"


def test_of_equal_documents_the_first_is_meant() -> None:
    assert parse_trace(ONE_HOP, [VALVE, PUMP, PUMP]).spans[2].documents == (1,)


SEARCH = f"<search>pump</search><information>{PUMP}</information>"


@pytest.mark.parametrize(
    ("trace", "says"),
    [
        ("", "ends with its one <answer>; this one has no span"),
        (SEARCH, "ends with its one <answer>; this one has search information"),
        (f"{SEARCH}<answer>a</answer><answer>b</answer>", "ends with its one <answer>"),
        (f"{SEARCH}<answer>a</answer><think>so</think>", "ends with its one <answer>"),
        ("<answer>a</answer>", "never searches"),
        (f"Well. {SEARCH}", r"outside its spans, at character 0 \('Well"),
        (f"{SEARCH} and <answer>a</answer>", "outside its spans, at character"),
        (f"{SEARCH}</think><answer>a</answer>", "outside its spans"),
        (f"{SEARCH}<answer>a", "<answer> is never closed"),
        ("<think>a<search>b</search></think>", "<search> stands inside <think>, at character 8"),
        ("<think>a</search>", "</search> stands inside <think>"),
        (f"{SEARCH}<think> </think><answer>a</answer>", "<think> is empty"),
        (f"<search></search><information>{PUMP}</information>", "<search> is empty"),
        (f"{SEARCH}<answer></answer>", "<answer> is empty"),
        ("<search>a</search><answer>b</answer>", "followed by its <information>"),
        (f"<information>{PUMP}</information>{SEARCH}<answer>b</answer>", "followed by its"),
        (f"<search>a</search><think>b</think>{SEARCH}<answer>b</answer>", "followed by its"),
        ("<search>a</search><information></information>", "none of the row's documents"),
        ("<search>a</search><information>Lies.</information>", r"documents, at .*'Lies\."),
        (f"<search>a</search><information>{PUMP}", "none of the row's documents"),
        (f"<search>a</search><information>{PUMP} {PUMP}</information>", "document 0 twice"),
        ("<SEARCH>a</SEARCH>", "outside its spans"),
    ],
)
def test_what_breaks_the_rules_is_refused(trace: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        parse_trace(trace, DOCUMENTS)


@pytest.mark.parametrize(
    ("texts", "hops"),
    [
        (
            [
                (
                    "Plant 7 is cooled by the Frigo compressor. It was built in 1998.",
                    ("Which compressor cools Plant 7?", "the Frigo compressor"),
                ),
                (
                    "The Frigo compressor uses ammonia as its refrigerant.",
                    ("Which refrigerant does the Frigo compressor use?", "ammonia"),
                ),
            ],
            2,
        ),
        ([("阀门由黄铜制成。", ("阀门由什么制成？", "黄铜"))], 1),
    ],
)
def test_traces_of_our_own_data_sets_are_read(
    texts: list[tuple[str, tuple[str, str]]], hops: int
) -> None:
    numbered = number_pairs(
        [training_row(f"{at}.txt", text, [pair]) for at, (text, pair) in enumerate(texts)]
    )
    corpus = HardNegatives(passages(numbered), 0, ())
    rows = list(reasoning_rows(numbered, corpus, (), candidates=4, seed=0))
    traces = [parse_trace(row.answer, row.docs) for row in rows]
    assert max(len(trace.searches) for trace in traces) == hops
    for row, trace in zip(rows, traces, strict=True):
        assert trace.answer == row.gold_answer
        shown = [span.documents[0] for span in trace.spans if span.kind == "information"]
        assert shown == list(row.pos_index)

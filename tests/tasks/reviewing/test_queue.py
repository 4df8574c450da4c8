"""Which pairs a reviewer sees, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from tasks.assemble import NumberedRow, number_pairs, pair_id
from tasks.published import PublishedRow
from tasks.reviewing.queue import Queue, ReviewFilters, review_queue
from tests.tasks.dataset_rows import pump_rows, training_row
from tests.tasks.published_data_set import graded


def published(rows: Sequence[NumberedRow]) -> list[PublishedRow]:
    return [PublishedRow(offset=1000 * at, numbered=n) for at, n in enumerate(rows)]


def queue(rows: Sequence[NumberedRow], decided: Sequence[str] = (), **filters: Any) -> Queue:
    return review_queue(
        published(rows), ReviewFilters(**filters), lambda id_, _pair: id_ in decided
    )


def ids(found: Queue, rows: Sequence[NumberedRow]) -> list[str]:
    return [pair_id(rows[c.offset // 1000].row.id, c.number) for c in found.candidates]


def test_everything_in_the_order_of_the_file() -> None:
    rows = pump_rows(3)
    found = queue(rows)
    assert ids(found, rows) == [id_ for n in rows for id_, _ in n.numbered_pairs()]
    assert (found.pairs, found.matching, found.decided, found.graded) == (9, 9, 0, 0)


def test_the_worst_grades_come_first_and_pairs_without_one_last() -> None:
    row = training_row("a.txt", "1 2 3 4 5", [(f"Q{n}?", str(n)) for n in range(1, 6)])
    rows = number_pairs([graded(row, (5, 5), None, (2, 5), (4, 4), (5, 1))])
    assert [c.number for c in queue(rows).candidates] == [4, 2, 3, 0, 1]
    assert [c.number for c in queue(rows, max_grade=4).candidates] == [4, 2, 3]
    assert [c.number for c in queue(rows, max_grade=1).candidates] == [4]
    assert queue(rows).graded == 4


def test_filters_by_language_type_and_file() -> None:
    rows = pump_rows(4)
    assert {c.number for c in queue(rows, language="zh").candidates} == {2}
    assert queue(rows, language="mixed").candidates == ()
    assert queue(rows, question_type="reasoning").matching == 0
    assert queue(rows, question_type="fact").matching == 12
    assert {c.offset for c in queue(rows, file="BOREAL").candidates} == {1000}
    both = queue(rows, file="pumps/", language="en")
    assert (both.matching, both.pairs) == (8, 12)


def test_a_path_is_found_in_either_unicode_form() -> None:
    rows = number_pairs([training_row("caf\u00e9/手册.txt", "x is y", [("What is x?", "y")])])
    assert queue(rows, file="cafe\u0301").matching == 1
    assert queue(rows, file="手册").matching == 1


def test_numbers_are_those_that_the_ids_hold() -> None:
    row = training_row("a.txt", "1 2", [("Q1?", "1"), ("Q2?", "2")])
    found = queue([NumberedRow(row=row, numbers=(1, 3))])
    assert [(c.position, c.number) for c in found.candidates] == [(0, 1), (1, 3)]


def test_what_was_decided_is_left_out_unless_asked_for() -> None:
    rows = pump_rows(2)
    everything = [id_ for n in rows for id_, _ in n.numbered_pairs()]
    found = queue(rows, everything[:2])
    assert ids(found, rows) == everything[2:]
    assert (found.matching, found.decided) == (6, 2)
    assert ids(queue(rows, everything[:2], show_reviewed=True), rows) == everything


def test_a_sample_is_the_same_whatever_was_decided_or_dropped() -> None:
    rows = pump_rows()
    first = ids(queue(rows, sample=6), rows)
    assert len(set(first)) == 6
    assert first == [i for n in rows for i, _ in n.numbered_pairs() if i in first]
    assert ids(queue(rows, first[:2], sample=6), rows) == first[2:]
    without = [
        NumberedRow(
            row=n.row.model_copy(update={"qa_pairs": n.row.qa_pairs[1:]}), numbers=n.numbers[1:]
        )
        for n in rows
    ]
    kept = [i for i in first if not i.endswith("-0")]
    assert set(kept) <= set(ids(queue(without, sample=6), without))
    assert ids(queue(rows, sample=6, seed=1), rows) != first
    assert queue(rows, sample=999).matching == 24


@pytest.mark.parametrize("bad", [{"language": "fr"}, {"max_grade": 6}, {"sample": 0}, {"seed": -1}])
def test_filters_that_mean_nothing_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ReviewFilters(**bad)

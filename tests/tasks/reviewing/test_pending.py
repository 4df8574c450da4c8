"""Which decisions the data set does not show yet."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tasks.published import open_data_set
from tasks.reviewing.pending import PendingReviews
from tasks.reviews import parse_reviews
from tests.tasks.dataset_rows import pump_rows
from tests.tasks.published_data_set import publish

Decision = dict[str, str]


def decided(number: int, action: str, **fields: str) -> Decision:
    return {"id": f"{pump_rows(1)[0].row.id}-{number}", "action": action, **fields}


def text(decisions: Sequence[Decision]) -> str:
    return "".join(json.dumps(decision) + "\n" for decision in decisions)


@pytest.mark.parametrize(
    ("applied", "since", "count"),
    [
        ([], [], 0),
        ([decided(0, "drop"), decided(1, "edit", answer="13 bar")], [], 0),
        ([], [decided(0, "accept")], 0),
        ([], [decided(0, "drop"), decided(1, "edit", answer="13 bar")], 2),
        # Decided anew: what was left out will be there again.
        ([decided(0, "drop")], [decided(0, "accept")], 1),
        ([decided(1, "edit", answer="13 bar")], [decided(1, "edit", answer="14 bar")], 1),
        # Of a pair that is not there, or not there with this text: nothing will come of it.
        ([], [decided(9, "drop"), decided(0, "drop", question="Who?")], 0),
    ],
)
def test_decisions_that_wait_for_ingest(
    tmp_path: Path, applied: list[Decision], since: list[Decision], count: int
) -> None:
    publish(tmp_path, pump_rows(2), reviews=text(applied))
    data_set = open_data_set(str(tmp_path))
    reviews = parse_reviews(text([*applied, *since]).split("\n")).latest()
    pending = PendingReviews(reviews, data_set.dropped_ids())
    for published in data_set.rows():
        pending.look(published.numbered)
    assert pending.count == count


def test_a_drop_that_was_taken_back_waits_too(tmp_path: Path) -> None:
    publish(tmp_path, pump_rows(1), reviews=text([decided(0, "drop")]))
    assert PendingReviews({}, open_data_set(str(tmp_path)).dropped_ids()).count == 1

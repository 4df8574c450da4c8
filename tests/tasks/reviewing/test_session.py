"""A sitting: decisions are in the file at once, can be taken back, and mean what was seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tasks.assemble import NumberedRow
from tasks.reviewing.log import ReviewLog
from tasks.reviewing.queue import ReviewFilters, review_queue
from tasks.reviewing.session import Session, ShownPair, edit_of, newly_broken
from tasks.reviews import apply_reviews, parse_reviews
from tasks.storage import Location
from tests.tasks.dataset_rows import pump_rows
from tests.tasks.reviewing.test_queue import published


class Sitting:
    """A session over rows in memory, and the file that it writes."""

    def __init__(self, folder: Path, rows: Sequence[NumberedRow], show: bool = False) -> None:
        self.file = folder / "reviews.jsonl"
        self.rows = rows
        self.log = ReviewLog(Location(folder))
        queue = review_queue(
            published(rows),
            ReviewFilters(show_reviewed=show),
            lambda id_, pair: self.log.decides(id_, pair) is not None,
        )
        self.session = Session(queue.candidates, lambda at: rows[at // 1000].row, self.log)

    def shown(self) -> ShownPair:
        shown = self.session.current()
        assert shown is not None
        return shown

    def written(self) -> list[tuple[str, str, str | None, str | None]]:
        lines = self.file.read_text(encoding="utf-8").split("\n")
        return [tuple(json.loads(line).values()) for line in lines if line]

    def applied(self) -> tuple[NumberedRow, ...]:
        text = self.file.read_text(encoding="utf-8")
        return apply_reviews(self.rows, parse_reviews(text.split("\n"))).rows


def test_a_walk_through_two_rows(tmp_path: Path) -> None:
    rows = pump_rows(2)
    sitting = Sitting(tmp_path, rows)
    session = sitting.session
    first = sitting.shown()
    assert (first.place, first.of, first.id) == (1, 6, f"{rows[0].row.id}-0")
    session.accept(first)
    session.drop(sitting.shown())
    session.edit(sitting.shown(), "Aster 泵在哪里制造？", "Lyon")
    session.skip()
    assert sitting.shown().id == f"{rows[1].row.id}-1"
    assert session.counts() == {"accept": 1, "drop": 1, "edit": 1}
    assert session.left == 3
    assert sitting.written() == [
        (first.id, "accept", "What is the impeller of the Aster pump made of?", "brass"),
        (
            f"{rows[0].row.id}-1",
            "drop",
            "At what pressure does the Aster pump deliver water?",
            "12 bar",
        ),
        (f"{rows[0].row.id}-2", "edit", "Aster 泵在哪里制造？", "Lyon"),
    ]
    session.skip()
    session.skip()
    assert session.current() is None
    kept = sitting.applied()
    assert [id_ for id_, _ in kept[0].numbered_pairs()] == [first.id, f"{rows[0].row.id}-2"]
    assert kept[0].row.qa_pairs[1].question == "Aster 泵在哪里制造？"


def test_undo_goes_back_over_what_was_skipped_and_further(tmp_path: Path) -> None:
    sitting = Sitting(tmp_path, pump_rows(2))
    session = sitting.session
    assert session.undo() is None
    first = sitting.shown()
    session.drop(first)
    second = sitting.shown()
    session.accept(second)
    session.skip()
    undone = session.undo()
    assert undone is not None
    assert (undone.choice, sitting.shown().id) == ("accept", second.id)
    assert [line[0] for line in sitting.written()] == [first.id]
    session.undo()
    assert sitting.shown() == first
    assert sitting.written() == []
    assert session.counts() == {}
    assert session.undo() is None


def test_accepting_an_edit_that_is_not_applied_yet_keeps_the_edit(tmp_path: Path) -> None:
    rows = pump_rows(1)
    sitting = Sitting(tmp_path, rows)
    sitting.session.edit(sitting.shown(), "What is Aster's impeller made of?", "brass")
    again = Sitting(tmp_path, rows, show=True)
    shown = again.shown()
    assert shown.before is not None
    assert shown.before.action == "edit"
    assert shown.pair.question == "What is Aster's impeller made of?"
    again.session.accept(shown)
    assert again.session.counts() == {"accept": 1}
    assert again.applied()[0].row.qa_pairs[0].question == "What is Aster's impeller made of?"


def test_accepting_what_was_edited_and_then_dropped_keeps_the_edit(tmp_path: Path) -> None:
    rows = pump_rows(1)
    first = Sitting(tmp_path, rows)
    first.session.edit(first.shown(), "What is Aster's impeller made of?", "brass")
    edited = first.applied()
    second = Sitting(tmp_path, edited, show=True)
    second.session.drop(second.shown())
    assert len(second.applied()[0].row.qa_pairs) == 2
    third = Sitting(tmp_path, edited, show=True)
    third.session.accept(third.shown())
    # Applied to what synthesis wrote, as the next ingest does.
    text = third.file.read_text(encoding="utf-8")
    made = apply_reviews(rows, parse_reviews(text.split("\n")))
    assert made.rows[0].row.qa_pairs[0].question == "What is Aster's impeller made of?"
    assert made.rejects == ()


def test_dropping_an_edited_pair_drops_what_synthesis_wrote(tmp_path: Path) -> None:
    rows = pump_rows(1)
    first = Sitting(tmp_path, rows)
    first.session.edit(first.shown(), "What is Aster's impeller made of?", "brass")
    second = Sitting(tmp_path, first.applied(), show=True)
    second.session.drop(second.shown())
    text = second.file.read_text(encoding="utf-8")
    made = apply_reviews(rows, parse_reviews(text.split("\n")))
    assert [id_[-2:] for id_, _ in made.rows[0].numbered_pairs()] == ["-1", "-2"]


def test_pairs_that_another_engine_wrote_are_shown_again(tmp_path: Path) -> None:
    rows = pump_rows(1)
    first = Sitting(tmp_path, rows)
    for _ in range(3):
        first.session.drop(first.shown())
    assert Sitting(tmp_path, rows).session.current() is None
    row = rows[0].row
    other = row.qa_pairs[0].model_copy(update={"question": "Which metal is the impeller?"})
    changed = row.model_copy(update={"qa_pairs": (other, *row.qa_pairs[1:])})
    again = Sitting(tmp_path, [NumberedRow(row=changed, numbers=(0, 1, 2))])
    assert again.shown().pair.question == "Which metal is the impeller?"
    assert again.shown().before is None
    assert len(again.applied()[0].row.qa_pairs) == 1


def test_only_rules_that_the_edit_breaks_are_told(tmp_path: Path) -> None:
    sitting = Sitting(tmp_path, pump_rows(1))
    shown = sitting.shown()

    def broken(question: str, answer: str = "brass") -> set[str]:
        return {b.reason for b in newly_broken(shown, edit_of(shown, question, answer))}

    assert broken("Which metal is the impeller of the Aster pump made of?") == set()
    assert broken("What is it made of") == {"question-form", "question-dangling"}
    assert "question-refers-to-text" in broken("According to the text, what is the impeller?")
    assert broken("Is the impeller of the Aster pump made of brass?") == {"answer-in-question"}
    assert broken("What is the impeller of the Aster pump made of?", "黄铜合金") == {
        "answer-language"
    }

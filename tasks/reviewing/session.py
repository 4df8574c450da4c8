"""One sitting of a reviewer: where in the queue, what was decided, and how to take it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from tasks.assemble import pair_id
from tasks.records import DroppedPair, QAPair, Record, Review, TextChunk, TrainingRow
from tasks.reviewing.log import ReviewLog
from tasks.reviewing.queue import Candidate
from tasks.reviews import edited_pair
from tasks.synthesis.rules import check_pair

Choice = Literal["accept", "edit", "drop"]


class ShownPair(Record):
    """A pair as the reviewer sees it. `pair` already has an edit that the data set has not yet."""

    id: str
    row: TrainingRow
    position: int
    pair: QAPair
    before: Review | None
    place: int
    of: int


class Decision(Record):
    """What was written, and what the person meant: an edit that is accepted is written again."""

    place: int
    choice: Choice
    review: Review


class Session:
    """Walks through a queue. Every decision is in the file before the method returns."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        read_row: Callable[[int], TrainingRow],
        log: ReviewLog,
    ) -> None:
        self._candidates = candidates
        self._read_row = read_row
        self._log = log
        self._place = 0
        self._decisions: list[Decision] = []

    def current(self) -> ShownPair | None:
        """The pair to decide about; None at the end."""
        if self._place >= len(self._candidates):
            return None
        candidate = self._candidates[self._place]
        row = self._read_row(candidate.offset)
        id_ = pair_id(row.id, candidate.number)
        pair = row.qa_pairs[candidate.position]
        before = self._log.decides(id_, pair)
        if before is not None and before.action == "edit":
            pair = edited_pair(row, pair, before)
        return ShownPair(
            id=id_,
            row=row,
            position=candidate.position,
            pair=pair,
            before=before,
            place=self._place + 1,
            of=len(self._candidates),
        )

    def accept(self, shown: ShownPair) -> None:
        """Keeps the pair as it is shown.

        After an edit, an accept alone would bring back what synthesis wrote: the later line
        decides. So the edit is written again.
        """
        action: Choice = "edit" if self._log.was_edited(shown.id) else "accept"
        self._decide(shown, "accept", action, shown.pair.question, shown.pair.answer)

    def edit(self, shown: ShownPair, question: str, answer: str) -> None:
        """Puts this question and this answer in the pair's place, also where one did not change:
        the line must say the same whatever another engine makes of the chunk."""
        self._decide(shown, "edit", "edit", question, answer)

    def drop(self, shown: ShownPair) -> None:
        """Leaves the pair out. The line quotes it, unless a person's text was in its place."""
        edited = self._log.was_edited(shown.id)
        question, answer = shown.pair.question, shown.pair.answer
        self._decide(
            shown, "drop", "drop", None if edited else question, None if edited else answer
        )

    def skip(self) -> None:
        self._place += 1

    def undo(self) -> Decision | None:
        """Takes the last decision out of the file and goes back to its pair; None without one."""
        if not self._decisions:
            return None
        decision = self._decisions[-1]
        self._log.take_back(decision.review)
        self._decisions.pop()
        self._place = decision.place
        return decision

    def counts(self) -> Counter[Choice]:
        """Pairs decided in this sitting."""
        return Counter(decision.choice for decision in self._decisions)

    @property
    def left(self) -> int:
        """Pairs of the queue without a decision of this sitting, skipped ones too."""
        return len(self._candidates) - len(self._decisions)

    def _decide(
        self,
        shown: ShownPair,
        choice: Choice,
        action: Choice,
        question: str | None,
        answer: str | None,
    ) -> None:
        review = Review(id=shown.id, action=action, question=question, answer=answer)
        self._log.append(review)
        self._decisions.append(Decision(place=self._place, choice=choice, review=review))
        self._place += 1


def edit_of(shown: ShownPair, question: str, answer: str) -> QAPair:
    """The pair as the edit would make it."""
    review = Review(id=shown.id, action="edit", question=question, answer=answer)
    return edited_pair(shown.row, shown.pair, review)


def newly_broken(shown: ShownPair, edited: QAPair) -> list[DroppedPair]:
    """Rules of synthesis that the edited pair breaks, and the pair that was shown does not."""
    row = shown.row
    chunk = TextChunk(
        text=row.chunk,
        pages=row.pages,
        headings=row.headings,
        image_ids=row.image_ids,
        language=row.language,
        tokens=0,
    )
    before = {broken.reason for broken in check_pair(shown.pair, chunk, wording="free")}
    return [
        broken
        for broken in check_pair(edited, chunk, wording="free")
        if broken.reason not in before
    ]

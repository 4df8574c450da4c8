"""Decisions that the data set does not show yet: the next ingest applies them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tasks.assemble import NumberedRow
from tasks.records import Review
from tasks.reviews import is_applied


class PendingReviews:
    """Compares reviews with the pairs as they are published, one row after another."""

    def __init__(self, reviews: Mapping[str, Review], dropped_ids: Collection[str]) -> None:
        """`dropped_ids` are pairs that the data set left out because of a review."""
        self._reviews = reviews
        self._waiting = {
            id_
            for id_ in dropped_ids
            # The drop was taken back or decided anew since: the pair will be there again.
            if (review := reviews.get(id_)) is None or review.action != "drop"
        }

    def look(self, numbered: NumberedRow) -> None:
        for id_, pair in numbered.numbered_pairs():
            review = self._reviews.get(id_)
            if review is not None and not is_applied(review, pair):
                self._waiting.add(id_)

    @property
    def count(self) -> int:
        return len(self._waiting)

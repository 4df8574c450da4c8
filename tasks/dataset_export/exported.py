"""What an export is made from, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tasks.assemble import NumberedRow
from tasks.dataset_export.facts import DataSetFacts
from tasks.published import PublishedDataSet
from tasks.reviewing.pending import PendingReviews


@dataclass
class Reading:
    """One pass over the training rows, in which everything that is told of them is counted."""

    data_set: PublishedDataSet
    pending: PendingReviews
    facts: DataSetFacts = field(default_factory=DataSetFacts)

    def rows(self) -> Iterator[tuple[NumberedRow, bool]]:
        """Each row, and whether its document is held out."""
        for numbered, held_out in self.data_set.sided_rows():
            self.pending.look(numbered)
            self.facts.count(numbered, held_out)
            yield numbered, held_out


@dataclass(frozen=True)
class Exported:
    """Files by name with their rows; None for one that has none (the data card)."""

    files: dict[str, int | None]
    facts: DataSetFacts

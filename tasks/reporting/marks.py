"""What is marked in the training rows: grades of pairs, and chunks that address the model."""

from __future__ import annotations

from collections import Counter

from tasks.assemble import ADDRESSES_MODEL
from tasks.records import Record, TrainingRow
from tasks.reporting.labels import plural

FLAGGED_EXAMPLES = 20
GRADES = (5, 4, 3, 2, 1)


class FlaggedChunk(Record):
    """A chunk whose text gives orders to whoever reads it."""

    id: str
    file_path: str
    pages: tuple[int, ...]


class RowMarks:
    """Rows go in one by one; what stays is counts and the first few flagged chunks."""

    def __init__(self) -> None:
        self.flagged = 0
        self.examples: list[FlaggedChunk] = []
        self._grades: dict[str, Counter[int]] = {
            "faithfulness": Counter(),
            "answerability": Counter(),
        }

    def add(self, row: TrainingRow) -> None:
        for pair in row.qa_pairs:
            if pair.grade is not None:
                self._grades["faithfulness"][pair.grade.faithfulness] += 1
                self._grades["answerability"][pair.grade.answerability] += 1
        if ADDRESSES_MODEL in row.flags:
            self.flagged += 1
            if len(self.examples) < FLAGGED_EXAMPLES:
                chunk = FlaggedChunk(id=row.id, file_path=row.file_path, pages=row.pages)
                self.examples.append(chunk)

    def grades(self) -> dict[str, dict[int, int]]:
        """Criterion -> grade, best first -> pairs; empty where no pair was graded."""
        return {
            name: {grade: counts[grade] for grade in GRADES if counts[grade]}
            for name, counts in self._grades.items()
            if counts
        }


def flagged_sentence(flagged: int) -> str:
    """What the reader must know of such chunks."""
    gives, is_ = ("gives", "is") if flagged == 1 else ("give", "are")
    return (
        f"{plural(flagged, 'chunk')} {gives} orders to a model that reads the text, and {is_} kept "
        f"and marked with the flag {ADDRESSES_MODEL}: look at their pairs before you train on them."
    )

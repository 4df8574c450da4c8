"""What an export says of the data set: counted on the way, a row at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tasks.assemble import NumberedRow
from tasks.published import REJECTS_FILE, PublishedDataSet
from tasks.records import Reject
from tasks.reporting.labels import engine_label
from tasks.reviewing.queue import lowest_grade


@dataclass
class DataSetFacts:
    """Counts of documents, chunks and pairs. Rows come file by file, as the data set has them."""

    documents: int = 0
    held_out_documents: int = 0
    chunks: Counter[str] = field(default_factory=Counter)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    held_out_pairs: int = 0
    evidenced_pairs: int = 0
    grades: Counter[int] = field(default_factory=Counter)
    synthesizers: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    _file: str | None = None

    def count(self, numbered: NumberedRow, held_out: bool) -> None:
        row = numbered.row
        if row.file_path != self._file:
            self._file = row.file_path
            self.documents += 1
            self.held_out_documents += held_out
        self.chunks[row.language] += 1
        self.synthesizers[engine_label(row.synthesizer.engine, row.synthesizer.model)] += 1
        self.flags.update(row.flags)
        for pair in row.qa_pairs:
            self.pairs[pair.type, pair.question_language] += 1
            self.held_out_pairs += held_out
            self.evidenced_pairs += pair.evidence is not None
            grade = lowest_grade(pair)
            if grade is not None:
                self.grades[grade] += 1

    @property
    def all_pairs(self) -> int:
        return self.pairs.total()

    def languages(self) -> tuple[str, ...]:
        """`en`, `zh`: of chunks and of questions; a mixed text has both."""
        found = {*self.chunks, *(language for _, language in self.pairs)}
        wanted = ("en", "zh")
        return tuple(name for name in wanted if name in found or "mixed" in found)


def count_rejects(data_set: PublishedDataSet) -> Counter[tuple[str, str]]:
    """Lines of rejects.jsonl by step and reason."""
    return Counter(
        (reject.step, reject.reason) for reject in data_set.records(REJECTS_FILE, Reject)
    )

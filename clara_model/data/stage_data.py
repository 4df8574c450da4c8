"""What loading a stage file gives: examples, and what became of the rows."""

from __future__ import annotations

from dataclasses import dataclass

from clara_model.config import Stage
from clara_model.data.examples import Example
from clara_model.data.truncation import TruncationReport


@dataclass(frozen=True)
class DataCounts:
    """What became of the rows of a file."""

    rows: int
    """Rows read."""
    examples: int
    documents: int
    """Distinct documents."""
    blank_lines: int
    """Passed over; 0 where the rows did not come from a file."""
    skipped: dict[str, int]
    """Rows without an example, by reason (`PROMPT_TOO_LONG`, `TRACE_TOO_LONG` of building.py)."""
    answers_cut: int
    """Answers that lost their end and their eos to decoder_max_length."""
    queries_cut: int
    """end_to_end: questions that lost their end to doc_max_length, as queries."""
    rows_with_fewer_documents: int
    """end_to_end: rows with fewer documents than `candidates`."""

    def notices(self) -> list[str]:
        """A sentence for each thing that a person should know."""
        said = []
        if self.skipped:
            reasons = ", ".join(f"{why} {count}" for why, count in sorted(self.skipped.items()))
            said.append(f"{sum(self.skipped.values())} of {self.rows} rows are skipped: {reasons}.")
        if self.answers_cut:
            said.append(
                f"{self.answers_cut} of {self.examples} answers are cut at decoder_max_length: "
                "they lose their end and their eos."
            )
        if self.queries_cut:
            said.append(
                f"{self.queries_cut} of {self.examples} questions are cut at doc_max_length as "
                "queries."
            )
        if self.rows_with_fewer_documents:
            said.append(
                f"{self.rows_with_fewer_documents} of {self.rows} rows have fewer documents than "
                "`candidates`."
            )
        if self.blank_lines:
            said.append(f"{self.blank_lines} blank lines are passed over.")
        return said


@dataclass(frozen=True)
class StageData:
    """The examples of a stage, in the order of their rows."""

    stage: Stage
    examples: list[Example]
    truncation: TruncationReport
    counts: DataCounts

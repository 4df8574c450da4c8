"""Stage files, read line by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from clara_model.config import Stage
from clara_model.data.rows import StageRow, parse_row
from clara_model.errors import DataError

STAGE_FILES: dict[Stage, str] = {
    "compression": "pretrain_data.jsonl",
    "instruction": "instruction_data.jsonl",
    "end_to_end": "end_to_end_data.jsonl",
    "reasoning": "reasoning_data.jsonl",
}
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def stage_file(stage: Stage, file_or_folder: Path | str) -> Path:
    """The stage's file in a data set's folder, or the file itself. Raises DataError."""
    given = Path(file_or_folder)
    path = given / STAGE_FILES[stage] if given.is_dir() else given
    if not path.is_file():
        raise DataError(
            f"There is no {path}: stage {stage} reads {STAGE_FILES[stage]} of a data set's folder "
            "(written by `clara ingest`), or a JSONL file that you name."
        )
    return path


class StageFile:
    """The rows of one file, as often as it is iterated; a DataError names the file and the line."""

    def __init__(self, path: Path, stage: Stage) -> None:
        self.path, self.stage = path, stage
        self.size_bytes = path.stat().st_size
        self.read_bytes = 0
        """Of the iteration that is going on, for progress."""
        self.blank_lines = 0
        """Of the iteration that is going on; they are passed over."""

    def __iter__(self) -> Iterator[StageRow]:
        """Raises DataError for a malformed row, and at the end for a file without rows."""
        self.read_bytes = self.blank_lines = rows = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                self.read_bytes += len(line)
                if not line.strip():
                    self.blank_lines += 1
                    continue
                rows += 1
                yield self._row(line, number)
        if not rows:
            raise DataError(f"{self.path}: the file holds no row.")

    def _row(self, line: bytes, number: int) -> StageRow:
        where = f"{self.path}:{number}"
        try:
            text = (line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line).decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{where}: not UTF-8 (byte 0x{error.object[error.start]:02x} at position "
                f"{error.start} of the line). Save the file as UTF-8."
            ) from error
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            at = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise DataError(
                f"{where}: not a JSON object{at}. The file has one object a line (JSONL)."
            ) from error
        if not isinstance(row, dict):
            raise DataError(f"{where}: {type(row).__name__}, not a JSON object a line (JSONL).")
        return parse_row(self.stage, row, where, default_id=f"line-{number}")

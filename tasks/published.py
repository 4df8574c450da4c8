"""A published data set, read a row at a time: the ids of its pairs, and which rows are held out.

A file whose bytes are not those that the manifest names is an error when its end is reached:
pair ids are worked out from two files, and a row taken out by hand would move them.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from tasks.assemble import NumberedRow, pair_id
from tasks.errors import ClaraError, StorageError, UsageError
from tasks.manifest import MANIFEST_FILE, Manifest, parse_manifest
from tasks.records import Reject, RetrievalRow, TrainingRow
from tasks.reviews import DROPPED_REASON, REVIEW_STEP
from tasks.stage_rows import EVAL_FILE
from tasks.storage import Location

# Named here as well: tasks.export, which writes them, costs two seconds of importing Prefect.
TRAINING_FILE = "clara_training_data.jsonl"
REJECTS_FILE = "rejects.jsonl"
_READ_BYTES = 1 << 20
# Ingest writes the id first: the documents of a row need not be parsed to know it.
_PAIR_ID = re.compile(rb'\{"id":"([^"\\]+)"')

Model = TypeVar("Model", bound=BaseModel)


class DataSetMissing(UsageError):
    """OUT holds no data set, or one that is not complete."""


class DataSetChanged(ClaraError):
    """A file of the data set is not the one that the manifest describes."""


class Line(NamedTuple):
    """A line of a file, without its newline, and the byte at which it begins."""

    offset: int
    text: bytes


class PublishedRow(NamedTuple):
    """A training row with the numbers of its pairs, and the byte at which its line begins."""

    offset: int
    numbered: NumberedRow


@dataclass(frozen=True)
class PublishedDataSet:
    """A folder with a manifest. Raises DataSetChanged where a file is not what it says."""

    location: Location
    manifest: Manifest

    def row_count(self, name: str) -> int:
        """Rows of a file by the manifest; 0 for a file that it does not name."""
        entry = self.manifest.files.get(name)
        return (entry.rows or 0) if entry else 0

    def open(self, name: str) -> IO[bytes]:
        try:
            return self.location.open(name)
        except FileNotFoundError as error:
            raise self._changed(name, "is not there") from error

    def lines(self, name: str) -> Iterator[Line]:
        """The lines of a file, one after another; at the end their hash is compared."""
        entry = self.manifest.files.get(name)
        if entry is None:
            raise self._changed(name, f"is not named in {MANIFEST_FILE}")
        digest, offset, rest = hashlib.sha256(), 0, b""
        with self.open(name) as stream:
            while piece := self._read(name, stream):
                digest.update(piece)
                *whole, rest = (rest + piece).split(b"\n")
                for text in whole:
                    yield Line(offset=offset, text=text)
                    offset += len(text) + 1
        if rest or digest.hexdigest() != entry.sha256:
            raise self._changed(name, f"is not the file that {MANIFEST_FILE} describes")

    def _read(self, name: str, stream: IO[bytes]) -> bytes:
        try:
            return stream.read(_READ_BYTES)
        except OSError as error:
            raise StorageError(
                f"could not read {self.location.uri(name)}: {error.strerror or error}"
            ) from error

    def records(self, name: str, model: type[Model]) -> Iterator[Model]:
        """The rows of a file."""
        for number, line in enumerate(self.lines(name), start=1):
            yield self._parsed(name, number, line, model)

    def rows(self) -> Iterator[PublishedRow]:
        """The training rows, with the numbers that their pairs had before any was dropped."""
        dropped = self.dropped_numbers()
        for number, line in enumerate(self.lines(TRAINING_FILE), start=1):
            row = self._parsed(TRAINING_FILE, number, line, TrainingRow)
            numbers = _numbers(len(row.qa_pairs), dropped.get(row.id, set()))
            yield PublishedRow(offset=line.offset, numbered=NumberedRow(row=row, numbers=numbers))

    def sided_rows(self) -> Iterator[tuple[NumberedRow, bool]]:
        """The training rows, each with whether its document is held out.

        Every pair of a held-out row, and no other, has a row in eval_data, in the same order.
        """
        held_out = self._eval_ids()
        upcoming = next(held_out, None)
        for published in self.rows():
            numbered = published.numbered
            ids = [id_ for id_, _ in numbered.numbered_pairs()]
            if not ids or ids[0] != upcoming:
                yield numbered, False
                continue
            for id_ in ids:
                if id_ != upcoming:
                    raise self._changed(EVAL_FILE, f"has no row {id_} where one should stand")
                upcoming = next(held_out, None)
            yield numbered, True
        if upcoming is not None:
            raise self._changed(EVAL_FILE, f"has a row {upcoming} that no training row explains")

    def dropped_numbers(self) -> dict[str, set[int]]:
        """Numbers of the pairs that reviews took out, by chunk id."""
        found: dict[str, set[int]] = defaultdict(set)
        for reject in self.records(REJECTS_FILE, Reject):
            if (reject.step, reject.reason) == (REVIEW_STEP, DROPPED_REASON) and reject.id:
                row_id, _, number = reject.id.rpartition("-")
                if number.isdecimal():
                    found[row_id].add(int(number))
        return dict(found)

    def dropped_ids(self) -> frozenset[str]:
        """Ids of the pairs that reviews took out."""
        return frozenset(
            pair_id(row_id, number)
            for row_id, numbers in self.dropped_numbers().items()
            for number in numbers
        )

    def _eval_ids(self) -> Iterator[str]:
        for number, line in enumerate(self.lines(EVAL_FILE), start=1):
            if found := _PAIR_ID.match(line.text):
                yield found[1].decode()
            else:
                yield self._parsed(EVAL_FILE, number, line, RetrievalRow).id

    def _parsed(self, name: str, number: int, line: Line, model: type[Model]) -> Model:
        try:
            return model.model_validate_json(line.text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise self._changed(
                name, f"has a line {number} that cannot be read ({field}: {first['msg']})"
            ) from error

    def _changed(self, name: str, what: str) -> DataSetChanged:
        return DataSetChanged(
            f"{self.location.uri(name)} {what}: it was changed by hand, copied in part, or written "
            "by another version of this program; run the same `clara ingest` command again"
        )


def open_data_set(output: str) -> PublishedDataSet:
    """The data set in a folder or at a URI. Raises DataSetMissing, ManifestInvalid."""
    location = Location(output)
    if not location.exists():
        raise DataSetMissing(f"OUT {output!r} does not exist: name the folder of a data set")
    if not location.is_folder():
        raise DataSetMissing(f"OUT {output!r} is a file: name the folder of a data set")
    try:
        manifest = parse_manifest(location.read_bytes(MANIFEST_FILE), location.uri(MANIFEST_FILE))
    except FileNotFoundError as error:
        if location.exists(TRAINING_FILE):
            raise DataSetMissing(
                f"the data set in {output!r} is not complete (it has no {MANIFEST_FILE}): a run is "
                "writing it, or one was stopped; run the same `clara ingest` command again"
            ) from error
        raise DataSetMissing(
            f"OUT {output!r} holds no data set (no {MANIFEST_FILE}): make one by "
            f"`clara ingest SOURCE --output {output}`"
        ) from error
    return PublishedDataSet(location, manifest)


def row_at(stream: IO[bytes], offset: int) -> TrainingRow:
    """The row whose line begins at this byte of the open training file. Raises DataSetChanged."""
    stream.seek(offset)
    try:
        return TrainingRow.model_validate_json(stream.readline())
    except ValidationError as error:
        # A local file that is replaced stays readable while it is open; an object does not.
        raise DataSetChanged(
            f"{TRAINING_FILE} was replaced while it was read: run the same command again"
        ) from error


def _numbers(pairs: int, dropped: set[int]) -> tuple[int, ...]:
    """What was dropped left holes in 0, 1, 2, ...; the pairs that stand fill the rest."""
    numbers: list[int] = []
    candidate = 0
    while len(numbers) < pairs:
        if candidate not in dropped:
            numbers.append(candidate)
        candidate += 1
    return tuple(numbers)

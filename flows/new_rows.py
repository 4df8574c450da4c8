"""Which rows of a data set a model has not seen, and the data set of those with some old ones.

A row is known by what it asks and what it answers: the documents around an answer change with
every document that is added, and make no new row of it. A key is 16 hex digits of a hash of the
file, the id, the question and the answer: of a hundred million rows two share one in one data set
of four thousand, and a new row then counts as an old one.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from clara_model.config import Stage
from clara_model.data.files import STAGE_FILES
from tasks.errors import ClaraError
from tasks.manifest import MANIFEST_FILE, FileEntry, Manifest
from tasks.published import PublishedDataSet, open_data_set
from tasks.records import Record
from tasks.stage_rows import EVAL_FILE
from tasks.storage import Location

if TYPE_CHECKING:
    import numpy as np

_KEY_BYTES = 8


class RowsUnreadable(ClaraError):
    """A line of a stage file is no row, or a list of keys is no list of keys."""


class RowCounts(Record):
    """Of one stage file."""

    new: int
    old: int
    replayed: int = Field(default=0, description="old rows that stand in the increment")


class SeenRows:
    """The keys of rows that a model was trained on; 8 bytes of memory for each."""

    def __init__(self, keys: np.ndarray | None = None) -> None:
        import numpy as np

        self._keys = (
            np.empty(0, dtype=np.uint64) if keys is None else np.unique(keys.astype(np.uint64))
        )

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: int) -> bool:
        import numpy as np

        at = int(np.searchsorted(self._keys, np.uint64(key)))
        return at < len(self._keys) and int(self._keys[at]) == key


def read_seen(folder: Location, names: Iterable[str]) -> SeenRows:
    """The keys of all lists named. Raises FileNotFoundError, RowsUnreadable, StorageError."""
    import numpy as np

    keys = [np.empty(0, dtype=">u8")]
    for name in names:
        try:
            digits = bytes.fromhex(folder.read_bytes(name).decode("ascii"))
            keys.append(np.frombuffer(digits, dtype=">u8"))
        except ValueError as error:
            raise RowsUnreadable(
                f"{folder.uri(name)} is no list of row keys ({error}): restore it, or delete "
                "current.json beside it, and every row counts as new"
            ) from error
    return SeenRows(np.concatenate(keys))


def write_seen(folder: Location, name: str, keys: Iterable[int]) -> None:
    """One key a line, sorted. Raises StorageError."""
    folder.make()
    with folder.writing(name) as stream:
        for key in sorted(set(keys)):
            stream.write(b"%016x\n" % key)


def row_key(file: str, line: bytes, where: str) -> int:
    """The key of a stage file's row. Raises RowsUnreadable."""
    try:
        row = json.loads(line)
        answer = row["gold_answer"] if "gold_answer" in row else row["answers"]
        known = [file, row["id"], row["question"], answer]
    except (ValueError, KeyError, TypeError) as error:
        raise RowsUnreadable(
            f"{where} is no row of a stage ({type(error).__name__}: {error}): run `clara ingest` "
            "again"
        ) from error
    text = json.dumps(known, ensure_ascii=False, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:_KEY_BYTES], "big")


def keys_of(data_set: PublishedDataSet, stage: Stage) -> Iterator[int]:
    """The keys of a stage's rows, in order. Raises DataSetChanged, RowsUnreadable."""
    file = STAGE_FILES[stage]
    for number, line in enumerate(data_set.lines(file), start=1):
        yield row_key(file, line.text, f"{data_set.location.uri(file)}:{number}")


def count_rows(data_set: PublishedDataSet, stage: Stage, seen: SeenRows) -> RowCounts:
    """How many rows of a stage are new. Raises DataSetChanged, RowsUnreadable."""
    new = old = 0
    for key in keys_of(data_set, stage):
        if key in seen:
            old += 1
        else:
            new += 1
    return RowCounts(new=new, old=old)


@dataclass(frozen=True)
class Increment:
    """A data set that was written, and the keys of its new rows."""

    counts: dict[Stage, RowCounts]
    new_keys: list[int]


def write_increment(
    output: str,
    target: Location,
    *,
    counts: Mapping[Stage, RowCounts],
    seen: SeenRows,
    replay_share: float,
    seed: str,
) -> Increment:
    """Writes the new rows of the stages in `counts`, and for each of them `replay_share` old ones.

    Rows keep their order; the old ones are those with the smallest hash of `seed` and key, so that
    the same seed picks the same ones. Held-out rows come along whole. The manifest is written
    last. Raises DataSetChanged where the data set is replaced meanwhile, StorageError.
    """
    data_set = open_data_set(output)
    target.make()
    written, new_keys, files = {}, list[int](), dict[str, FileEntry]()
    for stage, counted in counts.items():
        name = STAGE_FILES[stage]
        wanted = min(counted.old, round(counted.new * replay_share))
        replayed = _sample(keys_of(data_set, stage), seen, wanted, seed)
        fresh: list[int] = []
        files[name] = _write(target, name, _chosen(data_set, name, seen, replayed, fresh))
        new_keys += fresh
        written[stage] = RowCounts(new=len(fresh), old=counted.old, replayed=len(replayed))
    held_out = (line.text for line in data_set.lines(EVAL_FILE))
    files[EVAL_FILE] = _write(target, EVAL_FILE, held_out)
    target.write_bytes(MANIFEST_FILE, _manifest(data_set.manifest, files).to_json())
    return Increment(counts=written, new_keys=new_keys)


def _sample(keys: Iterable[int], seen: SeenRows, wanted: int, seed: str) -> set[int]:
    if not wanted:
        return set()
    ranked = ((_rank(key, seed), key) for key in keys if key in seen)
    return {key for _, key in heapq.nsmallest(wanted, ranked)}


def _rank(key: int, seed: str) -> bytes:
    return hashlib.sha256(f"{seed}:{key:016x}".encode()).digest()


def _chosen(
    data_set: PublishedDataSet, name: str, seen: SeenRows, replayed: set[int], fresh: list[int]
) -> Iterator[bytes]:
    """Lines that are new, whose keys `fresh` gets, and those that are replayed."""
    for number, line in enumerate(data_set.lines(name), start=1):
        key = row_key(name, line.text, f"{data_set.location.uri(name)}:{number}")
        if key not in seen:
            fresh.append(key)
            yield line.text
        elif key in replayed:
            yield line.text


def _write(target: Location, name: str, lines: Iterable[bytes]) -> FileEntry:
    digest, size, rows = hashlib.sha256(), 0, 0
    with target.writing(name) as stream:
        for text in lines:
            line = text + b"\n"
            stream.write(line)
            digest.update(line)
            size += len(line)
            rows += 1
    return FileEntry(sha256=digest.hexdigest(), bytes=size, rows=rows)


def _manifest(whole: Manifest, files: dict[str, FileEntry]) -> Manifest:
    """Of the same sources, engines and options, with the files of the increment alone."""
    versions = whole.versions.model_copy(update={"inputs": None})
    return whole.model_copy(update={"files": dict(sorted(files.items())), "versions": versions})

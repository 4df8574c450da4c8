"""Rows of records as Parquet: typed by the records, a bounded number of them in memory.

The same rows give the same bytes: no time and no name of a machine is written.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Literal, Self, Union, get_args, get_origin

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from tasks.storage import Location

# A row group is what a reader has in memory at once.
GROUP_ROWS = 1000
GROUP_CHARACTERS = 8_000_000

_SCALARS: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


def schema_of(model: type[BaseModel]) -> pa.Schema:
    """The columns of a record, in the order of its fields.

    All of them may be null, as in the files that every reader is tried with; which ones are says
    the record.
    """
    return pa.schema(_fields(model))


def _fields(model: type[BaseModel]) -> list[pa.Field]:
    return [pa.field(name, _type(info.annotation)) for name, info in model.model_fields.items()]


def _type(annotation: Any) -> pa.DataType:
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin, parameters = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return pa.string()
    if origin is tuple and len(parameters) == 2 and parameters[1] is Ellipsis:
        return pa.list_(_type(parameters[0]))
    present = [kind for kind in parameters if kind is not type(None)]
    if origin in (Union, types.UnionType) and len(present) == 1:
        return _type(present[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pa.struct(_fields(annotation))
    raise TypeError(f"{annotation} has no Parquet type here")


class ParquetFiles:
    """Parquet files side by side, each there once it is complete and has a row."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._stack = ExitStack()
        self._files: dict[str, _ParquetFile] = {}

    def __enter__(self) -> Self:
        self._stack.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return self._stack.__exit__(kind, error, trace)

    @property
    def rows(self) -> dict[str, int]:
        """Rows by file, of those that have any."""
        return {name: file.rows for name, file in self._files.items()}

    def write(self, name: str, row: BaseModel) -> None:
        file = self._files.get(name)
        if file is None:
            stream = self._stack.enter_context(self._location.writing(name))
            # Entered after its stream: so its footer is written before the stream is closed.
            file = self._stack.enter_context(_ParquetFile(stream, schema_of(type(row))))
            self._files[name] = file
        file.write(row)

    def write_all(self, name: str, rows: Iterable[BaseModel]) -> None:
        for row in rows:
            self.write(name, row)


class _ParquetFile:
    def __init__(self, stream: Any, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(stream, schema, compression="zstd")
        self._waiting: list[dict[str, Any]] = []
        self._characters = 0
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._flush()
                self._writer.close()
        finally:
            if self._writer.is_open:
                self._abandon()

    def write(self, row: BaseModel) -> None:
        values = row.model_dump()
        self._waiting.append(values)
        self._characters += _characters(values)
        self.rows += 1
        if len(self._waiting) >= GROUP_ROWS or self._characters >= GROUP_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_pylist(self._waiting, schema=self._schema))
        self._waiting, self._characters = [], 0

    def _abandon(self) -> None:
        """Ends the writer of a file that will not be there; why is being told already."""
        with suppress(OSError, ValueError, pa.ArrowException):
            self._writer.close()
        # Or its destructor would try once more, on a stream that is closed by then.
        self._writer.is_open = False


def _characters(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(_characters(part) for part in value.values())
    if isinstance(value, (list, tuple)):
        return sum(_characters(part) for part in value)
    return 0

"""A source file as a path of this machine: where it stands, or in a temporary copy."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.file_access import access_rejection
from tasks.records import SourceFile
from tasks.storage import Location


@contextmanager
def local_copy(file: SourceFile) -> Iterator[Path]:
    """Yields a local path. A remote file is downloaded, and deleted when the block ends.

    Raises FileRejected for one that is gone, StorageError.
    """
    if "://" not in file.uri:
        yield Path(file.uri)
        return
    # Only the ending is kept of the name: a name of 255 bytes must not fail here.
    ending = f".{file.filename.rsplit('.', 1)[-1]}" if "." in file.filename else ""
    with tempfile.TemporaryDirectory(prefix="clara-") as folder:
        path = Path(folder) / f"document{ending}"
        place = Location(file.uri)
        try:
            place.parent().fetch(place.root.rsplit("/", 1)[-1], path)
        except FileNotFoundError as error:
            raise access_rejection(error) from error
        yield path

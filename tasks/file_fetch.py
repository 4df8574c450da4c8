"""A source file as a path of this machine: where it stands, or in a temporary copy."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.records import SourceFile


@contextmanager
def local_copy(file: SourceFile) -> Iterator[Path]:
    """Yields a local path. A remote file is downloaded, and deleted when the block ends."""
    if "://" not in file.uri:
        yield Path(file.uri)
        return
    import fsspec

    # Only the ending is kept of the name: a name of 255 bytes must not fail here.
    ending = f".{file.filename.rsplit('.', 1)[-1]}" if "." in file.filename else ""
    with tempfile.TemporaryDirectory(prefix="clara-") as folder:
        path = Path(folder) / f"document{ending}"
        with fsspec.open(file.uri, "rb") as remote, path.open("wb") as copy:
            shutil.copyfileobj(remote, copy)
        yield path

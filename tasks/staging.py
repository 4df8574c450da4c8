"""New files of a data set, written beside it and moved in together when all are complete.

While a run writes, the data set of the run before stays as it is. Publishing takes the old
manifest away first: whoever looks between two renames sees a data set without a manifest, and
that is not complete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel

from tasks.manifest import MANIFEST_FILE, FileEntry
from tasks.storage import Location

STAGING_FOLDER = ".staging"
PREVIOUS_MANIFEST = "previous_manifest.json"
_SENT_AT_ONCE = 4


class Staging:
    """The folder of unfinished files: inside a local OUT, in CLARA_HOME for a remote one."""

    def __init__(self, output: Location, home: Path) -> None:
        self.output = output
        if output.is_local:
            self.location = output / STAGING_FOLDER
        else:
            name = hashlib.sha256(output.uri().encode()).hexdigest()[:16]
            self.location = Location(home / "staging" / name)

    def holds(self, files: Mapping[str, FileEntry]) -> bool:
        """Whether these very files are here: what a run that was killed had finished."""
        return all(
            self.location.exists(name)
            and self.location.size_and_sha256(name) == (entry.bytes, entry.sha256)
            for name, entry in files.items()
        )

    def write_rows(self, name: str, rows: Iterable[BaseModel]) -> FileEntry:
        """Writes a JSONL file, a row at a time. Raises DiskFull, StorageError."""
        digest, size, count = hashlib.sha256(), 0, 0
        with self.location.writing(name) as stream:
            for row in rows:
                line = row.model_dump_json().encode("utf-8") + b"\n"
                stream.write(line)
                digest.update(line)
                size += len(line)
                count += 1
        return FileEntry(sha256=digest.hexdigest(), bytes=size, rows=count)

    def write_bytes(self, name: str, data: bytes) -> FileEntry:
        self.location.write_bytes(name, data)
        return FileEntry(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))

    def publish(self, names: Iterable[str]) -> None:
        """Moves files to their final names. The manifest is not among them: it comes after."""
        self._retire_manifest()
        if self.output.is_local:
            for name in names:
                (self.location.local_path / name).replace(self.output.local_path / name)
            return
        staged = self.location.local_path
        # In this order of steps, so that a run that is killed here finds all of it staged.
        names = list(names)
        with ThreadPoolExecutor(max_workers=_SENT_AT_ONCE) as threads:
            list(threads.map(lambda name: self.output.send(staged / name, name), names))
        for name in names:
            self.location.remove(name)

    def forget_previous_manifest(self) -> None:
        """Once its successor stands, the old one would only mislead a later run."""
        self.location.remove(PREVIOUS_MANIFEST)

    def _retire_manifest(self) -> None:
        """Keeps the old manifest's text: it names the files of the run before."""
        if self.output.exists(MANIFEST_FILE):
            self.location.write_bytes(PREVIOUS_MANIFEST, self.output.read_bytes(MANIFEST_FILE))
            self.output.remove(MANIFEST_FILE)

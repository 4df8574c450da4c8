"""The folder of an export: which one it may be, what stands in it, and when it is complete.

Every file is whole or not there. A hidden marker says which files are ours, so that a later
export replaces them and takes away those that it does not write any more; a file of that name
that somebody else put there is never overwritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.assemble import ASSETS_FOLDER
from tasks.errors import OutputNotWritable, UsageError
from tasks.manifest import MANIFEST_FILE
from tasks.published import TRAINING_FILE, PublishedDataSet
from tasks.storage import Location, remove_stale_temporaries

EXPORT_FOLDER = "export"
MARKER_FILE = ".clara-export.json"
_OWN_FOLDERS = (ASSETS_FOLDER, ".staging", ".cache")


class ExportFolderTaken(UsageError):
    """The folder holds something that an export must not replace."""


class Destination:
    """A folder that files are written to, and the names of those that are complete."""

    def __init__(self, data_set: PublishedDataSet, format: str, to: str | None) -> None:
        """Raises ExportFolderTaken, OutputNotWritable, StorageError."""
        self._data_set = data_set
        self._format = format
        self.location = Location(to) if to else data_set.location / EXPORT_FOLDER / format
        _check_place(self.location, data_set.location)
        self.location.make()
        if self.location.is_local and not os.access(self.location.local_path, os.W_OK | os.X_OK):
            raise OutputNotWritable(
                f"{self.location.uri()} cannot be written to: choose another folder by --to"
            )
        self._before = self._files_before()

    def begin(self, names: Sequence[str]) -> None:
        """Claims the names. From here until `finish` the export is not complete.

        Raises ExportFolderTaken where one of them belongs to somebody else.
        """
        for name in names:
            if name not in self._before and self.location.exists(name):
                raise ExportFolderTaken(
                    f"{self.location.uri(name)} was not written by an export of this program: "
                    "choose another folder by --to, or move that file away"
                )
        if self.location.is_local:
            for folder in {(self.location.local_path / name).parent for name in names}:
                remove_stale_temporaries(folder)
        self._mark(dict.fromkeys([*self._before, *names]), complete=False)

    def finish(self, rows: Mapping[str, int | None]) -> None:
        """Takes away what earlier exports wrote and this one did not, and marks it complete."""
        for name in self._before:
            if name not in rows:
                self.location.remove(name)
        self._mark(rows, complete=True)

    def _files_before(self) -> tuple[str, ...]:
        try:
            content = json.loads(self.location.read_bytes(MARKER_FILE))
            return tuple(str(name) for name in content["files"])
        except FileNotFoundError:
            return ()
        except (ValueError, KeyError, TypeError) as error:
            raise ExportFolderTaken(
                f"{self.location.uri(MARKER_FILE)} cannot be read ({error}), so nobody knows which "
                "files of this folder are an export: choose another folder by --to"
            ) from error

    def _mark(self, rows: Mapping[str, int | None], *, complete: bool) -> None:
        entry = self._data_set.manifest.files.get(TRAINING_FILE)
        content: dict[str, Any] = {
            "format": self._format,
            "complete": complete,
            "training_data_sha256": entry.sha256 if entry else None,
            "files": dict(sorted(rows.items())),
        }
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        self.location.write_bytes(MARKER_FILE, text.encode("utf-8"))


def _check_place(place: Location, data_set: Location) -> None:
    where = place.uri()
    if place.is_local and place.exists() and not place.is_folder():
        raise ExportFolderTaken(f"{where} is a file: name a folder by --to")
    if _real(place) == _real(data_set):
        raise ExportFolderTaken(f"{where} is the data set itself: choose another folder by --to")
    inside = _real(place).removeprefix(_real(data_set).rstrip("/") + "/").split("/")[0]
    if inside in _OWN_FOLDERS:
        raise ExportFolderTaken(
            f"{where} is a folder that the data set needs for itself: choose another by --to"
        )
    if place.exists(MANIFEST_FILE):
        raise ExportFolderTaken(f"{where} holds a data set: choose another folder by --to")


def _real(place: Location) -> str:
    """Without links, so that two spellings of one folder are one."""
    return os.path.realpath(place.root) if place.is_local else place.uri()

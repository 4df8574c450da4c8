"""Folders of files to storage and back: complete by hash, or not there.

    record = upload_folder(Path("out/compression/model"), Location("s3://bucket/run/compression"))
    download_folder(Location("s3://bucket/run/compression"), Path("here"))

`transfer.json`, written last, names every file with its sha256 and bytes. A folder without it is
not complete. Before a file that it names is replaced, it is taken away: nobody reads a mixture.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from tasks.errors import StorageError, TransferIncomplete
from tasks.records import Record
from tasks.s3 import PART_BYTES
from tasks.storage import Location, named_errors

TRANSFER_FILE = "transfer.json"
_PENDING_FILE = "transfer.pending.json"
"""What of the record before still stands while its successor is being sent."""
_DRAFT_PREFIX = ".clara-draft-"
# Of 16 MiB each, and an upload sends four at a time: 256 MiB of memory at most.
_FILES_AT_ONCE = 4
_PIECES_AT_ONCE = 8


class FileRecord(Record):
    """A file of a folder."""

    sha256: str
    bytes: int


class FolderRecord(Record):
    """The files of a folder, by relative POSIX name."""

    files: dict[str, FileRecord]

    @property
    def sha256(self) -> str:
        """Identity of the folder: of its names and contents, wherever it stands."""
        return hashlib.sha256(self.to_json()).hexdigest()

    def to_json(self) -> bytes:
        files = {name: self.files[name].model_dump() for name in sorted(self.files)}
        return (json.dumps({"files": files}, ensure_ascii=False, indent=1) + "\n").encode()


def upload_folder(
    folder: Path, target: Location, *, names: Sequence[str] | None = None
) -> FolderRecord:
    """Sends `folder`, or only the files `names` of it; files that stand there are not sent again.

    Files that the target's record named and this one does not are removed at the end. Raises
    StorageError, also for a file that is changed or removed while it is sent.
    """
    before = _standing(target)
    try:
        record = measure_folder(folder, names)
    except FileNotFoundError as error:
        raise StorageError(f"{error.filename} is gone: it cannot be uploaded") from error
    new = {n: f for n, f in record.files.items() if before.get(n) != f}
    replaced = new.keys() & before.keys()
    if replaced:
        kept = FolderRecord(files={n: f for n, f in before.items() if n not in replaced})
        target.write_bytes(_PENDING_FILE, kept.to_json())
        target.remove(TRANSFER_FILE)
    with ThreadPoolExecutor(max_workers=_FILES_AT_ONCE) as threads:
        for _ in threads.map(lambda name: _send(folder, target, name, new[name]), new):
            pass
    target.write_bytes(TRANSFER_FILE, record.to_json())
    target.remove(_PENDING_FILE)
    for name in before.keys() - record.files.keys():
        target.remove(name)
    return record


def download_folder(source: Location, folder: Path) -> FolderRecord:
    """Brings the folder that `source` records to `folder`, which it replaces when all is checked.

    Raises TransferIncomplete for a folder without a record and for a file that is missing,
    truncated or changed; StorageError, DiskFull.
    """
    record = read_record(source)
    with draft_of(folder) as draft:
        fetch_files(source, record.files, draft)
    return record


def measure_folder(folder: Path, names: Sequence[str] | None = None) -> FolderRecord:
    """The record of a local folder, or of the files `names` of it. Raises FileNotFoundError."""
    return FolderRecord(files=_measure(folder, _names(folder) if names is None else names))


def has_folder(source: Location) -> bool:
    """Whether a complete folder stands there."""
    return source.exists(TRANSFER_FILE)


def read_record(source: Location) -> FolderRecord:
    """What stands at `source`. Raises TransferIncomplete, StorageError."""
    try:
        record = FolderRecord.model_validate_json(source.read_bytes(TRANSFER_FILE))
    except FileNotFoundError as error:
        raise TransferIncomplete(
            f"{source.uri()} has no {TRANSFER_FILE}: it is still being uploaded, was uploaded in "
            "part, or by another program; run the command that makes it again, or copy it to a "
            "local folder and name that"
        ) from error
    except ValidationError as error:
        raise TransferIncomplete(f"{source.uri(TRANSFER_FILE)} cannot be read: {error}") from error
    for name in record.files:
        check_name(name, source.uri(TRANSFER_FILE))
    return record


def check_name(name: str, where: str) -> None:
    """Raises TransferIncomplete for a name that leads out of its folder."""
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or name.startswith("/") or "\\" in name or ":" in parts[0]:
        raise TransferIncomplete(f"{where} names a file outside of its folder: {name!r}")


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, which becomes it when the block ends well."""
    draft = folder.parent / f"{_DRAFT_PREFIX}{uuid.uuid4().hex}.{os.getpid()}"
    old = draft.with_name(f"{draft.name}.old")
    with named_errors("write", str(folder)):
        draft.mkdir(parents=True)
    try:
        yield draft
        with named_errors("write", str(folder)):
            if folder.exists():
                folder.rename(old)
            draft.rename(folder)
    finally:
        for leftover in (draft, old):
            shutil.rmtree(leftover, ignore_errors=True)


def remove_stale_drafts(folder: Path) -> None:
    """Deletes what processes that were killed in the middle of a download left in `folder`."""
    import psutil

    for leftover in folder.glob(f"{_DRAFT_PREFIX}*"):
        owner = leftover.name.removeprefix(_DRAFT_PREFIX).split(".")[1]
        if not psutil.pid_exists(int(owner)):
            shutil.rmtree(leftover, ignore_errors=True)


def fetch_files(
    source: Location, files: Mapping[str, FileRecord], folder: Path, *, check: bool = True
) -> None:
    """Brings files in pieces, side by side. `check`: by hash, else by size alone.

    Raises TransferIncomplete, StorageError, DiskFull.
    """
    for name, found in _sizes(source, files).items():
        file = files[name]
        if found != file.bytes:
            what = "is missing" if found is None else f"has {found} bytes and not {file.bytes}"
            raise _incomplete(source, name, what)
        with named_errors("write", str(folder / name)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
    pieces = [
        (name, start, min(start + PART_BYTES, file.bytes))
        for name, file in files.items()
        for start in range(0, file.bytes, PART_BYTES)
    ]
    with ThreadPoolExecutor(max_workers=_PIECES_AT_ONCE) as threads:
        for _ in threads.map(lambda piece: _fetch_piece(source, folder, *piece), pieces):
            pass
        if not check:
            return
        for name, file in _measure(folder, list(files)).items():
            if file != files[name]:
                raise _incomplete(source, name, f"has another content (sha256 {file.sha256})")


def _fetch_piece(source: Location, folder: Path, name: str, start: int, end: int) -> None:
    try:
        data = source.read_range(name, start, end)
    except FileNotFoundError as error:
        raise _incomplete(source, name, "went away while it was read") from error
    if len(data) != end - start:
        raise _incomplete(source, name, "was replaced by a shorter one while it was read")
    path = folder / name
    with named_errors("write", str(path)), path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def _incomplete(source: Location, name: str, what: str) -> TransferIncomplete:
    return TransferIncomplete(
        f"{source.uri(name)} {what}: it was truncated, or replaced since its record was written; "
        "run the command that makes it again"
    )


def _standing(target: Location) -> dict[str, FileRecord]:
    """Files at the target that a record describes, as far as their sizes agree."""
    for name in (TRANSFER_FILE, _PENDING_FILE):
        try:
            record = FolderRecord.model_validate_json(target.read_bytes(name))
        except (FileNotFoundError, ValidationError):
            continue
        here = _sizes(target, record.files)
        return {n: f for n, f in record.files.items() if here[n] == f.bytes}
    return {}


def _sizes(place: Location, names: Iterable[str]) -> dict[str, int | None]:
    """Bytes by name, None for what is missing. Not a listing: there may be much else below."""

    def size(name: str) -> int | None:
        info = place.info(name)
        return int(info["size"]) if info else None

    names = list(names)
    with ThreadPoolExecutor(max_workers=_PIECES_AT_ONCE) as threads:
        return dict(zip(names, threads.map(size, names), strict=True))


def _names(folder: Path) -> list[str]:
    """Files of a folder without our own records and half-written files."""
    found = (path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder).as_posix() for path in found)
    own = {TRANSFER_FILE, _PENDING_FILE}
    return sorted(n for n in names if n not in own and not n.rsplit("/", 1)[-1].endswith(".tmp"))


def _measure(folder: Path, names: Sequence[str]) -> dict[str, FileRecord]:
    with ThreadPoolExecutor(max_workers=_FILES_AT_ONCE) as threads:
        return dict(
            zip(names, threads.map(lambda n: _measure_file(folder / n), names), strict=True)
        )


def _measure_file(path: Path) -> FileRecord:
    with named_errors("read", str(path)), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return FileRecord(sha256=digest.hexdigest(), bytes=file.tell())


def _send(folder: Path, target: Location, name: str, expected: FileRecord) -> None:
    path = folder / name
    try:
        before = path.stat()
        target.send(path, name)
        after = path.stat()
    except FileNotFoundError as error:
        raise StorageError(f"{path} was removed while it was uploaded") from error
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, expected.bytes):
        raise StorageError(f"{path} was changed while it was uploaded: run the same command again")

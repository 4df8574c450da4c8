"""Which files SOURCE holds: walked, sorted into kinds, hashed. Nothing is opened to be understood.

Symbolic links are not followed: one that stays inside SOURCE would ingest a document twice, one
that leads out would ingest what nobody named, and a loop would never end.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tasks.errors import SourceMissing
from tasks.known_hashes import KnownHashes, Measured
from tasks.records import FileKind, Reject, SourceFile
from tasks.storage import Location

STEP = "discover"

KINDS: dict[str, FileKind] = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".pptx": "pptx",
    ".xlsx": "xlsx",
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".csv": "csv",
    ".txt": "text",
    ".jpg": "image",
    ".jpeg": "image",
    ".png": "image",
    ".bmp": "image",
    ".webp": "image",
    ".tif": "image",
    ".tiff": "image",
    ".gif": "image",
}
_SAVE_ANEW = {".doc": ".docx", ".ppt": ".pptx", ".xls": ".xlsx"}
_SYSTEM_FOLDERS = {"__MACOSX"}
_TRAINING_FILE = "clara_training_data.jsonl"
_DATA_SET_MARKS = {"manifest.json", _TRAINING_FILE}
LOCK_FILE = ".clara.lock"


@dataclass
class Discovery:
    """What a walk found, in the order of `file_path`."""

    files: list[SourceFile] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    skipped_system_files: int = 0
    skipped_folders: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Entry:
    file_path: str
    uri: str
    problem: tuple[str, str] | None = None
    info: Mapping[str, Any] | None = None  # of a remote file: what its listing says


def discover(
    source: Location, exclude: tuple[Location, ...] = (), cache: Location | None = None
) -> Discovery:
    """Walks SOURCE. `exclude`: this run's own output and cache, wherever they stand.

    A remote file whose hash the `cache` remembers, by its ETag, is not read again.

    Raises SourceMissing where SOURCE is not there or is no folder.
    """
    if not source.exists():
        raise SourceMissing(f"SOURCE {source.uri()} does not exist: name a folder of documents")
    if not source.is_folder():
        raise SourceMissing(
            f"SOURCE {source.uri()} is a file: name the folder that holds the documents"
        )
    found = Discovery()
    walk = _walk_local if source.is_local else _walk_remote
    entries = walk(source, exclude, found)
    usable: list[tuple[_Entry, FileKind]] = []
    seen: set[str] = set()
    for entry in sorted(entries, key=lambda entry: (entry.file_path, entry.uri)):
        if entry.file_path in seen:
            detail = "another file's name is the same in Unicode's composed form: rename one"
            found.rejects.append(_reject(entry, "name_collision", detail))
            continue
        seen.add(entry.file_path)
        if kind := _kind(entry, found):
            usable.append((entry, kind))
    measured = _measure_local if source.is_local else _measure_remote
    results = measured(source, [entry for entry, _ in usable], cache)
    for (entry, kind), result in zip(usable, results, strict=True):
        _add(entry, kind, result, found)
    return found


def _walk_local(
    source: Location, exclude: tuple[Location, ...], found: Discovery
) -> Iterator[_Entry]:
    root = source.local_path
    excluded = {os.path.realpath(place.local_path) for place in exclude if place.is_local}

    def unreadable(error: OSError) -> None:
        path = Path(str(error.filename))
        if path == root:
            raise SourceMissing(f"SOURCE {root} cannot be read: {error.strerror}") from error
        entry = _entry(root, path, None)
        detail = f"the folder cannot be read: {error.strerror}"
        found.rejects.append(_reject(entry, "folder_unreadable", detail))

    for folder, folders, names in os.walk(root, onerror=unreadable):
        here = Path(folder)
        # The lock marks a data set whose manifest was lost when a run was killed.
        if here != root and (_DATA_SET_MARKS.issubset(names) or LOCK_FILE in names):
            found.skipped_folders.append(here.relative_to(root).as_posix())
            folders.clear()
            continue
        kept = []
        for name in sorted(folders):
            path = here / name
            if os.path.realpath(path) in excluded:
                continue
            if name in _SYSTEM_FOLDERS:
                found.skipped_system_files += sum(len(files) for _, _, files in os.walk(path))
            elif path.is_symlink():
                yield _entry(root, path, ("symbolic_link", "symbolic links are not followed"))
            else:
                kept.append(name)
        folders[:] = kept
        for name in names:
            path = here / name
            problem = None
            if path.is_symlink():
                problem = ("symbolic_link", "symbolic links are not followed")
            elif not path.is_file():
                problem = ("not_a_file", "this is a pipe, a socket or a device, and not a file")
            yield _entry(root, path, problem)


def _entry(root: Path, path: Path, problem: tuple[str, str] | None) -> _Entry:
    relative = path.relative_to(root).as_posix()
    try:
        relative.encode("utf-8")
    except UnicodeEncodeError:
        shown = relative.encode("utf-8", "backslashreplace").decode("utf-8")
        return _Entry(
            shown, str(path), ("name_not_utf8", "the file's name is no UTF-8 text: rename it")
        )
    return _Entry(unicodedata.normalize("NFC", relative), str(path), problem)


def _walk_remote(
    source: Location, exclude: tuple[Location, ...], found: Discovery
) -> Iterator[_Entry]:
    prefix = source.root.rstrip("/") + "/"
    own = tuple(
        f"{place.root}/".removeprefix(prefix)
        for place in exclude
        if place.fs == source.fs and f"{place.root}/".startswith(prefix)
    )
    infos = source.find()
    marked = {name.rpartition("/")[0] for name in infos if name.endswith(f"/{_TRAINING_FILE}")}
    sets = tuple(f"{folder}/" for folder in sorted(marked))
    found.skipped_folders += [folder.rstrip("/") for folder in sets]
    for name, info in infos.items():
        if not name.startswith((*own, *sets)):
            yield _Entry(unicodedata.normalize("NFC", name), source.uri(name), info=info)


def _kind(entry: _Entry, found: Discovery) -> FileKind | None:
    """What kind of document an entry is; None for one that is counted or rejected."""
    parts = entry.file_path.split("/")
    name = parts[-1]
    if (
        name == ".DS_Store"
        or name.startswith(("._", "~$"))
        or any(part in _SYSTEM_FOLDERS for part in parts[:-1])
    ):
        found.skipped_system_files += 1
        return None
    if entry.problem is not None:
        found.rejects.append(_reject(entry, *entry.problem))
        return None
    suffix = f".{name.rsplit('.', 1)[-1].lower()}" if "." in name else ""
    kind = KINDS.get(suffix)
    if kind is None:
        found.rejects.append(_reject(entry, "unsupported", _advice(suffix)))
    return kind


def _add(entry: _Entry, kind: FileKind, measured: Measured | Exception, found: Discovery) -> None:
    if isinstance(measured, FileNotFoundError):
        found.rejects.append(_reject(entry, "file_vanished", "the file went away during the run"))
        return
    if isinstance(measured, Exception):
        why = getattr(measured, "strerror", None) or str(measured)
        found.rejects.append(_reject(entry, "file_unreadable", f"the file cannot be read: {why}"))
        return
    size_bytes, doc_id = measured
    if size_bytes == 0:
        found.rejects.append(_reject(entry, "empty_file", "the file has no bytes"))
        return
    found.files.append(
        SourceFile(
            file_path=entry.file_path,
            uri=entry.uri,
            kind=kind,
            size_bytes=size_bytes,
            doc_id=doc_id,
        )
    )


def _measure_local(
    source: Location, entries: list[_Entry], cache: Location | None
) -> Iterator[Measured | Exception]:
    for entry in entries:
        digest, size = hashlib.sha256(), 0
        try:
            with Path(entry.uri).open("rb") as stream:
                while piece := stream.read(1 << 20):
                    digest.update(piece)
                    size += len(piece)
        except OSError as error:
            yield error
        else:
            yield size, digest.hexdigest()


def _measure_remote(
    source: Location, entries: list[_Entry], cache: Location | None
) -> Iterator[Measured | Exception]:
    """By the names that storage has, which need not be composed as `file_path` is."""
    known = KnownHashes(source, cache or source)
    infos = {entry.uri.removeprefix(source.uri() + "/"): entry.info or {} for entry in entries}
    for _, measured in known.measure(infos):
        yield measured
    if cache is not None:
        known.keep()


def _advice(suffix: str) -> str:
    if suffix in _SAVE_ANEW:
        return f"the old {suffix} format cannot be read: save it anew as {_SAVE_ANEW[suffix]}"
    if not suffix:
        return "the file's name has no ending that tells what it is"
    return f"files ending in {suffix} are not read"


def _reject(entry: _Entry, reason: str, detail: str) -> Reject:
    return Reject(file_path=entry.file_path, step=STEP, reason=reason, detail=detail)

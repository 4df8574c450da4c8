"""What training reads, on this machine: remote folders are downloaded once and kept by content.

Copies stand under CLARA_HOME/copies and may be deleted at any time. A path of this machine is
given back as it is. What another process has begun to download is waited for, not loaded twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from tasks.archives import is_archive, unpack
from tasks.errors import TransferIncomplete, UsageError
from tasks.manifest import MANIFEST_FILE, parse_manifest
from tasks.settings import settings
from tasks.stage_rows import (
    END_TO_END_FILE,
    EVAL_FILE,
    INSTRUCTION_FILE,
    PRETRAIN_FILE,
    REASONING_FILE,
)
from tasks.storage import Location, atomic_file
from tasks.transfer import (
    TRANSFER_FILE,
    FileRecord,
    FolderRecord,
    check_name,
    draft_of,
    fetch_files,
    measure_folder,
    read_record,
    remove_stale_drafts,
)

TRAINING_FILES = (PRETRAIN_FILE, INSTRUCTION_FILE, END_TO_END_FILE, REASONING_FILE, EVAL_FILE)
"""What a training reads of a data set, beside its manifest."""
_COPIES = "copies"


def local_checkpoint(uri: str, sha256: str | None = None) -> Path:
    """The checkpoint's folder on this machine.

    `sha256`: `FolderRecord.sha256` of the one that is meant; with it, a copy that is here needs
    no network. Raises TransferIncomplete where another one, or a part of one, stands there.
    """
    source = _remote(uri)
    if source is None:
        return _path(uri)
    if sha256 is not None and (copy := _standing("folders", sha256)):
        return copy
    record = read_record(source)
    if sha256 is not None and record.sha256 != sha256:
        raise TransferIncomplete(
            f"{uri} holds another checkpoint ({record.sha256}) than the one that was passed on "
            f"({sha256}): another run has replaced it; run the stage that makes it again"
        )
    return _copy_of_record(source, record)


def local_data_set(uri: str, *, allow_incomplete: bool = False) -> Path:
    """The data set's folder on this machine, or its stage file where `uri` names one.

    Of a remote one, the files that training reads, each checked against the manifest; of an
    archive (`clara data pack`), the folder with the manifest in it. `allow_incomplete`: also
    without a manifest, and whatever a file's hash. Raises UsageError, TransferIncomplete,
    ManifestInvalid, ArchiveInvalid, StorageError.
    """
    source = _remote(uri)
    if is_archive(uri):
        return _unpacked(uri, source)
    if source is None:
        return _path(uri)
    if source.is_file():
        return _copy_of_file(source)
    manifest = _optional(source, MANIFEST_FILE)
    if manifest is None and not allow_incomplete:
        raise UsageError(
            f"{uri} holds no complete data set (no {MANIFEST_FILE}): a run is writing it, or one "
            "was stopped; run the same `clara ingest` command again"
        )
    here = source.find()
    sizes = {n: FileRecord(sha256="", bytes=here[n]["size"]) for n in TRAINING_FILES if n in here}
    if manifest is None or allow_incomplete:
        if not sizes:
            raise UsageError(f"{uri} holds no data set: name what `clara ingest` wrote")
        return _copy(
            "data", _content_key(source, [*sizes, MANIFEST_FILE]), _fetching(source, sizes)
        )
    entries = parse_manifest(manifest, source.uri(MANIFEST_FILE)).files
    named = {n: FileRecord(sha256=e.sha256, bytes=e.bytes) for n, e in entries.items()}
    wanted = {n: named[n] for n in TRAINING_FILES if n in named}

    def fetch(draft: Path) -> None:
        fetch_files(source, wanted, draft)
        (draft / MANIFEST_FILE).write_bytes(manifest)

    return _copy("data", hashlib.sha256(manifest).hexdigest(), fetch)


def local_base_model(uri: str) -> str:
    """A remote base model as a folder of this machine; a path or a name of a hub as it is.

    A folder with a transfer record is checked by hash, one that another program uploaded by size.
    """
    source = _remote(uri)
    if source is None:
        return uri
    if source.exists(TRANSFER_FILE):
        return str(local_checkpoint(uri))
    sizes = _sizes(source, source.find())
    if not sizes:
        raise UsageError(f"{uri} holds no base model: there is no file below it")
    for name in sizes:
        check_name(name, uri)
    return str(_copy("models", _content_key(source, list(sizes)), _fetching(source, sizes)))


def _remote(uri: str) -> Location | None:
    if "://" not in uri:
        return None
    location = Location(uri)
    return None if location.is_local else location


def _path(uri: str) -> Path:
    return Path(Location(uri).root) if "://" in uri else Path(uri).expanduser()


def _copy_of_record(source: Location, record: FolderRecord) -> Path:
    return _copy("folders", record.sha256, lambda draft: fetch_files(source, record.files, draft))


def _copy_of_file(source: Location) -> Path:
    folder, name = source.parent(), source.root.rsplit("/", 1)[-1]
    fetch = _fetching(folder, _sizes(folder, [name]))
    return _copy("files", _content_key(folder, [name]), fetch) / name


def _unpacked(uri: str, source: Location | None) -> Path:
    """The data set of an archive: unpacked once."""

    def unpack_here(draft: Path) -> None:
        if source is None:
            unpack(_path(uri), draft)
            return
        archive = draft / ".archive"
        source.parent().fetch(source.root.rsplit("/", 1)[-1], archive)
        unpack(archive, draft, shown=uri)
        archive.unlink()

    if source is None:
        path = _path(uri)
        if not path.is_file():
            raise UsageError(f"DATA {uri!r} does not exist: name a data set or an archive of one")
        with path.open("rb") as file:
            key = hashlib.file_digest(file, "sha256").hexdigest()
    else:
        key = _content_key(source.parent(), [source.root.rsplit("/", 1)[-1]])
    folder = _copy("archives", key, unpack_here)
    manifests = sorted(folder.rglob(MANIFEST_FILE), key=lambda path: len(path.parts))
    if not manifests:
        raise UsageError(f"{uri} holds no data set (no {MANIFEST_FILE}): see `clara data pack`")
    return manifests[0].parent


def _fetching(source: Location, sizes: dict[str, FileRecord]) -> Callable[[Path], None]:
    """Brings files without knowing their hashes, and the manifest where there is one."""

    def fetch(draft: Path) -> None:
        fetch_files(source, sizes, draft, check=False)
        manifest = _optional(source, MANIFEST_FILE)
        if manifest is not None and MANIFEST_FILE not in sizes:
            (draft / MANIFEST_FILE).write_bytes(manifest)

    return fetch


def _sizes(source: Location, names: Iterable[str]) -> dict[str, FileRecord]:
    """Records without a hash, of the files that are there."""
    found = {name: source.info(name) for name in names}
    return {n: FileRecord(sha256="", bytes=info["size"]) for n, info in found.items() if info}


def _content_key(folder: Location, names: Iterable[str]) -> str:
    """Changes when one of the files is replaced: by size, ETag and time, as storage tells them."""
    seen = {
        name: [str(info.get(part)) for part in ("size", "ETag", "LastModified", "created")]
        for name in names
        if (info := folder.info(name))
    }
    return hashlib.sha256(json.dumps([folder.uri(), seen], sort_keys=True).encode()).hexdigest()


def _optional(source: Location, name: str) -> bytes | None:
    try:
        return source.read_bytes(name)
    except FileNotFoundError:
        return None


def _place(kind: str, key: str) -> Path:
    return settings().home / _COPIES / kind / key


def _standing(kind: str, key: str) -> Path | None:
    """The copy, if it is here with all its bytes (a loss of power may have emptied a file)."""
    place = _place(kind, key)
    try:
        record = FolderRecord.model_validate_json(_record_of(place).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    whole = (
        (place / name).is_file() and (place / name).stat().st_size == file.bytes
        for name, file in record.files.items()
    )
    return place if all(whole) else None


def _record_of(place: Path) -> Path:
    return place.with_name(f"{place.name}.json")


def _copy(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    if copy := _standing(kind, key):
        return copy
    place = _place(kind, key)
    with _one_at_a_time(place):
        if copy := _standing(kind, key):
            return copy
        remove_stale_drafts(place.parent)
        with draft_of(place) as draft:
            make(draft)
            record = measure_folder(draft)
        with atomic_file(_record_of(place)) as out:
            out.write(record.to_json())
    return place


@contextmanager
def _one_at_a_time(place: Path) -> Iterator[None]:
    from filelock import FileLock

    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_name(f"{place.name}.lock")):
        yield

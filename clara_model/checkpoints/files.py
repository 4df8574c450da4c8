"""A checkpoint's folder as files: written whole or not at all, and checked by their hashes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError

from clara_model.checkpoints import leftovers
from clara_model.checkpoints.records import (
    FORMAT,
    FORMAT_VERSION,
    CheckpointManifest,
    CheckpointRecord,
    FileRecord,
)
from clara_model.errors import CheckpointError, StorageFull

RECORD_FILE = "clara.json"
MANIFEST_FILE = "manifest.json"
Record = TypeVar("Record", bound=BaseModel)
# Folders that are handed to a reader whole.
_READ_WHOLE = ("adapters", "base", "tokenizer")
_MEND = "copy the whole folder again, or delete it and run the command that made it"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target` that takes its name when the block has ended well.

    The manifest is written last. An existing checkpoint of that name is replaced by the rename;
    anything else there is an error. Raises StorageFull where the disk is full, CheckpointError
    where the folder cannot be written; nothing is left of it then, and what was there before is
    in its place.
    """
    leftovers.recover(target, _is_whole)
    _may_be_replaced(target)
    draft, retired = leftovers.draft_of(target), leftovers.retired_of(target)
    try:
        for old in (draft, retired):
            shutil.rmtree(old, ignore_errors=True)
        draft.mkdir(parents=True)
        yield draft
        write_manifest(draft)
        if target.exists():
            target.rename(retired)
        draft.rename(target)
        _sync(target.parent)
    except (OSError, SafetensorError) as error:
        raise _why_not_written(target, error) from error
    finally:
        if retired.exists() and not target.exists():
            with suppress(OSError):  # then both are kept, and the next load or save recovers
                retired.rename(target)
        if target.exists() or not retired.exists():
            shutil.rmtree(draft, ignore_errors=True)
        if target.exists():
            leftovers.clear(target)


def write_json(path: Path, content: Any) -> None:
    """UTF-8, indented, a newline at the end; a record by its fields."""
    value = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")


def write_manifest(folder: Path) -> None:
    """Names every file of the folder with its hash; all of them are on the disk then."""
    files = {}
    usual_mode = (folder / RECORD_FILE).stat().st_mode
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / MANIFEST_FILE:
            path.chmod(usual_mode)  # safetensors makes files that only their owner can read
            _sync(path)
            name = path.relative_to(folder).as_posix()
            files[name] = FileRecord(sha256=file_sha256(path), bytes=path.stat().st_size)
    write_json(folder / MANIFEST_FILE, CheckpointManifest(files=files))
    _sync(folder / MANIFEST_FILE)


def read_manifest(folder: Path) -> CheckpointManifest:
    """The manifest of a checkpoint. Raises CheckpointError for what is none, or not complete."""
    leftovers.recover(folder, _is_whole)
    if not folder.is_dir():
        raise CheckpointError(f"There is no checkpoint {folder}: the folder does not exist.")
    if not (folder / RECORD_FILE).is_file():
        raise CheckpointError(_foreign(folder))
    if not (folder / MANIFEST_FILE).is_file():
        raise CheckpointError(
            f"The checkpoint {folder} is not complete, it has no {MANIFEST_FILE}: {_MEND}."
        )
    return _parsed(folder / MANIFEST_FILE, CheckpointManifest)


def read_record(folder: Path) -> CheckpointRecord:
    """clara.json of a checkpoint. Raises CheckpointError."""
    read_manifest(folder)
    return _parsed(folder / RECORD_FILE, CheckpointRecord)


def check_files(folder: Path) -> CheckpointManifest:
    """Compares every file with its hash. Raises CheckpointError that names what differs.

    A file that the manifest does not list is no part of the checkpoint: beside the others it is
    not read, in a folder whose files are all read it is an error.
    """
    manifest = read_manifest(folder)
    missing, changed = [], []
    for name, entry in manifest.files.items():
        path = folder / inside(folder, name)
        if not path.is_file():
            missing.append(name)
        elif path.stat().st_size != entry.bytes or file_sha256(path) != entry.sha256:
            changed.append(name)
    if RECORD_FILE not in manifest.files:
        missing.append(f"{RECORD_FILE} (in {MANIFEST_FILE})")
    if missing:
        raise CheckpointError(f"The checkpoint {folder} lacks {', '.join(missing)}: {_MEND}.")
    if changed:
        raise CheckpointError(
            f"The checkpoint {folder} is corrupt, {', '.join(changed)} is not what {MANIFEST_FILE} "
            f"says: {_MEND}."
        )
    unlisted = [
        name
        for path in sorted(path for part in _READ_WHOLE for path in (folder / part).rglob("*"))
        if (name := path.relative_to(folder).as_posix()) not in manifest.files
        and path.is_file()
        and not path.name.startswith(".")  # a Finder's .DS_Store is read by nobody
    ]
    if unlisted:
        raise CheckpointError(
            f"The checkpoint {folder} holds {', '.join(unlisted)}, which {MANIFEST_FILE} does not "
            "list: remove it, or copy the whole folder again."
        )
    return manifest


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parsed(path: Path, kind: type[Record]) -> Record:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be read as JSON ({error}): copy the checkpoint again."
        ) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not of a checkpoint of this project.")
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format version {version!r} and this program reads {FORMAT_VERSION}: use "
            "the version of clara-pipeline that wrote it."
        )
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(f"{path}: {field}: {first['msg']}.") from error


def inside(folder: Path, name: str) -> PurePosixPath:
    """`name` as a path that stays in the checkpoint `folder`. Raises CheckpointError."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise CheckpointError(f"The checkpoint {folder} names a file outside of itself: {name!r}.")
    return path


def _foreign(folder: Path) -> str:
    """What a folder without clara.json is, and what to do with it."""
    start = f"{folder} is no checkpoint of this project (it has no {RECORD_FILE})"
    if (folder / "adapters.pth").is_file():
        return (
            f"{start}: it looks like one of the reference implementation. Import it once with "
            f"`clara model import {folder} --base-model BASE --output OUT`."
        )
    if (folder / "adapter_config.json").is_file():
        return f"{start}: it is an adapter of peft. Name the folder that holds adapters/ instead."
    if (folder / "config.json").is_file():
        return f"{start}: it looks like a base model. Give it as --base-model instead."
    return f"{start}: name the folder that training or `clara model import` wrote."


def _is_whole(folder: Path) -> bool:
    try:
        check_files(folder)
    except CheckpointError:
        return False
    return True


def _has_our_manifest(folder: Path) -> bool:
    try:
        _parsed(folder / MANIFEST_FILE, CheckpointManifest)
    except CheckpointError:
        return False
    return True


def _may_be_replaced(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    if target.exists() and not ((target / RECORD_FILE).is_file() or _has_our_manifest(target)):
        raise CheckpointError(
            f"{target} exists and is no checkpoint, so it is not overwritten: name another folder."
        )


def _why_not_written(target: Path, error: Exception) -> Exception:
    # safetensors tells an input-output error by its text alone.
    full = isinstance(error, OSError) and error.errno in _NO_SPACE
    if full or "No space left" in str(error) or "os error 28" in str(error):
        return StorageFull(
            f"The checkpoint {target} could not be written, the disk is full ({error}). Nothing "
            "of it was left, and what was there before is whole: free some space and go on."
        )
    return CheckpointError(f"The checkpoint {target} could not be written: {error}.")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

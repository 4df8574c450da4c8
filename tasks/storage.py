"""Folders and buckets behind one small surface, and writes that are whole or not there.

Everything goes through fsspec. A local file is written under a temporary name beside its final
one, flushed to the disk and renamed; an object store makes an object visible only when its
upload is complete, so there the final name is written directly.
"""

from __future__ import annotations

import errno
import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tasks.errors import DiskFull, OutputNotWritable, StorageError

_CHUNK_BYTES = 1 << 20
_TEMPORARY_PREFIX = ".clara-"


class Location:
    """A folder: on this machine, or behind any fsspec URI."""

    def __init__(self, uri: str | Path) -> None:
        import fsspec

        text = os.fspath(uri)
        if "://" in text:
            self.fs, self.root = fsspec.url_to_fs(text)
        else:
            # Not through a URL: a folder may be called `a::b`, which fsspec would take apart.
            self.fs = fsspec.filesystem("file")
            self.root = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 (keeps links)
        self.root = self.root.rstrip("/") or "/"
        self.is_local = "file" in _protocols(self.fs)

    def __truediv__(self, name: str) -> Location:
        child = object.__new__(Location)
        child.fs, child.is_local = self.fs, self.is_local
        child.root = f"{self.root.rstrip('/')}/{name}"
        return child

    def __repr__(self) -> str:
        return f"Location({self.uri()!r})"

    def uri(self, name: str = "") -> str:
        """Where a name stands: an absolute path here, a URI elsewhere."""
        path = self.path(name)
        return path if self.is_local else str(self.fs.unstrip_protocol(path))

    def path(self, name: str = "") -> str:
        return f"{self.root.rstrip('/')}/{name}" if name else self.root

    @property
    def local_path(self) -> Path:
        """The folder as a path of this machine. Raises StorageError for a remote one."""
        if not self.is_local:
            raise StorageError(f"{self.uri()} is not on this machine, but a local folder is needed")
        return Path(self.root)

    def exists(self, name: str = "") -> bool:
        with _named_errors("look at", self.uri(name)):
            return bool(self.fs.exists(self.path(name)))

    def is_folder(self) -> bool:
        with _named_errors("look at", self.uri()):
            return bool(self.fs.isdir(self.root))

    def make(self) -> None:
        """Creates the folder. Raises OutputNotWritable where that is not allowed."""
        try:
            self.fs.makedirs(self.root, exist_ok=True)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _named(error, "create", self.uri()) from error
            raise OutputNotWritable(
                f"{self.uri()} cannot be created ({error.strerror or error}): choose a folder "
                "that you may write to"
            ) from error

    def read_bytes(self, name: str) -> bytes:
        with _named_errors("read", self.uri(name)):
            return bytes(self.fs.cat_file(self.path(name)))

    def open(self, name: str, mode: str = "rb") -> IO[Any]:
        with _named_errors("open", self.uri(name)):
            return self.fs.open(self.path(name), mode)  # type: ignore[no-any-return]

    def write_bytes(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Writes a whole file, or nothing. `durable`: it also survives a loss of power."""
        with self.writing(name, durable=durable) as stream:
            stream.write(data)

    @contextmanager
    def writing(self, name: str, *, durable: bool = True) -> Iterator[IO[bytes]]:
        """A stream whose bytes get their final name when the block ends without an error."""
        if self.is_local:
            path = Path(self.path(name))
            with _named_errors("write", self.uri(name)), atomic_file(path, durable=durable) as out:
                yield out
            return
        stream = self.fs.open(self.path(name), "wb")
        try:
            yield stream
        except BaseException:
            # Closing would complete the upload of half a file.
            if hasattr(stream, "discard"):
                stream.discard()
            raise
        with _named_errors("write", self.uri(name)):
            stream.close()

    def names(self) -> list[str]:
        """Names directly inside, sorted; empty where the folder is not there."""
        with _named_errors("list", self.uri()):
            try:
                entries = self.fs.ls(self.root, detail=False)
            except FileNotFoundError:
                return []
        prefix = self.root.rstrip("/") + "/"
        return sorted(str(entry).removeprefix(prefix).rstrip("/") for entry in entries)

    def remove(self, name: str) -> None:
        with _named_errors("remove", self.uri(name)):
            try:
                self.fs.rm_file(self.path(name))
            except FileNotFoundError:
                return

    def size_and_sha256(self, name: str) -> tuple[int, str]:
        """Bytes and hex digest of a file, read in pieces."""
        digest, size = hashlib.sha256(), 0
        with self.open(name) as stream, _named_errors("read", self.uri(name)):
            while piece := stream.read(_CHUNK_BYTES):
                digest.update(piece)
                size += len(piece)
        return size, digest.hexdigest()


@contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Opens a temporary file beside `path`; it becomes `path` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A short name of its own: the final one may already have the 255 bytes that a name may have.
    temporary = path.parent / f"{_TEMPORARY_PREFIX}{uuid.uuid4().hex}.{os.getpid()}.tmp"
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_stale_temporaries(folder: Path) -> None:
    """Deletes what runs that were killed in the middle of a write left in `folder`."""
    import psutil

    for leftover in folder.glob(f"{_TEMPORARY_PREFIX}*.tmp"):
        writer = leftover.name.split(".")[-2]
        if not (writer.isdigit() and psutil.pid_exists(int(writer))):
            leftover.unlink(missing_ok=True)


@contextmanager
def _named_errors(verb: str, what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _named(error, verb, what) from error


def _named(error: OSError, verb: str, what: str) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            f"no space is left to {verb} {what}: free some and run the same command again; what "
            "was done is kept"
        )
    return StorageError(f"could not {verb} {what}: {error.strerror or error}")


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)

"""Folders and buckets behind one small surface, and writes that are whole or not there.

Everything goes through fsspec. A local file is written under a temporary name beside its final
one, flushed to the disk and renamed. What goes elsewhere is complete on this machine before it
is sent, and an object store shows an object only when all of it has arrived.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

from tasks import s3
from tasks.errors import DiskFull, OutputNotWritable, StorageError

_CHUNK_BYTES = 1 << 20
_TEMPORARY_PREFIX = ".clara-"

Result = TypeVar("Result")


class Location:
    """A folder: on this machine, or behind any fsspec URI."""

    def __init__(self, uri: str | Path) -> None:
        import fsspec

        text = os.fspath(uri)
        if s3.is_s3(text):
            self.fs = s3.s3_filesystem()
            self.root = self.fs._strip_protocol(text)
        elif "://" in text:
            self.fs, self.root = fsspec.url_to_fs(text)
        else:
            # Not through a URL: a folder may be called `a::b`, which fsspec would take apart.
            self.fs = fsspec.filesystem("file")
            self.root = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 (keeps links)
        self.root = self.root.rstrip("/") or "/"
        self.is_local = "file" in _protocols(self.fs)
        self.is_s3 = s3.is_s3(text)

    def __truediv__(self, name: str) -> Location:
        child = object.__new__(Location)
        child.fs, child.is_local, child.is_s3 = self.fs, self.is_local, self.is_s3
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
        """Raises BucketMissing, StorageRefused: a folder whose bucket is wrong is not just away."""
        if self.is_s3 and not name:
            s3.check_bucket(self.fs, self.root)
        return bool(self._call("look at", name, lambda: self.fs.exists(self.path(name))))

    def is_folder(self) -> bool:
        if self.is_s3 and "/" not in self.root:
            return self.exists()
        return bool(self._call("look at", "", lambda: self.fs.isdir(self.root)))

    def is_file(self) -> bool:
        return bool(self._call("look at", "", lambda: self.fs.isfile(self.root)))

    def parent(self) -> Location:
        """The folder that this stands in."""
        place = self / ""
        place.root = self.root.rsplit("/", 1)[0] or "/"
        return place

    def make(self) -> None:
        """Creates the folder. Raises OutputNotWritable where that is not allowed.

        A bucket is never created: a wrong name must not become one.
        """
        if self.is_s3:
            s3.check_bucket(self.fs, self.root)
            return
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
        # One request for an object, and not a second one for its size.
        how = {"max_concurrency": 1} if self.is_s3 else {}
        return bytes(self._call("read", name, lambda: self.fs.cat_file(self.path(name), **how)))

    def open(self, name: str, mode: str = "rb") -> IO[Any]:
        """A stream to read. What is to be written goes through `writing`."""
        stream: IO[Any] = self._call("open", name, lambda: self.fs.open(self.path(name), mode))
        return stream

    def write_bytes(self, name: str, data: bytes, *, durable: bool = True) -> None:
        """Writes a whole file, or nothing. `durable`: it also survives a loss of power."""
        if not self.is_local:
            self._call("write", name, lambda: self.fs.pipe_file(self.path(name), data))
            return
        with self.writing(name, durable=durable) as stream:
            stream.write(data)

    @contextmanager
    def writing(self, name: str, *, durable: bool = True) -> Iterator[IO[bytes]]:
        """A stream whose bytes get their final name when the block ends without an error."""
        if self.is_local:
            path = Path(self.path(name))
            with named_errors("write", self.uri(name)), atomic_file(path, durable=durable) as out:
                yield out
            return
        with tempfile.TemporaryDirectory(prefix="clara-") as folder:
            path = Path(folder) / "file"
            with path.open("wb") as stream:
                yield stream
            self.send(path, name)

    def send(self, path: Path, name: str) -> None:
        """Puts a file of this machine here, whole or not at all."""
        if self.is_local:
            with path.open("rb") as source, self.writing(name) as target:
                shutil.copyfileobj(source, target, _CHUNK_BYTES)
            return
        how: dict[str, int] = {}
        if self.is_s3:
            part = s3.part_bytes(path.stat().st_size)
            how = {"chunksize": part, "max_concurrency": s3.PARTS_AT_ONCE}
        self._call("write", name, lambda: self.fs.put_file(str(path), self.path(name), **how))

    def fetch(self, name: str, path: Path) -> None:
        """Brings a file to `path`. Raises FileNotFoundError, StorageError."""
        self._call("read", name, lambda: self.fs.get_file(self.path(name), str(path)))

    def read_range(self, name: str, start: int, end: int) -> bytes:
        """Bytes from `start` up to `end`; fewer where the file is shorter."""
        fetch = lambda: self.fs.cat_file(self.path(name), start=start, end=end)  # noqa: E731
        return bytes(self._call("read", name, fetch))

    def info(self, name: str) -> dict[str, Any] | None:
        """What fsspec knows of a file (`size` in bytes, and more); None where there is none."""
        try:
            found = self._call("look at", name, lambda: self.fs.info(self.path(name)))
        except FileNotFoundError:
            return None
        return dict(found) if found["type"] == "file" else None

    def find(self) -> dict[str, dict[str, Any]]:
        """What fsspec knows of every file below, by relative name, sorted; one listing."""
        found = self._call("list", "", lambda: self.fs.find(self.root, detail=True))
        prefix = self.root.rstrip("/") + "/"
        return {
            path.removeprefix(prefix): info
            for path, info in sorted(found.items())
            if path.startswith(prefix) and not path.endswith("/")
        }

    def names(self) -> list[str]:
        """Names directly inside, sorted; empty where the folder is not there."""
        return sorted(self._inside(self._listed(detail=False)))

    def sizes(self) -> dict[str, int]:
        """Bytes of the files directly inside, by name; empty where the folder is not there."""
        entries = {entry["name"]: entry for entry in self._listed(detail=True)}
        files = {n: e for n, e in self._inside(entries).items() if entries[e]["type"] == "file"}
        return {name: int(entries[path]["size"]) for name, path in files.items()}

    def _listed(self, *, detail: bool) -> list[Any]:
        try:
            return list(self._call("list", "", lambda: self.fs.ls(self.root, detail=detail)))
        except FileNotFoundError:
            return []

    def _inside(self, paths: Iterable[Any]) -> dict[str, Any]:
        """Paths of a listing by name. A bucket may hold an object with the folder's own name."""
        prefix = self.root.rstrip("/") + "/"
        named = {str(path).removeprefix(prefix).rstrip("/"): path for path in paths}
        return {name: path for name, path in named.items() if name and str(path) != self.root}

    def remove(self, name: str) -> None:
        try:
            self._call("remove", name, lambda: self.fs.rm_file(self.path(name)))
        except FileNotFoundError:
            return

    def size_and_sha256(self, name: str) -> tuple[int, str]:
        """Bytes and hex digest of a file, read in pieces. Raises FileNotFoundError."""
        digest, size = hashlib.sha256(), 0
        for piece in self._pieces(name):
            digest.update(piece)
            size += len(piece)
        return size, digest.hexdigest()

    def _pieces(self, name: str) -> Iterator[bytes]:
        if self.is_s3:
            # By ranges and not as a stream: each can be asked for again where S3 goes away.
            size = (self.info(name) or {}).get("size")
            if size is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.uri(name))
            for start in range(0, size, s3.READ_BLOCK_BYTES):
                yield self.read_range(name, start, min(start + s3.READ_BLOCK_BYTES, size))
            return
        with self.open(name) as stream, named_errors("read", self.uri(name)):
            while piece := stream.read(_CHUNK_BYTES):
                yield piece

    def _call(self, verb: str, name: str, call: Callable[[], Result]) -> Result:
        """What `call` returns, patient with S3. Raises FileNotFoundError, StorageError."""
        with named_errors(verb, self.uri(name)):
            return s3.patiently(call) if self.is_s3 else call()


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
def named_errors(verb: str, what: str) -> Iterator[None]:
    """OSError and S3's errors become StorageError; FileNotFoundError stays what it is."""
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        if s3.is_s3(what) and (named := s3.s3_error(error, verb, what)):
            raise named from error
        if isinstance(error, FileNotFoundError) or not isinstance(error, OSError):
            raise
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

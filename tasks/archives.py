"""Archives of data sets, unpacked without trust: nothing outside the folder, no links, no bombs."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from tasks.errors import ArchiveInvalid, DiskFull
from tasks.storage import named_errors

_ENDINGS = (".tar.gz", ".tgz", ".tar")
_GZIP_MARK = b"\x1f\x8b"
_CHUNK_BYTES = 1 << 20
_KEPT_FREE_BYTES = 1 << 30


def is_archive(uri: str) -> bool:
    return uri.lower().endswith(_ENDINGS) and not Path(uri).is_dir()


def unpack(archive: Path, folder: Path, *, shown: str | None = None) -> None:
    """Writes the files of a tar archive below `folder`, compressed or not.

    `shown` names the archive in errors. Raises ArchiveInvalid for a damaged archive, and for a
    member that is no file or folder, or whose name leads out of `folder`; DiskFull before the
    disk is.
    """
    name = shown or str(archive)
    try:
        with _opened(archive) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as tar:
                for member in tar:
                    _unpack_member(tar, member, folder, name)
            # To its end, where its checksum stands: a tar that was cut between two files is silent.
            while stream.read(_CHUNK_BYTES):
                pass
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError) as error:
        raise ArchiveInvalid(
            f"{name} cannot be unpacked ({error}): it is damaged or was copied in part; copy it "
            "again, or pack it anew with `clara data pack`"
        ) from error


@contextmanager
def _opened(archive: Path) -> Iterator[IO[bytes]]:
    with named_errors("read", str(archive)):
        file = archive.open("rb")
    with file:
        compressed = file.read(len(_GZIP_MARK)) == _GZIP_MARK
        file.seek(0)
        if not compressed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as stream:
            yield cast(IO[bytes], stream)


def _unpack_member(
    tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, archive: str
) -> None:
    parts = PurePosixPath(member.name).parts
    if member.name.startswith("/") or ".." in parts or "\\" in member.name or ":" in member.name:
        raise ArchiveInvalid(f"{archive} holds a name that leads out of it: {member.name!r}")
    target = folder / member.name
    if member.isdir():
        with named_errors("write", str(target)):
            target.mkdir(parents=True, exist_ok=True)
        return
    if not member.isreg():
        raise ArchiveInvalid(
            f"{archive} holds {member.name!r}, which is a link or a device: only files and folders "
            "are taken"
        )
    if member.size > shutil.disk_usage(folder).free - _KEPT_FREE_BYTES:
        raise DiskFull(
            f"{archive} does not fit on the disk: {member.name!r} has {member.size} bytes; free "
            "some space under CLARA_HOME"
        )
    source = tar.extractfile(member)
    if source is None:
        raise ArchiveInvalid(f"{archive}: {member.name!r} cannot be read")
    with named_errors("write", str(target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        out = target.open("xb")
    with source, out:
        while piece := source.read(_CHUNK_BYTES):
            with named_errors("write", str(target)):
                out.write(piece)

"""Archives are unpacked without trust."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from tasks.archives import is_archive, unpack
from tasks.errors import ArchiveInvalid, DiskFull


def _archive(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def _file(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_files_come_out_as_they_were(tmp_path: Path) -> None:
    path = _archive(tmp_path / "a.tar.gz", (_file("包/数据 1.txt"), b"one"), (_file("empty"), b""))
    (tmp_path / "out").mkdir()
    unpack(path, tmp_path / "out")
    assert (tmp_path / "out/包/数据 1.txt").read_bytes() == b"one"
    assert (tmp_path / "out/empty").read_bytes() == b""
    assert is_archive(str(path))
    assert not is_archive(str(tmp_path))


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (_file("../evil"), "leads out of it"),
        (_file("/etc/evil"), "leads out of it"),
        (_file("a/../../evil"), "leads out of it"),
        (_file("c:\\evil"), "leads out of it"),
        (_file("link", tarfile.SYMTYPE, "/etc/passwd"), "a link or a device"),
        (_file("link", tarfile.LNKTYPE, "other"), "a link or a device"),
        (_file("pipe", tarfile.FIFOTYPE), "a link or a device"),
    ],
)
def test_what_is_no_plain_file_of_its_own_is_refused(
    tmp_path: Path, member: tarfile.TarInfo, message: str
) -> None:
    path = _archive(tmp_path / "a.tar.gz", (member, b""))
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveInvalid, match=message):
        unpack(path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert {p.name for p in tmp_path.iterdir()} == {"a.tar.gz", "out"}


def test_half_an_archive_and_no_archive_are_told(tmp_path: Path) -> None:
    path = _archive(tmp_path / "a.tar.gz", (_file("a"), bytes(range(256)) * 4000))
    path.write_bytes(path.read_bytes()[:-40])
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveInvalid, match="damaged or was copied in part"):
        unpack(path, tmp_path / "out")
    (tmp_path / "text.tar.gz").write_text("no archive at all")
    with pytest.raises(ArchiveInvalid, match="cannot be unpacked"):
        unpack(tmp_path / "text.tar.gz", tmp_path / "out")


def test_what_does_not_fit_is_told_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import archives

    path = _archive(tmp_path / "a.tar.gz", (_file("a"), b"12345"))
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(archives, "_KEPT_FREE_BYTES", 1 << 60)
    with pytest.raises(DiskFull, match="does not fit on the disk"):
        unpack(path, tmp_path / "out")

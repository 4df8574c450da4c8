"""Files are whole or not there, and errors name the place and the remedy."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tasks import storage
from tasks.errors import DiskFull, OutputNotWritable, StorageError
from tasks.storage import Location, atomic_file, remove_stale_temporaries


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    place = Location(tmp_path)
    place.write_bytes("deep/er/file.txt", b"one")
    with pytest.raises(RuntimeError), place.writing("deep/er/file.txt") as stream:
        stream.write(b"half of")
        raise RuntimeError
    assert place.read_bytes("deep/er/file.txt") == b"one"
    assert [path.name for path in (tmp_path / "deep/er").iterdir()] == ["file.txt"]


def test_a_full_disk_has_its_own_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(DiskFull, match="no space is left to write"):
        Location(tmp_path).write_bytes("file", b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_255_bytes_can_be_written(tmp_path: Path) -> None:
    name = "字" * 85
    Location(tmp_path).write_bytes(name, b"x")
    assert (tmp_path / name).read_bytes() == b"x"


def test_leftovers_of_killed_writers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    dead = tmp_path / ".clara-abc.999999999.tmp"
    dead.write_bytes(b"half")
    with atomic_file(tmp_path / "other") as stream:
        stream.write(b"whole")
        remove_stale_temporaries(tmp_path)
        assert not dead.exists()
    assert (tmp_path / "other").read_bytes() == b"whole"


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputNotWritable):
        Location(tmp_path / "file" / "out").make()


def test_memory_stands_for_any_remote_file_system() -> None:
    place = Location("memory://bucket/prefix")
    place.write_bytes("a/b.json", b"{}")
    assert place.exists("a/b.json")
    assert place.names() == ["a"]
    assert place.uri("a/b.json") == "memory:///bucket/prefix/a/b.json"
    assert place.size_and_sha256("a/b.json")[0] == 2
    with pytest.raises(StorageError, match="not on this machine"):
        _ = place.local_path
    place.remove("a/b.json")
    place.remove("a/b.json")
    assert not place.exists("a/b.json")

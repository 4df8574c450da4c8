"""What a walk takes, refuses and passes over."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from tasks.discover import discover
from tasks.errors import SourceMissing
from tasks.storage import Location


def paths(folder: Path, *exclude: Path) -> list[str]:
    return [
        file.file_path for file in discover(Location(folder), tuple(map(Location, exclude))).files
    ]


def reasons(folder: Path) -> dict[str, str]:
    return {r.file_path: r.reason for r in discover(Location(folder)).rejects}


def test_files_come_sorted_with_kind_hash_and_area(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.PDF").write_bytes(b"pdf")
    (tmp_path / "a.md").write_text("# hi")
    files = discover(Location(tmp_path)).files
    assert [(f.file_path, f.kind, f.product_area, f.size_bytes) for f in files] == [
        ("a.md", "markdown", "", 4),
        ("b/x.PDF", "pdf", "b", 3),
    ]
    assert len(files[0].doc_id) == 64


@pytest.mark.parametrize(
    "name",
    [
        "with space.txt",
        "quo'te\".txt",
        "new\nline.txt",
        "😀.txt",
        "中文.txt",
        "-dash.txt",
        "字" * 83 + ".txt",
    ],
)
def test_odd_names_are_names(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("text")
    assert paths(tmp_path) == [unicodedata.normalize("NFC", name)]


def test_what_cannot_be_read_is_named_with_advice(tmp_path: Path) -> None:
    for name in ("old.doc", "old.ppt", "movie.mp4", "Makefile"):
        (tmp_path / name).write_text("x")
    (tmp_path / "empty.txt").write_bytes(b"")
    found = reasons(tmp_path)
    assert found == {
        "Makefile": "unsupported",
        "empty.txt": "empty_file",
        "movie.mp4": "unsupported",
        "old.doc": "unsupported",
        "old.ppt": "unsupported",
    }
    details = {r.file_path: r.detail for r in discover(Location(tmp_path)).rejects}
    assert "save it anew as .docx" in details["old.doc"]


def test_system_files_are_counted_and_not_listed(tmp_path: Path) -> None:
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "a.txt").write_text("x")
    for name in (".DS_Store", "._a.txt", "~$a.docx"):
        (tmp_path / name).write_text("x")
    found = discover(Location(tmp_path))
    assert (found.files, found.rejects, found.skipped_system_files) == ([], [], 4)


def test_links_are_not_followed_and_loops_end(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    source = tmp_path / "source"
    source.mkdir()
    (source / "real.txt").write_text("x")
    (source / "file.txt").symlink_to(outside / "secret.txt")
    (source / "folder").symlink_to(outside)
    (source / "loop").symlink_to(source)
    (source / "broken.txt").symlink_to("nowhere")
    assert paths(source) == ["real.txt"]
    assert set(reasons(source).values()) == {"symbolic_link"}
    assert set(reasons(source)) == {"file.txt", "folder", "loop", "broken.txt"}


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert reasons(tmp_path) == {"pipe.txt": "not_a_file"}


def test_own_output_and_other_data_sets_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.txt").write_text("x")
    other = tmp_path / "other"
    other.mkdir()
    for name in ("manifest.json", "clara_training_data.jsonl", "c.txt"):
        (other / name).write_text("x")
    found = discover(Location(tmp_path), (Location(tmp_path / "out"),))
    assert [file.file_path for file in found.files] == ["a.txt"]
    assert found.skipped_folders == ["other"]


def test_two_spellings_of_one_name_do_not_collide(tmp_path: Path) -> None:
    composed, decomposed = "é.txt", "e\u0301.txt"
    (tmp_path / composed).write_text("one")
    (tmp_path / decomposed).write_text("two")
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system holds both spellings as one name")
    assert paths(tmp_path) == [composed]
    assert list(reasons(tmp_path).values()) == ["name_collision"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_unreadable_files_and_folders_are_rejects(tmp_path: Path) -> None:
    (tmp_path / "locked.txt").write_text("x")
    (tmp_path / "locked.txt").chmod(0)
    (tmp_path / "folder").mkdir(mode=0)
    assert reasons(tmp_path) == {"folder": "folder_unreadable", "locked.txt": "file_unreadable"}


def test_a_name_that_is_no_text_is_a_reject(tmp_path: Path) -> None:
    try:
        with open(os.fsencode(tmp_path) + b"/\xff.txt", "w") as stream:
            stream.write("x")
    except OSError:
        pytest.skip("this file system takes only names that are UTF-8")
    assert list(reasons(tmp_path).values()) == ["name_not_utf8"]


def test_a_source_that_is_missing_or_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceMissing, match="does not exist"):
        discover(Location(tmp_path / "nothing"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(SourceMissing, match="is a file"):
        discover(Location(tmp_path / "file"))


def test_a_remote_source_is_walked_through_fsspec() -> None:
    place = Location("memory://docs")
    place.write_bytes("sub/a.md", b"# hi")
    assert [(f.file_path, f.uri) for f in discover(place).files] == [
        ("sub/a.md", "memory:///docs/sub/a.md")
    ]


def test_a_remote_output_below_source_is_left_out() -> None:
    place = Location("memory://mixed")
    place.write_bytes("a.md", b"# hi")
    place.write_bytes("out/report.html", b"<p>own</p>")
    place.write_bytes("older/clara_training_data.jsonl", b"{}")
    place.write_bytes("older/b.md", b"# old")
    found = discover(place, (place / "out",))
    assert [file.file_path for file in found.files] == ["a.md"]
    assert found.skipped_folders == ["older"]


def test_a_data_set_that_lost_its_manifest_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".clara.lock").write_text("")
    (tmp_path / "out" / "report.html").write_text("<p>own</p>")
    assert paths(tmp_path) == ["a.txt"]

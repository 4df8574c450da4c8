"""Where an export may be written: never over the data set, never over what somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.dataset_export.destination import Destination, ExportFolderTaken
from tasks.published import open_data_set
from tests.tasks.dataset_rows import pump_rows
from tests.tasks.published_data_set import publish


def destination(output: Path, to: str | Path | None = None) -> Destination:
    return Destination(open_data_set(str(output)), "sharegpt", None if to is None else str(to))


def test_places_that_the_data_set_needs_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    publish(out, pump_rows(1))
    publish(tmp_path / "another", pump_rows(1))
    (tmp_path / "link").symlink_to(out)
    (tmp_path / "file").write_text("")
    for place, complaint in (
        (out, "is the data set itself"),
        (f"{out}/", "is the data set itself"),
        (tmp_path / "link", "is the data set itself"),
        (out / "extracted_assets", "needs for itself"),
        (out / ".cache" / "x", "needs for itself"),
        (tmp_path / "link" / ".staging", "needs for itself"),
        (tmp_path / "another", "holds a data set"),
        (tmp_path / "file", "is a file"),
    ):
        with pytest.raises(ExportFolderTaken, match=complaint):
            destination(out, place)
    assert not (out / "extracted_assets").exists()


def test_files_of_others_are_neither_replaced_nor_removed(tmp_path: Path) -> None:
    publish(tmp_path / "out", pump_rows(1))
    place = tmp_path / "mine"
    place.mkdir()
    (place / "notes.txt").write_text("mine")
    taken = destination(tmp_path / "out", place)
    taken.begin(["train.jsonl"])
    taken.location.write_bytes("train.jsonl", b"x")
    taken.finish({"train.jsonl": 1})
    (place / "test.jsonl").write_text("mine")
    again = destination(tmp_path / "out", place)
    with pytest.raises(ExportFolderTaken, match=r"test\.jsonl was not written by an export"):
        again.begin(["train.jsonl", "test.jsonl"])
    again.begin(["other.jsonl"])
    again.finish({})
    assert {path.name for path in place.iterdir()} == {
        "notes.txt",
        "test.jsonl",
        ".clara-export.json",
    }


def test_a_killed_export_is_written_anew_by_the_same_command(tmp_path: Path) -> None:
    publish(tmp_path / "out", pump_rows(1))
    killed = destination(tmp_path / "out")
    killed.begin(["train.jsonl", "test.jsonl"])
    killed.location.write_bytes("test.jsonl", b"half of two files")
    (killed.location.local_path / ".clara-0123.999999999.tmp").write_text("half of one")
    again = destination(tmp_path / "out")
    again.begin(["train.jsonl", "test.jsonl"])
    again.location.write_bytes("train.jsonl", b"x")
    again.finish({"train.jsonl": 1})
    assert {path.name for path in again.location.local_path.iterdir()} == {
        "train.jsonl",
        ".clara-export.json",
    }


def test_a_marker_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    publish(tmp_path / "out", pump_rows(1))
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / ".clara-export.json").write_text("{")
    with pytest.raises(ExportFolderTaken, match="cannot be read"):
        destination(tmp_path / "out", tmp_path / "to")

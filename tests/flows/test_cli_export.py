"""`clara export`: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flows.cli_export import run_export
from tasks.dataset_export.destination import ExportFolderTaken
from tasks.errors import UsageError
from tasks.published import DataSetMissing
from tests.tasks.dataset_rows import pump_rows
from tests.tasks.published_data_set import publish

HELD = ("pumps/boreal.txt",)


def test_each_format_lists_what_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path, pump_rows(4), HELD)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for format, names in (
        ("sharegpt", ["9  train.jsonl", "3  test.jsonl"]),
        ("alpaca", ["9  train.jsonl", "3  test.jsonl"]),
        ("hf", ["3  chunks/train.parquet", "1  chunks/test.parquet", "README.md"]),
    ):
        assert run_export(str(tmp_path), format) == 0
        seen = capsys.readouterr()
        assert seen.out.startswith(str(tmp_path / "export" / format) + "\n")
        assert all(name in seen.out for name in names)
        assert seen.err == ""
    # The data set itself is as it was.
    assert {path: path.read_bytes() for path in before} == before


def test_a_summary_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(tmp_path / "out", pump_rows(4), HELD)
    to = tmp_path / "elsewhere"
    assert run_export(str(tmp_path / "out"), "alpaca", str(to), json_summary=True) == 0
    assert json.loads(capsys.readouterr().out) == {
        "format": "alpaca",
        "folder": str(to),
        "files": {"train.jsonl": 9, "test.jsonl": 3},
        "documents": 4,
        "held_out_documents": 1,
        "pairs": 12,
        "held_out_pairs": 3,
        "notices": [],
    }


def test_what_a_reader_must_know_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pump_rows(2)
    publish(tmp_path, rows)
    drop = {"id": f"{rows[0].row.id}-0", "action": "drop"}
    (tmp_path / "reviews.jsonl").write_text(json.dumps(drop) + "\n")
    assert run_export(str(tmp_path), "alpaca") == 0
    said = capsys.readouterr().err
    assert "1 decision in reviews.jsonl is not in the data set yet" in said
    assert "no document is held out" in said
    publish(tmp_path, rows, reviews=json.dumps(drop))
    run_export(str(tmp_path), "alpaca")
    assert "decision" not in capsys.readouterr().err
    (tmp_path / "reviews.jsonl").write_text('{"id": "x", "action": "burn"}\n')
    assert run_export(str(tmp_path), "alpaca") == 0
    assert "line 1" in capsys.readouterr().err


def test_wrong_use_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    with pytest.raises(UsageError, match="sharegpt, alpaca, hf"):
        run_export(str(out), "csv")
    with pytest.raises(DataSetMissing):
        run_export(str(out), "hf")
    publish(out, pump_rows(1))
    with pytest.raises(UsageError, match="--without-context"):
        run_export(str(out), "hf", with_context=False)
    with pytest.raises(ExportFolderTaken):
        run_export(str(out), "hf", str(out))
    assert not (out / "README.md").exists()
    publish(tmp_path / "empty", [])
    assert run_export(str(tmp_path / "empty"), "hf") == 3
    assert "no rows" in capsys.readouterr().err
    assert not (tmp_path / "empty" / "export").exists()

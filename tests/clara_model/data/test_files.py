from __future__ import annotations

import json
from pathlib import Path

import pytest

from clara_model.config import STAGES
from clara_model.data.files import STAGE_FILES, StageFile, stage_file
from clara_model.errors import DataError
from tests.clara_model.data.stage_rows import qa_row, question_row, write_jsonl


def lines_of(path: Path, *lines: bytes) -> StageFile:
    path.write_bytes(b"\n".join(lines))
    return StageFile(path, "instruction")


def test_rows_come_in_their_order_with_their_lines(tmp_path: Path) -> None:
    file = StageFile(write_jsonl(tmp_path / "a.jsonl", [qa_row(1), qa_row(2)]), "compression")
    assert [row.id for row in file] == ["c1-qa", "c2-qa"]
    assert [row.where for row in file] == [f"{file.path}:1", f"{file.path}:2"]
    assert file.read_bytes == file.size_bytes == file.path.stat().st_size


def test_blank_lines_are_counted_and_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    row = json.dumps(question_row(1)).encode()
    file = lines_of(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + row, b"", b"  ", row)
    assert [r.where.rsplit(":", 1)[1] for r in file] == ["1", "4"]
    assert file.blank_lines == 2


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"question": "half', "not a JSON object at column 14"),
        (b'["a"]', "list, not a JSON object"),
        (b"\xff{}", "not UTF-8 (byte 0xff at position 0"),
        (b"[" * 200_000, "not a JSON object"),
        (b"9" * 5000, "not a JSON object"),
        (b"{}", "the field `question` is missing; its fields are none"),
    ],
    ids=["cut", "list", "latin", "deep", "huge-number", "empty-object"],
)
def test_an_unreadable_line_is_named(tmp_path: Path, line: bytes, problem: str) -> None:
    file = lines_of(tmp_path / "a.jsonl", json.dumps(question_row(1)).encode(), line)
    with pytest.raises(DataError) as caught:
        list(file)
    assert str(caught.value).startswith(f"{file.path}:2: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_a_file_without_rows_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="the file holds no row"):
        list(lines_of(tmp_path / "a.jsonl", content))


def test_the_stages_file_of_a_data_set_is_found(tmp_path: Path) -> None:
    for stage in STAGES:
        with pytest.raises(DataError, match=STAGE_FILES[stage]):
            stage_file(stage, tmp_path)
        (tmp_path / STAGE_FILES[stage]).touch()
        assert stage_file(stage, tmp_path) == tmp_path / STAGE_FILES[stage]
        assert stage_file(stage, tmp_path / "pretrain_data.jsonl").name == "pretrain_data.jsonl"
    with pytest.raises(DataError, match="There is no"):
        stage_file("compression", tmp_path / "nothing.jsonl")

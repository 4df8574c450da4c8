"""Text files in the encodings that people have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import FileRejected
from tasks.extraction.options import ExtractionOptions
from tasks.extraction.plain_text import decode_text, text_blocks
from tasks.extraction.worker import extract_file

CHINESE = "水泵的工作压力是十二巴。\n停机以后要先关闭阀门。"
TRADITIONAL = "這個水泵的工作壓力是十二巴。停機以後要先關閉閥門。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "utf-8"),
        (CHINESE, "utf-8-sig"),
        (CHINESE, "utf-16"),
        (CHINESE, "utf-32"),
        (CHINESE, "gb18030"),
        (TRADITIONAL, "big5"),
        ("The café of São Paulo – naïve and 20 €.", "cp1252"),
        ("plain ASCII text", "utf-16-le"),
        ("plain ASCII text", "utf-16-be"),
    ],
)
def test_decoding(text: str, encoding: str) -> None:
    assert decode_text(text.encode(encoding)) == text


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(FileRejected) as caught:
        decode_text(bytes(range(256)) * 4)
    assert caught.value.reason == "undecodable_text"


def test_paragraphs_and_their_line_breaks(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(b"Title\r\n\r\nfirst line\r\nsecond_line <b>\r\n \r\n\r\nlast")
    document = extract_file(file, "text", ExtractionOptions(), tmp_path)
    assert [b.markdown for b in document.blocks] == [
        "Title",
        "first line\nsecond_line <b>",
        "last",
    ]
    assert document.profile.name == "direct" and document.page_count is None
    assert len(document.doc_id) == 64


def test_nothing_but_space_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "empty.txt"
    file.write_text(" \n\n\t\n")
    assert text_blocks(file.read_text()) == []
    with pytest.raises(FileRejected) as caught:
        extract_file(file, "text", ExtractionOptions(), tmp_path)
    assert caught.value.reason == "no_text"

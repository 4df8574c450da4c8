from __future__ import annotations

import pytest

from clara_model.data.examples import Document, make_document
from clara_model.data.truncation import refuse_truncation, truncation_of
from clara_model.errors import DataError
from tests.clara_model.data.stage_rows import chat_tokens

SHORT, LONG = "The pump is in the cellar.", "The pump is in the cellar and the valve is shut. " * 9
CHINESE = "压力容器的阀门由黄铜制成，工作压力为六巴。" * 4


def documents(*texts: str) -> list[Document]:
    tokens = chat_tokens()
    return [make_document(tokens, text, 64) for text in texts]


def test_a_document_is_cut_as_the_model_reads_it() -> None:
    tokens = chat_tokens()
    short, long = documents(SHORT, LONG)
    assert short.ids.tolist() == tokens.document_ids(SHORT, 64)
    assert long.ids.tolist() == tokens.document_ids(LONG, 64)
    assert (short.is_cut, long.is_cut) == (False, True)
    assert long.full_length == len(tokens.document_ids(LONG, 10_000))
    assert short.key != long.key
    assert short.key == documents(SHORT)[0].key


def test_the_share_is_told_by_language() -> None:
    report = truncation_of(documents(SHORT, LONG, CHINESE), 64)
    assert list(report.by_language) == ["en", "zh"]
    assert report.by_language["en"].share == 0.5
    assert report.by_language["zh"].share == 1.0
    assert "2 of 3 documents (66.7%)" in report.sentence()
    assert "en 50.0% of 2" in report.sentence()
    assert "zh 100.0% of 1" in report.sentence()
    with pytest.raises(DataError, match=r"zh 100\.0% of 1 .*--allow-truncation"):
        refuse_truncation(report)


def test_one_document_of_a_hundred_is_let_pass() -> None:
    short, long = documents(SHORT, LONG)
    report = truncation_of([short] * 99 + [long], 64)
    refuse_truncation(report)
    assert "1 of 100 documents (1.0%)" in report.sentence()
    with pytest.raises(DataError):
        refuse_truncation(truncation_of([short] * 98 + [long], 64))


def test_nothing_cut_is_said_too() -> None:
    assert truncation_of(documents(SHORT), 64).sentence() == "No document is longer than 64 tokens."

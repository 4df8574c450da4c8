"""Stored answers come back whole, also refusals, and what is damaged counts as absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks import storage
from tasks.endpoint.answers import AnswerStore, refused_answer, unless_refused
from tasks.endpoint.chat import ChatAnswer
from tasks.endpoint.failures import ItemRefused
from tasks.errors import FileRejected, StorageError
from tasks.records import Usage

KEY = "ab" * 32
ANSWER = ChatAnswer(
    text="水泵 “P1” 😀\n",
    finish_reason="stop",
    usage=Usage(prompt_tokens=3, completion_tokens=4),
    model="qwen-turbo",
)


def test_an_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    store = AnswerStore(str(tmp_path))
    assert store.get(KEY) is None
    store.put(KEY, ANSWER)
    assert AnswerStore(str(tmp_path)).get(KEY) == ANSWER
    assert unless_refused(ANSWER) is ANSWER
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.relative_to(tmp_path).as_posix() for path in files] == [f"answers/ab/{KEY}.json"]


def test_it_is_on_the_disk_before_put_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(storage.os, "fsync", lambda file: (flushed.append(file), fsync(file)))
    AnswerStore(str(tmp_path)).put(KEY, ANSWER)
    assert len(flushed) == 1


def test_a_refusal_is_kept_and_raised_again(tmp_path: Path) -> None:
    store = AnswerStore(str(tmp_path))
    used = Usage(prompt_tokens=9, completion_tokens=0)
    store.put(KEY, refused_answer(ItemRefused("content_refused", "不行", usage=used), "m"))
    stored = store.get(KEY)
    assert stored is not None and stored.usage == used
    with pytest.raises(FileRejected) as caught:
        unless_refused(stored)
    assert (caught.value.reason, caught.value.detail) == ("content_refused", "不行")
    assert not caught.value.retryable


@pytest.mark.parametrize("damage", [b"", b'{"text": "half', b'{"text": "no model"}'])
def test_what_is_damaged_counts_as_absent(tmp_path: Path, damage: bytes) -> None:
    store = AnswerStore(str(tmp_path))
    store.put(KEY, ANSWER)
    (tmp_path / f"answers/ab/{KEY}.json").write_bytes(damage)
    assert store.get(KEY) is None
    store.put(KEY, ANSWER)
    assert store.get(KEY) == ANSWER


def test_a_place_that_cannot_be_written_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="answers"):
        AnswerStore(str(tmp_path)).put(KEY, ANSWER)

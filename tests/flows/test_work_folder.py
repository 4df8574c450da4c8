"""Relative paths of a deployed run: resolved as `clara up` had them, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.work_folder import enter_work_folder
from tasks.errors import UsageError
from tasks.settings import settings


@pytest.fixture
def started_by_a_worker(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "a-run")
    settings.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    settings.cache_clear()


def test_a_command_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    enter_work_folder(source="documents")
    assert Path.cwd() == tmp_path


def test_a_worker_of_clara_up_goes_to_its_folder(
    started_by_a_worker: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    started_by_a_worker.setenv("CLARA_WORK_FOLDER", str(folder))
    settings.cache_clear()
    enter_work_folder(source="documents", output=None)
    enter_work_folder(source="documents")  # a flow within a flow
    assert Path.cwd() == folder


def test_another_worker_takes_whole_paths_only(started_by_a_worker: pytest.MonkeyPatch) -> None:
    enter_work_folder(source="/data/documents", output="s3://bucket/out", cache=None)
    with pytest.raises(UsageError, match=r"output is 'out', a relative path.*clara up"):
        enter_work_folder(source="/data/documents", output="out")


def test_a_folder_that_is_gone(started_by_a_worker: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started_by_a_worker.setenv("CLARA_WORK_FOLDER", str(tmp_path / "gone"))
    settings.cache_clear()
    with pytest.raises(UsageError, match="gone"):
        enter_work_folder(source="/data/documents")

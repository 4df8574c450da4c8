"""A save that fails or is killed loses neither the old checkpoint nor a whole new one."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from clara_model import Clara
from clara_model.checkpoint import save_checkpoint, verify_checkpoint
from clara_model.checkpoints import adapters as checkpoint_adapters
from clara_model.checkpoints import files as checkpoint_files
from clara_model.checkpoints import leftovers
from clara_model.errors import CheckpointError, StorageFull
from tests.support.tiny_models import tiny_clara


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    return save_checkpoint(tiny_clara(folder), folder / "saved")


@pytest.fixture
def saved(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "saved"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_PATIENCE_S", 0)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_clara(tmp_path)
    folder = save_checkpoint(model, tmp_path / "saved")
    before = (folder / "manifest.json").read_bytes()
    with torch.no_grad():
        model.memory_rows.add_(1)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint_adapters, "write_json", full)
    with pytest.raises(StorageFull, match="the disk is full"):
        save_checkpoint(model, folder)
    assert (folder / "manifest.json").read_bytes() == before
    verify_checkpoint(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["saved", "tiny-qwen3"]


def test_a_save_that_is_killed_leaves_no_half_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill leaves behind is under another name, and the next save takes its place."""
    model = tiny_clara(tmp_path)

    class Killed(BaseException):
        pass

    def killed(_: Path) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint_files, "write_manifest", killed)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            save_checkpoint(model, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()
    save_checkpoint(model, tmp_path / "saved")
    assert Clara.load(tmp_path / "saved").config == model.config
    assert not list(tmp_path.glob(".saved*"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("failures", [1, 2])
def test_a_rename_that_fails_leaves_what_was_there(
    saved: Path, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    model = Clara.load(saved)
    before = (saved / "manifest.json").read_bytes()
    with torch.no_grad():
        model.memory_rows.add_(1)
    rename, targets = Path.rename, []

    def failing(path: Path, target: Path) -> Path:
        if target == saved and len(targets) < failures:
            targets.append(target)
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(CheckpointError, match=r"could not be written.*Input/output error"):
        save_checkpoint(model, saved)
    if failures == 1:
        assert names(saved.parent) == ["saved"]
        assert (saved / "manifest.json").read_bytes() == before
    else:  # It could not be put back either: the new one is whole, and is taken.
        assert not saved.exists()
        assert torch.equal(Clara.load(saved).memory_rows, model.memory_rows)
    save_checkpoint(model, saved)
    assert names(saved.parent) == ["saved"]


DEAD = 2**22 + 1
"""Above the largest process number that Linux gives."""


@pytest.mark.parametrize("draft", ["whole", "half", "none"])
def test_a_kill_between_the_two_renames_loses_nothing(saved: Path, draft: str) -> None:
    old, new = (saved.with_name(f".saved.{what}-{DEAD}") for what in ("replaced", "writing"))
    model = Clara.load(saved)
    if draft != "none":
        shutil.copytree(saved, new)
        record = json.loads((new / "clara.json").read_text())
        checkpoint_files.write_json(new / "clara.json", {**record, "stage": "reasoning"})
        checkpoint_files.write_manifest(new)
    if draft == "half":
        (new / "memory.safetensors").unlink()
    saved.rename(old)
    assert Clara.load(saved).stage == ("reasoning" if draft == "whole" else model.stage)
    save_checkpoint(model, saved)
    assert names(saved.parent) == ["saved"]


def test_a_save_puts_back_what_a_kill_left_before_it_can_fail_itself(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Clara.load(saved)
    saved.rename(saved.with_name(f".saved.replaced-{DEAD}"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint_adapters, "write_json", full)
    with pytest.raises(StorageFull):
        save_checkpoint(model, saved)
    verify_checkpoint(saved)


def test_the_draft_of_another_process_that_runs_is_left_alone(saved: Path) -> None:
    model, theirs = Clara.load(saved), saved.with_name(f".saved.writing-{os.getppid()}")
    theirs.mkdir()
    unrelated = saved.with_name(".saved.writing-notes")
    unrelated.mkdir()
    save_checkpoint(model, saved)
    assert theirs.is_dir() and unrelated.is_dir()


def test_a_leftover_that_cannot_be_renamed_is_named(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved.rename(saved.with_name(f".saved.replaced-{DEAD}"))

    def read_only(*_: object) -> Path:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "rename", read_only)
    with pytest.raises(CheckpointError, match=f"replaced-{DEAD}.*Read-only.*rename it to saved"):
        Clara.load(saved)

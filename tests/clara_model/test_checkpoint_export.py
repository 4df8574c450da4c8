"""What is exported loads wherever it is copied to, and tells nothing of this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from clara_model import Clara
from clara_model.checkpoint import read_checkpoint_record, save_checkpoint, verify_checkpoint
from clara_model.checkpoints.export import export_checkpoint
from clara_model.errors import CheckpointError
from tests.support.tiny_models import tiny_clara


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    model = tiny_clara(folder, "mistral")
    (Path(model.base_name) / "README.md").write_text("---\nlicense: mit\n---\nA tiny base.\n")
    return save_checkpoint(model, folder / "saved")


def private_paths(folder: Path, secret: str) -> list[str]:
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]


def test_with_its_base_it_stands_for_itself(saved: Path, tmp_path: Path) -> None:
    exported = export_checkpoint(saved, tmp_path / "exported", with_base=True)
    moved = shutil.move(exported, tmp_path / "elsewhere")
    model, original = Clara.load(moved), Clara.load(saved)
    assert read_checkpoint_record(moved).base.name == "./base"
    assert not private_paths(Path(moved), str(saved.parent))
    ids = torch.tensor([[1, 5, 9, 12]])
    for adapter in model.adapter_names:
        with torch.no_grad(), model.active(adapter), original.active(adapter):
            assert torch.equal(model.base(ids).logits, original.base(ids).logits)
    assert "Base, the mistral model in ./base: mit." in (Path(moved) / "README.md").read_text()
    # What is trained from it is not inside it.
    child = save_checkpoint(model, tmp_path / "child")
    assert read_checkpoint_record(child).base.name == str(Path(moved) / "base")
    again = export_checkpoint(moved, tmp_path / "again")
    assert read_checkpoint_record(again).base.name == "./base"
    verify_checkpoint(again)


def test_without_its_base_the_name_is_told_and_not_the_place(saved: Path, tmp_path: Path) -> None:
    exported = export_checkpoint(saved, tmp_path / "exported")
    verify_checkpoint(exported)
    assert not private_paths(exported, str(saved.parent))
    with pytest.raises(CheckpointError, match=r"(?s)tiny-mistral.*--base-model"):
        Clara.load(exported)
    base = read_checkpoint_record(saved).base.name
    assert Clara.load(exported, base=base).base_name == base


def test_a_base_folder_that_is_lost_or_another_is_said(saved: Path, tmp_path: Path) -> None:
    exported = export_checkpoint(saved, tmp_path / "exported", with_base=True)
    (exported / "base" / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"lacks base/config\.json"):
        Clara.load(exported)
    with pytest.raises(CheckpointError, match="itself"):
        export_checkpoint(saved, saved)
    record = json.loads((saved / "clara.json").read_text())
    assert record["base"]["name"].endswith("tiny-mistral")

"""A checkpoint that is incomplete, corrupt, foreign or on another base says so and what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from clara_model import Clara, ClaraConfig
from clara_model.checkpoint import save_checkpoint, verify_checkpoint
from clara_model.checkpoints import files as checkpoint_files
from clara_model.errors import CheckpointError
from tests.support.tiny_models import tiny_base, tiny_clara

ADAPTER = "adapters/encoder_adapter/adapter_model.safetensors"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    return save_checkpoint(tiny_clara(folder), folder / "saved")


@pytest.fixture
def saved(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "saved"))


def edited(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rehash(folder: Path) -> None:
    """The manifest says what is there now: what is wrong then is wrong inside the files."""
    checkpoint_files.write_manifest(folder)


def drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def flip_a_byte(folder: Path) -> None:
    data = bytearray((folder / ADAPTER).read_bytes())
    data[-1] ^= 1
    (folder / ADAPTER).write_bytes(bytes(data))


def cut(folder: Path) -> None:
    (folder / ADAPTER).write_bytes((folder / ADAPTER).read_bytes()[:-10])


def newer(folder: Path) -> None:
    edited(folder / "clara.json", format_version=99)


def another_program(folder: Path) -> None:
    edited(folder / "clara.json", format="other")


def no_json(folder: Path) -> None:
    (folder / "clara.json").write_bytes(b"\x80\x04pickle")


def outside(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../secret"] = {"sha256": "0", "bytes": 1}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (drop("manifest.json"), "not complete, it has no manifest.json"),
        (drop("memory.safetensors"), "lacks memory.safetensors"),
        (drop(ADAPTER), f"lacks {ADAPTER}"),
        (flip_a_byte, f"corrupt, {ADAPTER} is not what"),
        (cut, f"corrupt, {ADAPTER} is not what"),
        (newer, "format version 99 and this program reads 1"),
        (another_program, "is not of a checkpoint of this project"),
        (no_json, "cannot be read as JSON"),
        (outside, "outside of itself"),
    ],
)
def test_damage_is_named(saved: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(saved)
    with pytest.raises(CheckpointError, match=said.replace(".", r"\.")):
        Clara.load(saved)
    with pytest.raises(CheckpointError):
        verify_checkpoint(saved)


@pytest.mark.parametrize(
    "name", ["tokenizer/special_tokens_map.json", "base/more.safetensors", f"{ADAPTER}.bak"]
)
def test_a_file_that_would_be_read_and_is_not_listed_is_refused(saved: Path, name: str) -> None:
    (saved / name).parent.mkdir(exist_ok=True)
    (saved / name).write_text("{}")
    with pytest.raises(CheckpointError, match=f"holds {name}, which manifest.json does not list"):
        Clara.load(saved)


def test_a_file_beside_the_others_that_is_not_listed_is_not_read(saved: Path) -> None:
    before = Clara.load(saved)
    (saved / "notes.txt").write_text("mine")
    table = before.base.get_input_embeddings().weight
    save_file({"embed_tokens": torch.zeros_like(table)}, saved / "tables.safetensors")
    after = Clara.load(saved)
    assert torch.equal(after.base.get_input_embeddings().weight, table)
    assert not after.carries_tables


def test_memory_rows_have_to_be_listed(saved: Path) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    del manifest["files"]["memory.safetensors"]
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match=r"lacks memory\.safetensors in its manifest"):
        Clara.load(saved)


def without_a_tensor(folder: Path) -> None:
    tensors = load_file(folder / ADAPTER)
    del tensors[next(iter(tensors))]
    save_file(tensors, folder / ADAPTER)


def other_shapes(folder: Path) -> None:
    save_file(
        {k: t[:, :-1].clone() for k, t in load_file(folder / ADAPTER).items()}, folder / ADAPTER
    )


def fewer_memory_rows(folder: Path) -> None:
    tensors = load_file(folder / "memory.safetensors")
    tensors["memory_rows"] = tensors["memory_rows"][:-1].clone()
    save_file(tensors, folder / "memory.safetensors")


def another_rank(folder: Path) -> None:
    edited(folder / "adapters/encoder_adapter/adapter_config.json", r=64)


def unknown_adapter(folder: Path) -> None:
    edited(folder / "clara.json", adapters=["encoder_adapter", "house_adapter"])


def unknown_field(folder: Path) -> None:
    edited(folder / "clara.json", surprise=1)


def with_fields(**changes: object) -> Callable[[Path], None]:
    return lambda folder: edited(folder / "clara.json", **changes)


def base_is_called(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        base = json.loads((folder / "clara.json").read_text())["base"]
        edited(folder / "clara.json", base={**base, "name": name})

    return change


def adapter_config_is_no_json(folder: Path) -> None:
    (folder / "adapters/encoder_adapter/adapter_config.json").write_text("{")


def adapter_is_gone(folder: Path) -> None:
    shutil.rmtree(folder / "adapters/encoder_adapter")


def licence_written_elsewhere(folder: Path) -> None:
    """A checkpoint that is trained from this one would write the file."""
    notice = {"name": "../../.bashrc", "source": "x", "text": "harm"}
    record = json.loads((folder / "clara.json").read_text())
    edited(folder / "clara.json", provenance={**record["provenance"], "licences": [notice]})


def plain_tokenizer(folder: Path) -> None:
    edited(folder / "tokenizer/tokenizer.json", added_tokens=[])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (without_a_tensor, r"the encoder_adapter in .* lacks model\.layers\.0"),
        (other_shapes, r"has other shapes than the model: .* \[4, 63\] for \[4, 64\]"),
        (fewer_memory_rows, r"memory_rows \[3, 64\] for \[4, 64\]"),
        (another_rank, "has r 64 and clara.json says 4"),
        (unknown_adapter, "none of ours: house_adapter"),
        (unknown_field, "surprise: Extra inputs are not permitted"),
        (with_fields(dtype="int8"), "dtype: Input should be 'float32', 'bfloat16' or 'float16'"),
        (with_fields(table_rows=-1), "table_rows: Input should be greater than or equal to 1"),
        (with_fields(table_rows=5), r"table_rows 5, and the tokenizer has \d+ tokens"),
        (base_is_called(".//etc"), "outside of itself: '/etc'"),
        (base_is_called("./../saved"), r"outside of itself: '\.\./saved'"),
        (base_is_called("./base"), "should hold its base model in base/, which is missing"),
        (plain_tokenizer, "lacks some of <MEM0>"),
        (adapter_config_is_no_json, r"adapter_config\.json cannot be read"),
        (adapter_is_gone, r"adapter_config\.json cannot be read"),
        (licence_written_elsewhere, r"provenance\.licences\.0\.name"),
    ],
)
def test_what_does_not_fit_is_named(saved: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(saved)
    rehash(saved)
    with pytest.raises(CheckpointError, match=said):
        Clara.load(saved)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("adapters.pth", "clara model import"),
        ("adapter_config.json", "an adapter of peft"),
        ("config.json", "--base-model"),
        ("notes.txt", "is no checkpoint of this project"),
    ],
)
def test_a_foreign_folder_is_recognised(tmp_path: Path, file: str, said: str) -> None:
    (tmp_path / file).write_text("{}")
    with pytest.raises(CheckpointError, match=said):
        Clara.load(tmp_path)
    # Nor is it overwritten: it may hold a person's work.
    with pytest.raises(CheckpointError, match="not overwritten"):
        save_checkpoint(None, tmp_path)  # type: ignore[arg-type]
    assert (tmp_path / file).read_text() == "{}"


def test_another_base_is_refused_and_the_right_one_taken_from_anywhere(
    saved: Path, tmp_path: Path
) -> None:
    base = Path(json.loads((saved / "clara.json").read_text())["base"]["name"])
    moved = shutil.copytree(base, tmp_path / "moved")
    edited(moved / "config.json", transformers_version="9.9")
    assert Clara.load(saved, base=moved).base_name == str(moved)
    weights = load_file(moved / "model.safetensors")
    weights["model.norm.weight"][0] += 1
    save_file(weights, moved / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"config\.json agree, their weights differ"):
        Clara.load(saved, base=moved)
    edited(moved / "config.json", rms_norm_eps=0.5)
    with pytest.raises(CheckpointError, match=r"their config\.json differ"):
        Clara.load(saved, base=moved)
    with pytest.raises(CheckpointError, match="of type mistral, and qwen3 was expected"):
        Clara.load(saved, base=tiny_base(tmp_path / "mistral", "mistral"))


@pytest.mark.parametrize("name", ["/gone/away/base", "some-owner/some-model"])
def test_a_base_that_is_not_here_asks_for_base_model(saved: Path, name: str) -> None:
    record = json.loads((saved / "clara.json").read_text())
    edited(saved / "clara.json", base={**record["base"], "name": name})
    rehash(saved)
    with pytest.raises(CheckpointError, match=f"(?s){name}.*--base-model"):
        Clara.load(saved)


def test_more_memory_tokens_than_the_config_says_is_caught(saved: Path) -> None:
    record = json.loads((saved / "clara.json").read_text())
    longer = ClaraConfig(**{**record["config"], "doc_max_length": 96})
    edited(saved / "clara.json", config=longer.model_dump())
    rehash(saved)
    with pytest.raises(CheckpointError, match="<MEM0>"):
        Clara.load(saved)

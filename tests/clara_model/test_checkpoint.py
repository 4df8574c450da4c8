"""A checkpoint gives back the model that was saved, and peft can load its adapters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from clara_model import Clara
from clara_model.checkpoint import (
    CheckpointRecord,
    DataProvenance,
    LicenceNotice,
    ParentCheckpoint,
    Provenance,
    checkpoint_sha256,
    load_checkpoint,
    parent_checkpoint,
    read_provenance,
    save_checkpoint,
    verify_checkpoint,
)
from clara_model.checkpoints.card import model_card
from clara_model.checkpoints.records import BaseRecord
from clara_model.config import ADAPTERS, DECODER, ClaraConfig
from tests.support.tiny_models import tiny_clara

IDS = torch.tensor([[1, 7, 19, 42, 3], [1, 99, 5, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])


def scrambled(model: Clara, seed: int = 0) -> Clara:
    """As after training: every adapter and the memory rows are other than at the start."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name in model.adapter_names:
            for parameter in model.adapter_parameters(name).values():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        model.memory_rows.add_(0.1 * torch.randn(model.memory_rows.shape, generator=generator))
    return model.eval()


@torch.no_grad()
def outputs(model: Clara) -> dict[str, Tensor]:
    memory = model.compress(IDS, MASK).memory
    ids = torch.tensor([[1, *model.tokens.slot_ids(1), 7, 9, 11]])
    return {
        "memory": memory,
        "query": model.encode_query(IDS, MASK),
        "loss": model.answer_loss(memory[:1, None], ids, torch.ones_like(ids), ids),
        "answer": model.generate(memory[:1, None], ids, torch.ones_like(ids), max_new_tokens=4),
    }


@pytest.mark.parametrize("family", ["qwen3", "mistral", "phi3"])
def test_what_was_saved_is_what_is_loaded(tmp_path: Path, family: str) -> None:
    model = tiny_clara(tmp_path, family, separator=family != "phi3")
    model.set_stage("end_to_end")
    scrambled(model)
    model.save(tmp_path / "saved")
    loaded = Clara.load(tmp_path / "saved")
    assert loaded.config == model.config
    assert loaded.stage == "end_to_end"
    assert loaded.adapter_names == ADAPTERS
    assert loaded.table_rows == model.table_rows
    assert loaded.tokenizer.get_vocab() == model.tokenizer.get_vocab()
    text = "Question: <MEM0> 阀门在什么压力下打开？ 12.5 bar"
    assert loaded.tokens.document_ids(text, 64) == model.tokens.document_ids(text, 64)
    assert loaded.tokens.slot_ids(2) == model.tokens.slot_ids(2)
    for name, rows in model.added_rows().items():
        assert torch.equal(loaded.added_rows()[name], rows)
    before, after = outputs(model), outputs(loaded)
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_peft_loads_an_adapter_and_computes_the_same(tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    # Mistral's table has to grow for the added tokens: peft's base has the plain one.
    model = scrambled(tiny_clara(tmp_path, "mistral"))
    folder = save_checkpoint(model, tmp_path / "saved")
    plain = AutoModelForCausalLM.from_pretrained(model.base_name, dtype=torch.float32)
    theirs = PeftModel.from_pretrained(plain, folder / "adapters" / DECODER).eval()
    assert plain.get_input_embeddings().weight.shape[0] < model.table_rows
    with torch.no_grad():
        expected = theirs(input_ids=IDS[:1]).logits
        with model.active(DECODER):
            ours = model.base(input_ids=IDS[:1]).logits
    assert expected.abs().max() > 0.1
    assert torch.allclose(ours[..., : expected.shape[-1]], expected, atol=1e-5)


def test_the_precision_is_the_saved_one_unless_told_otherwise(tmp_path: Path) -> None:
    base = tiny_clara(tmp_path, "llama").base_name
    model = Clara.from_base(base, tiny_clara(tmp_path, "llama").config, dtype="bfloat16")
    model.save(tmp_path / "saved")
    assert load_checkpoint(tmp_path / "saved").base_dtype is torch.bfloat16
    assert load_checkpoint(tmp_path / "saved", dtype="float32").base_dtype is torch.float32
    assert not (tmp_path / "saved" / "base").exists()  # rounded, and still the same base


def test_tables_of_an_import_that_are_not_the_bases_come_back(tmp_path: Path) -> None:
    model = tiny_clara(tmp_path, "mistral")
    table = model.base.get_input_embeddings().weight
    with torch.no_grad():
        table.add_(0.05)
    model.carries_tables = True
    model.save(tmp_path / "saved")
    loaded = Clara.load(tmp_path / "saved")
    assert torch.equal(loaded.base.get_input_embeddings().weight, table)
    loaded.save(tmp_path / "again")
    again = Clara.load(tmp_path / "again")
    assert torch.equal(again.base.get_input_embeddings().weight, table)


@pytest.mark.parametrize("trained", ["the tables alone", "all"])
def test_tables_of_an_import_that_then_train_come_back_as_trained(
    tmp_path: Path, trained: str
) -> None:
    first = tiny_clara(tmp_path, "mistral")
    first.carries_tables = True
    with torch.no_grad():
        first.base.get_input_embeddings().weight.add_(0.05)
    first.save(tmp_path / "imported")
    model = Clara.load(tmp_path / "imported")
    model.set_stage("compression", train_base=True)
    with torch.no_grad():
        for name, parameter in model.trainable_parameters().items():
            if "embed_tokens" in name or (trained == "all" and name.startswith("base.")):
                parameter.add_(0.02)
    model.save(tmp_path / "trained")
    loaded = Clara.load(tmp_path / "trained")
    before, after = outputs(model.eval()), outputs(loaded)
    assert all(torch.equal(before[key], after[key]) for key in before)
    # The tables are in one place only: in the base, where it goes along.
    assert (tmp_path / "trained" / "base").exists() == (trained == "all")
    assert (tmp_path / "trained" / "tables.safetensors").exists() == (trained != "all")
    assert loaded.carries_tables == (trained != "all")


def test_a_base_that_was_trained_too_goes_along(tmp_path: Path) -> None:
    model = tiny_clara(tmp_path, "qwen3")
    model.set_stage("compression", train_base=True)
    scrambled(model)
    with torch.no_grad():
        for name, parameter in model.trainable_parameters().items():
            if name.startswith("base."):
                parameter.add_(0.02)
    model.save(tmp_path / "saved")
    loaded = Clara.load(tmp_path / "saved")
    before, after = outputs(model), outputs(loaded)
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert (tmp_path / "saved" / "base" / "model.safetensors").is_file()
    # A stage later the base is frozen, and still not the one that its name stands for.
    model.set_stage("end_to_end")
    model.save(tmp_path / "later")
    later = Clara.load(tmp_path / "later")
    assert torch.equal(outputs(later)["memory"], before["memory"])
    # What starts from a checkpoint with a base finds that base unchanged.
    loaded.save(tmp_path / "child")
    assert not (tmp_path / "child" / "base").exists()
    assert torch.equal(outputs(Clara.load(tmp_path / "child"))["memory"], before["memory"])


def test_provenance_and_licences_pass_from_parent_to_child(tmp_path: Path) -> None:
    model = tiny_clara(tmp_path)
    model.stage = "compression"
    made = Provenance(
        data=DataProvenance(
            name="manuals",
            manifest_sha256="ab" * 32,
            files={"pretrain_data.jsonl": "cd" * 32},
            engines={
                "synthesis": {"engine": "llm", "model": "qwen-turbo"},
                "description": {"engine": "ocr", "model": "PP-OCRv6 small"},
            },
            rows=12,
        ),
        steps=10,
        metrics={"loss": 1.25, "recall_at_1": None},
        imported_from="clara_stage1 (a checkpoint of the reference implementation)",
        licences=(LicenceNotice(name="LICENSE", source="clara_stage1", text="Be kind.\n"),),
    )
    first = save_checkpoint(model, tmp_path / "compression", provenance=made)
    # A model that is merely loaded and saved keeps what it came with.
    Clara.load(first).save(tmp_path / "copy")
    assert read_provenance(tmp_path / "copy") == read_provenance(first)
    model.stage = "instruction"
    child = save_checkpoint(
        model, tmp_path / "instruction", provenance=Provenance(parent=parent_checkpoint(first))
    )
    told = read_provenance(child)
    assert told.parent is not None
    assert told.parent.sha256 == checkpoint_sha256(first)
    assert told.parent.name == "compression"
    assert told.parent.provenance == read_provenance(first)
    assert told.stage == "instruction"
    assert {"torch", "transformers", "peft"} <= set(told.packages)
    assert (child / "licenses" / "LICENSE").read_text() == "Be kind.\n"
    card = (child / "README.md").read_text()
    for words in (
        "tiny-qwen3",
        "manuals, 12 rows",
        "synthesis was made by `llm`: the terms of whoever serves qwen-turbo",
        "description was made by `ocr`: PP-OCR models, Apache-2.0",
        "licenses/LICENSE",
        "loss: 1.25",
    ):
        assert words in card
    assert str(tmp_path) not in card
    assert "not measured" not in card and "base_model:" not in card


def test_a_card_says_once_what_stages_have_in_common(tmp_path: Path) -> None:
    model = tiny_clara(tmp_path)
    data = DataProvenance(name="manuals", engines={"synthesis": {"engine": "extractive"}})
    model.stage = "compression"
    first = save_checkpoint(
        model, tmp_path / "compression" / "model", provenance=Provenance(data=data)
    )
    model.stage = "end_to_end"
    parent = parent_checkpoint(first)
    assert parent.name == "compression"
    made = Provenance(
        data=data,
        parent=parent,
        metrics={"held_out_recall_at_5": 1.0, "loss": 2.0},
        training={"candidates": 4},
    )
    card = (save_checkpoint(model, tmp_path / "second", provenance=made) / "README.md").read_text()
    assert card.count("Data, manuals: not stated.") == 1
    assert card.count("its synthesis was made by") == 1
    assert "held_out_recall_at_5: 1 (among 4 candidates)" in card
    assert "loss: 2\n" in card


def test_a_card_names_the_base_for_a_hub_only_where_it_is_there() -> None:
    base = BaseRecord(
        name="some-folder", config_fingerprint="0", weights_fingerprint="0", model_type="llama"
    )
    record = CheckpointRecord(
        config=ClaraConfig(),
        stage=None,
        dtype="float32",
        base=base,
        table_rows=1,
        adapters=("decoder_adapter",),
        provenance=Provenance(),
    )
    assert "base_model:" not in model_card(record)
    on_hub = base.model_copy(update={"name": "owner/name"})
    assert 'base_model: "owner/name"' in model_card(record.model_copy(update={"base": on_hub}))


def test_licences_of_one_name_and_other_words_are_all_kept(tmp_path: Path) -> None:
    def made(text: str, parent: Provenance | None = None) -> Provenance:
        return Provenance(
            imported_from=text,
            licences=(
                LicenceNotice(name="LICENSE.txt", source=text, text=text),
                LicenceNotice(name="NOTICE", source=text, text="the same"),
            ),
            parent=ParentCheckpoint(sha256="0", name=text, provenance=parent) if parent else None,
        )

    whole = made("third", made("first", made("second", made("first"))))
    folder = save_checkpoint(tiny_clara(tmp_path), tmp_path / "saved", provenance=whole)
    found = {path.name: path.read_text() for path in (folder / "licenses").iterdir()}
    assert found == {
        "LICENSE.txt": "first",
        "LICENSE-2.txt": "second",
        "LICENSE-3.txt": "third",
        "NOTICE": "the same",
    }
    card = (folder / "README.md").read_text()
    for number, text in (("", "first"), ("-2", "second"), ("-3", "third")):
        said = f"Imported weights, {text}: see licenses/LICENSE{number}.txt, licenses/NOTICE."
        assert said in card


def test_the_hash_is_of_the_model_and_not_of_its_story(tmp_path: Path) -> None:
    model = scrambled(tiny_clara(tmp_path))
    one = save_checkpoint(model, tmp_path / "one", provenance=Provenance(steps=1))
    two = save_checkpoint(model, tmp_path / "two", provenance=Provenance(steps=2, created_at="x"))
    assert checkpoint_sha256(one) == checkpoint_sha256(two)
    with torch.no_grad():
        model.memory_rows[0, 0] += 1
    save_checkpoint(model, two)
    verify_checkpoint(two)
    assert checkpoint_sha256(one) != checkpoint_sha256(two)


def test_nothing_is_written_but_safetensors_json_and_text(tmp_path: Path) -> None:
    model = tiny_clara(tmp_path)
    folder = save_checkpoint(model, tmp_path / "saved")
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds <= {".safetensors", ".json", ".md", ".jinja"}
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == files - {"manifest.json"}
    assert [path.name for path in tmp_path.glob(".*")] == []

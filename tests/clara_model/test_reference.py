from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch

from clara_model import Clara, ClaraConfig
from clara_model.config import ADAPTERS, DECODER, ENCODER
from clara_model.errors import BaseModelError, CheckpointError, StorageFull, UnsafeCheckpoint
from clara_model.reference import export_reference, import_reference
from clara_model.reference_files import write_tensors
from tests.clara_model.conftest import scramble
from tests.support.tiny_models import tiny_base

CONFIG = ClaraConfig(doc_max_length=64, compression_rate=16, lora_r=4, lora_dropout=0, top_k=2)


@pytest.fixture(scope="module", params=["mistral", "qwen3", "phi3"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """A base of each kind, a model on it, and that model in the reference's files."""
    folder = tmp_path_factory.mktemp(request.param)
    base = tiny_base(folder / "base", request.param)
    model = Clara.from_base(base, CONFIG)
    model.set_stage("end_to_end")
    scramble(model)
    export_reference(model, folder / "theirs")
    return base, model, folder / "theirs"


def memory(model: Clara) -> torch.Tensor:
    ids = torch.tensor([model.tokens.document_ids("The pump stands in the cellar.", 64)])
    with torch.no_grad():
        return torch.cat(
            [
                model.eval().compress(ids, torch.ones_like(ids)).memory,
                model.encode_query(ids, torch.ones_like(ids)),
            ]
        )


def test_there_and_back(made: tuple) -> None:
    base, model, theirs = made
    again = import_reference(theirs, base=base)
    assert torch.equal(memory(again), memory(model))
    assert again.stage == "end_to_end" and again.adapter_names == ADAPTERS
    assert again.config == CONFIG.model_copy(update={"lora_dropout": 0.1})
    assert again.table_rows == again.tokens.size == len(again.tokenizer)
    assert not again.carries_tables
    for name in ADAPTERS:
        for key, parameter in model.adapter_parameters(name).items():
            assert torch.equal(parameter, again.adapter_parameters(name)[key])


def test_its_files_are_those_of_the_reference(made: tuple) -> None:
    _, model, theirs = made
    adapters = torch.load(theirs / "adapters.pth", weights_only=True)
    assert set(adapters) == set(ADAPTERS)
    tables = torch.load(theirs / "decoder_first_last_layers.pth", weights_only=True)
    size = model.tokens.size
    assert tables["model.embed_tokens.weight"].shape == (size, 64)
    tied = model.base.config.tie_word_embeddings
    assert ("lm_head.weight" in tables) == (not tied)
    assert torch.equal(
        tables["model.embed_tokens.weight"][model.memory_token_ids], model.memory_rows.detach()
    )
    config = json.loads((theirs / "config.json").read_text())
    assert (config["training_stage"], config["compr_rate"], config["sep"]) == ("stage2", 16, True)


def test_the_base_is_found_by_its_recorded_name(
    made: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, model, theirs = made
    # Where the folder lies is not passed on.
    assert json.loads((theirs / "config.json").read_text())["decoder_model_name"] == base.name
    monkeypatch.chdir(base.parent)
    assert import_reference(theirs).base_name == base.name
    assert torch.equal(memory(import_reference(theirs)), memory(model))


@pytest.fixture
def broken(made: tuple, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[2], tmp_path / "broken"))


def change(file: Path, **values: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_stages_are_named_otherwise(made: tuple, broken: Path) -> None:
    for theirs, ours in (("stage1", "compression"), ("stage1_2", "instruction")):
        change(broken / "config.json", training_stage=theirs)
        assert import_reference(broken, base=made[0]).stage == ours
    change(broken / "config.json", training_stage="stage7")
    with pytest.raises(CheckpointError, match="'stage7' is none of stage1"):
        import_reference(broken, base=made[0])


def test_a_malicious_pickle_is_refused_and_not_run(
    made: tuple, broken: Path, tmp_path: Path
) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return os.system, (f"touch {tmp_path / 'ran'}",)

    (broken / "adapters.pth").write_bytes(pickle.dumps({ENCODER: Evil()}))
    with pytest.raises(UnsafeCheckpoint, match="not run") as plain:
        import_reference(broken, base=made[0])
    torch.save({ENCODER: Evil()}, broken / "adapters.pth")
    with pytest.raises(
        UnsafeCheckpoint, match=r"asks for (posix|nt)\.system. It was not run"
    ) as zipped:
        import_reference(broken, base=made[0])
    # torch advises to load it without the guard.
    assert not any("weights_only" in str(error.value) for error in (plain, zipped))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken zip"])
def test_damaged_files(made: tuple, broken: Path, content: bytes) -> None:
    (broken / "adapters.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"adapters\.pth"):
        import_reference(broken, base=made[0])


def edit_adapters(folder: Path, change_them: object) -> None:
    adapters = torch.load(folder / "adapters.pth", weights_only=True)
    change_them(adapters)  # type: ignore[operator]
    torch.save(adapters, folder / "adapters.pth")


def test_missing_unknown_and_misshapen_weights_are_named(made: tuple, broken: Path) -> None:
    def lose_one(adapters: dict) -> None:
        adapters[DECODER].pop(next(iter(adapters[DECODER])))

    edit_adapters(broken, lose_one)
    with pytest.raises(CheckpointError, match=r"decoder_adapter does not fit.*missing 1 \(model"):
        import_reference(broken, base=made[0])

    def cut_one(adapters: dict) -> None:
        adapters[DECODER] = dict(adapters[ENCODER])
        key = next(iter(adapters[ENCODER]))
        adapters[ENCODER][key] = adapters[ENCODER][key][:2]

    edit_adapters(broken, cut_one)
    with pytest.raises(CheckpointError, match=r"has shape \(2, 64\), expected \(4, 64\)"):
        import_reference(broken, base=made[0])
    edit_adapters(broken, lambda adapters: adapters.pop(ENCODER))
    with pytest.raises(CheckpointError, match="encoder_adapter"):
        import_reference(broken, base=made[0])


def test_missing_files_and_fields_are_named(made: tuple, broken: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint of the reference"):
        import_reference(tmp_path / "none")
    (broken / "decoder_first_last_layers.pth").unlink()
    with pytest.raises(CheckpointError, match=r"decoder_first_last_layers\.pth is missing"):
        import_reference(broken, base=made[0])
    (broken / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="doc_max_length"):
        import_reference(broken, base=made[0])


def test_another_base(made: tuple, broken: Path, tmp_path: Path) -> None:
    other = tiny_base(tmp_path / "other", "llama", hidden=32)
    with pytest.raises(CheckpointError, match=r"embed_tokens|lm_head"):
        import_reference(broken, base=other)
    with pytest.raises(BaseModelError, match="does not exist"):
        import_reference(broken, base=tmp_path / "no-base")


def test_tables_that_were_trained_are_carried(made: tuple, broken: Path) -> None:
    file = broken / "decoder_first_last_layers.pth"
    tables = torch.load(file, weights_only=True)
    tables["model.embed_tokens.weight"][3] += 1
    torch.save(tables, file)
    model = import_reference(broken, base=made[0])
    assert model.carries_tables
    table = model.base.get_input_embeddings().weight
    assert torch.equal(table, tables["model.embed_tokens.weight"])


def test_copies_of_the_tables_inside_adapters_are_ignored(made: tuple, broken: Path) -> None:
    edit_adapters(
        broken, lambda a: a[ENCODER].update({"model.embed_tokens.weight": torch.zeros(3, 3)})
    )
    assert torch.equal(memory(import_reference(broken, base=made[0])), memory(made[1]))


def test_an_alpha_of_ones_own_survives(made: tuple, tmp_path: Path) -> None:
    model = Clara.from_base(made[0], CONFIG.model_copy(update={"lora_alpha": 3}))
    scramble(model)
    export_reference(model, tmp_path / "theirs")
    again = import_reference(tmp_path / "theirs", base=made[0])
    assert torch.allclose(memory(again), memory(model), atol=1e-5)


def test_an_adapter_that_is_one_tensor(made: tuple, broken: Path) -> None:
    edit_adapters(broken, lambda adapters: adapters.update({ENCODER: torch.zeros(3)}))
    with pytest.raises(CheckpointError, match="encoder_adapter is one tensor"):
        import_reference(broken, base=made[0])


def test_what_its_configuration_may_leave_open(made: tuple, broken: Path) -> None:
    change(broken / "config.json", generation_top_k=None, sep=None, decoder_model_name=None)
    config = import_reference(broken, base=made[0]).config
    assert (config.top_k, config.separator) == (5, True)
    with pytest.raises(CheckpointError, match="names no base"):
        import_reference(broken)


def test_a_licence_beside_the_checkpoint_is_kept(made: tuple, broken: Path) -> None:
    (broken / "LICENSE").write_text("As you like it.")
    assert import_reference(broken, base=made[0]).origin["LICENSE"] == "As you like it."


def test_export_does_not_overwrite_other_things(made: tuple, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(CheckpointError, match="thesis"):
        export_reference(made[1], tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "important"


def test_licences_of_imported_weights_are_passed_on(
    made: tuple, broken: Path, tmp_path: Path
) -> None:
    (broken / "LICENSE").write_text("As you like it.")
    model = import_reference(broken, base=made[0])
    for _ in range(2):  # what an export wrote may be replaced by another one
        export_reference(model, tmp_path / "again")
    assert (tmp_path / "again" / "LICENSE").read_text() == "As you like it."
    folder = tmp_path / "only-a-licence"
    folder.mkdir()
    (folder / "LICENSE").write_text("of something else")
    with pytest.raises(CheckpointError, match="LICENSE"):
        export_reference(model, folder)


@pytest.mark.parametrize("what", ["adapters.pth", "decoder_first_last_layers.pth"])
def test_weights_that_are_not_finite_are_refused(made: tuple, broken: Path, what: str) -> None:
    values = torch.load(broken / what, weights_only=True)
    named = values.get(ENCODER, values)
    key = next(iter(named))
    named[key].view(-1)[0] = float("nan")
    torch.save(values, broken / what)
    with pytest.raises(CheckpointError, match=f"{what}: .*{key} holds values that are not finite"):
        import_reference(broken, base=made[0])


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, StorageFull), (errno.EACCES, CheckpointError)]
)
def test_a_disk_that_refuses_leaves_nothing(
    made: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: type
) -> None:
    def fail(values: object, stream: object) -> None:
        try:
            raise OSError(number, os.strerror(number))
        finally:
            raise RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(error, match=os.strerror(number)):
        export_reference(made[1], tmp_path / "full")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_told_by_its_errno() -> None:
    with pytest.raises(OSError, match="No space left") as raised:
        write_tensors({"a": torch.zeros(300_000)}, Path("/dev/full"))
    assert raised.value.errno == errno.ENOSPC

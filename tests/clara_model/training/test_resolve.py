from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clara_model.errors import ConfigError
from clara_model.training.options import choose_preset
from clara_model.training.resolve import resolve_config

NEEDED: dict[str, Any] = {"data": "data", "output": "out", "base_model": "base"}


def resolved(file: Path | None = None, **flags: Any) -> Any:
    return resolve_config(preset="paper", file=file, flags={**NEEDED, **flags})


def test_the_papers_figures() -> None:
    config = resolved().config
    first, third = config.compression, config.end_to_end
    assert (first.learning_rate, first.batch_size, first.epochs) == (1e-4, 128, 1)
    assert (first.schedule, first.warmup_share, first.max_gradient_norm) == ("cosine", 0.03, 1.0)
    assert config.instruction == first
    assert (third.learning_rate, third.batch_size) == (5e-6, 32)
    shape = config.model.clara_config()
    assert (shape.doc_max_length, shape.compression_rate, shape.top_k) == (256, 16, 5)
    assert (shape.alignment_weight, config.candidates) == (0.1, 20)


def test_the_small_preset() -> None:
    config = resolve_config(preset="small", flags=NEEDED).config
    shape = config.model.clara_config()
    assert (shape.doc_max_length, shape.top_k, config.candidates) == (256, 2, 8)
    assert {config.options(s).batch_size for s in config.stages} == {4}
    assert {config.options(s).learning_rate for s in config.stages} == {1e-3}


def test_flags_go_before_the_file_and_the_file_before_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(
        "learning_rate: 0.002\nbatch_size: 7\ntop_k: 3\nwandb: 'off'\n"
        "end_to_end:\n  learning_rate: 0.003\n"
    )
    found = resolved(file, batch_size=9, top_k=None)
    config = found.config
    assert (config.compression.learning_rate, config.end_to_end.learning_rate) == (0.002, 0.003)
    assert {config.options(s).batch_size for s in config.stages} == {9}
    assert (config.model.top_k, config.tracking.wandb) == (3, "off")
    assert found.origins["end_to_end.learning_rate"] == f"the file {file}"
    assert found.origins["compression.batch_size"] == "a flag"
    assert found.origins["candidates"] == "preset paper"
    assert "compression.epochs" not in found.origins


def test_a_resolved_configuration_is_a_configuration_file(tmp_path: Path) -> None:
    config = resolved(seed=5, end_to_end={"max_steps": 3}, wandb_project="mine").config
    assert (config.model.seed, config.reasoning.seed) == (5, 5)
    file = tmp_path / "run.json"
    file.write_text(config.model_dump_json())
    assert resolve_config(file=file).config == config


def test_a_checkpoints_shape_is_not_the_presets(tmp_path: Path) -> None:
    config = resolved(init_from="checkpoint", stages="end_to_end", temperature=0.05).config
    assert config.model.given() == {"temperature": 0.05}


def test_aliases_and_the_choice_of_a_preset_are_said(tmp_path: Path) -> None:
    for name in ("pretrain_data.jsonl", "instruction_data.jsonl"):
        (tmp_path / name).write_text("{}\n" * 3)
    found = resolve_config(
        flags={**NEEDED, "data": str(tmp_path), "stages": "stage1, stage2", "device": "cpu"}
    )
    assert found.config.stages == ("compression", "instruction")
    assert found.config.preset == "small"
    assert found.notices[:2] == (
        "stage1 is the stage compression.",
        "stage2 is the stage instruction.",
    )
    assert found.notices[2] == (
        "Chosen, since there is no accelerator here: preset small: batch 4, documents of 256 "
        "tokens at most, 2 documents, learning rates compression 0.001, instruction 0.001."
    )


def test_the_first_line_states_what_is_used_and_not_what_the_preset_says() -> None:
    def said(**flags: Any) -> str:
        return resolved(**flags).notices[-1]

    assert said() == (
        "Preset paper: batches compression 128, instruction 128, end_to_end 32, documents of 256 "
        "tokens at most, 5 of 20 documents, learning rates compression 0.0001, instruction "
        "0.0001, end_to_end 5e-06."
    )
    assert said(stages="compression", batch_size=9, reasoning={"learning_rate": 1}) == (
        "Preset paper, changed in batch_size: batch 9, documents of 256 tokens at most, "
        "learning rates compression 0.0001."
    )
    assert said(stages="e2e", init_from="there", end_to_end={"learning_rate": 1e-4}) == (
        "Preset paper, changed in learning_rate: batch 32, documents as long as the checkpoint's, "
        "the checkpoint's top_k of 20 documents, learning rates end_to_end 0.0001."
    )


def test_an_unquoted_off_of_yaml_is_the_word(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("wandb: off\nprogress: off\ndocument_cache: off\n")
    config = resolved(file).config
    assert (config.tracking.wandb, config.tracking.progress) == ("off", "off")
    assert config.end_to_end.document_cache == "off"


@pytest.mark.parametrize(
    ("device", "rows", "preset"),
    [
        ("cpu", 10**6, "small"),
        ("cuda", 1999, "small"),
        ("cuda", 2000, "paper"),
        ("mps", 1, "small"),
    ],
)
def test_a_preset_by_device_and_rows(device: str, rows: int, preset: str) -> None:
    assert choose_preset(device, rows)[0] == preset


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            {"learning_rat": 1},
            r"'learning_rat' \(from a flag\) is no option.*Did you mean learning",
        ),
        ({"learning_rate": -1}, r"^learning_rate = -1 \(from a flag\): Input should[^=]*$"),
        (
            {"end_to_end": {"learning_rate": -1}},
            r"^end_to_end.learning_rate = -1 \(from a flag\): Input should[^=]*$",
        ),
        ({"adam_betas": (0.9, "x")}, r"^adam_betas.1 = 'x' \(from a flag\): [^=]*$"),
        ({"lora_r": 0}, r"^lora_r = 0 \(from a flag\): Input should[^=]*$"),
        ({"batch_size": "many"}, r"batch_size = 'many'"),
        ({"data": None}, "data is missing"),
        ({"preset": "huge"}, "preset 'huge' is unknown: choose from paper, small"),
        ({"stages": "stage9"}, "'stage9' is no stage"),
        ({"stages": ""}, "No stage is named"),
        ({"stages": 3}, "stages = 3: give a list"),
        ({"stages": "instruction,compression"}, "are not in order"),
        ({"stages": "stage1,compression"}, "each at most once"),
        ({"top_k": 30}, "top_k 30 is more than the 20 candidates"),
        ({"compression_rate": 512}, "^compression_rate 512 leaves no memory token"),
        ({"end_to_end": 5}, r"end_to_end \(from a flag\) must be a section"),
        (
            {"end_to_end": {"learning_rat": 5}},
            r"'learning_rat' in end_to_end \(from a flag\) is no option there\. Did you mean learn",
        ),
        ({"end_to_end": {"lr": 5}}, "'lr' in end_to_end .* `clara train --help` lists"),
        ({"end_to_end": {"top_k": 5}}, "'top_k' in end_to_end .* Write it at the top"),
    ],
)
def test_a_wrong_value_is_named_with_where_it_came_from(flags: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolved(**flags)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b"{", "is not valid"),
        ("a.yaml", b"a: [", "is not valid"),
        ("a.yaml", b"- 1", "must be a mapping"),
        ("a.json", b"\xff", "cannot be read"),
        ("a.json", json.dumps({"nonsense": 1}).encode(), r"'nonsense' \(from the file .*a.json\)"),
    ],
)
def test_a_wrong_file_is_named(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        resolved(tmp_path / name)

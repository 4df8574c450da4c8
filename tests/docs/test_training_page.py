"""docs/training.md stays true: messages, flags, tables and files are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer
from accelerate.commands.launch import launch_command_parser

from clara_model.config import _ALIASES, STAGES, resolve_stage
from clara_model.data.files import STAGE_FILES
from clara_model.errors import ModelError
from clara_model.reference import REFERENCE_STAGES
from clara_model.training.options import FEW_ROWS, OPERATIONAL, PRESETS
from clara_model.training.resolve import resolve_config
from flows.cli import app
from tests.support.pages import code_blocks, page, section, table, unknown_messages
from tests.support.tiny_training import run_options

PAGE = page("docs/training.md")
_OF_OTHERS = {"--help", "--no-deps", "--nproc-per-node", "--watch"}
_SWITCHED_OFF = {"wandb", "training.png", "samples.jsonl", "trainer.log"}
"""What `run_options` leaves out, and what a flow adds; tests of those look at them."""


def test_quoted_messages_occur_in_the_code() -> None:
    quoted = re.findall(r"^\| `([^`]+)` \|", section(PAGE, "Troubleshooting"), re.MULTILINE)
    assert len(quoted) > 25
    assert unknown_messages(quoted, ("clara_model", "flows")) == []


def test_a_message_that_nobody_writes_is_found_out() -> None:
    assert unknown_messages(["The moon is … of cheese"], ("clara_model", "flows"))


@pytest.mark.parametrize("name", ["docs/training.md", "README.md", "README.zh-CN.md"])
def test_every_flag_and_command_exists(name: str) -> None:
    root = typer.main.get_command(app)
    flags = {opt for command in _commands(root) for p in command.params for opt in _spellings(p)}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z_-]+", page(name)))
    launcher = {opt for action in launch_command_parser()._actions for opt in action.option_strings}
    assert named - flags - launcher - _OF_OTHERS == set()
    for words in re.findall(r"clara ((?:model )?[a-z]+)(?= )", page(name)):
        assert _find(root, words.split()), words


def _commands(command: object) -> list:
    inner = getattr(command, "commands", {})
    return [command, *(found for one in inner.values() for found in _commands(one))]


def _spellings(parameter: object) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]  # type: ignore[attr-defined]


def _find(command: object, words: list[str]) -> bool:
    for word in words:
        command = getattr(command, "commands", {}).get(word)
    return command is not None


def test_stages_have_these_names_files_and_numbers() -> None:
    rows = {row[0]: row[1:] for row in table(section(PAGE, "Which stage is which"))}
    assert tuple(rows) == STAGES
    for stage in STAGES:
        aliases, file, theirs = rows[stage]
        assert set(aliases.split(", ")) == {a for a, meant in _ALIASES.items() if meant == stage}
        assert all(resolve_stage(alias) == stage for alias in aliases.split(", "))
        assert file == STAGE_FILES[stage]
        ours = {name for name, meant in REFERENCE_STAGES.items() if meant == stage}
        assert set(theirs.split(", ")) == ours


def test_presets_have_these_figures() -> None:
    stated = {row[0]: row[1:] for row in table(section(PAGE, "Presets, a file, flags"))}
    for column, values in enumerate(PRESETS.values()):
        later = {**values, **values.get("end_to_end", {})}
        for name, cells in stated.items():
            if name == "top_k of candidates":
                expected = f"{values['top_k']} of {values['candidates']}"
            elif name == "gradient_checkpointing":
                expected = "yes" if values.get(name, False) else "no"
            else:
                both = f"{values[name]}; end_to_end, reasoning {later[name]}"
                expected = str(values[name]) if values[name] == later[name] else both
            assert cells[column] == expected, name
    assert f"fewer than {FEW_ROWS:,}\nrows" in PAGE or f"fewer than {FEW_ROWS:,} rows" in PAGE


def test_operational_options_are_all_named() -> None:
    item = PAGE.split("do not count as a change:", 1)[1].split("`max_steps` does", 1)[0]
    assert set(re.findall(r"`([a-z_]+)`", item)) == OPERATIONAL


def test_the_file_is_one_that_is_taken(tmp_path: Path) -> None:
    (text,) = code_blocks(PAGE, "yaml")
    (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
    resolved = resolve_config(file=tmp_path / "run.yaml", flags={"device": "cpu"})
    assert resolved.config.end_to_end.batch_size == 16
    assert resolved.config.compression.batch_size == 8
    assert resolved.origins["end_to_end.document_cache"].startswith("the file")


def test_the_program_trains_and_leaves_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import yaml

    monkeypatch.chdir(tmp_path)
    options = run_options(
        tmp_path, output="model", sample_answers=0, evaluation_rows=2, max_steps=1
    )
    options |= {"stages": "compression,end_to_end", "document_cache": "disk"}
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(options), encoding="utf-8")
    (program,) = code_blocks(PAGE, "python")
    exec(compile(program, "docs/training.md", "exec"), {"__name__": "__main__"})
    assert f"end_to_end 2 {Path('model/end_to_end/model')}" in capsys.readouterr().out
    named = {row[0].rstrip("/") for row in table(section(PAGE, "What a stage leaves"))}
    made = {path.name for path in (tmp_path / "model/end_to_end").iterdir()}
    assert made | _SWITCHED_OFF == named


def test_exit_codes_are_those_of_the_errors() -> None:
    kinds = [ModelError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
    stated = section(PAGE, "Troubleshooting").split("Exit codes: ", 1)[1].split(". ", 1)[0]
    assert {int(n) for n in re.findall(r"\d+", stated)} == {0, *(k.exit_code for k in kinds)}

"""docs/migrating.md: every command that it tells people to type is one of ours, word for word."""

from __future__ import annotations

import re

import pytest
import typer

from flows.cli import app
from tests.support.pages import page, section
from tests.support.typed_commands import commands, parse

PAGE = page("docs/migrating.md")
_THEN = (
    "run_data_pipeline.sh",
    "train_qwen3_clara.sh",
    "STAGE",
    "MODEL_PATH",
    "SAVE_PATH",
    "use_wandb",
    "--per_device_train_batch_size",
    "sed",
)


@pytest.mark.parametrize("line", sorted(set(commands(PAGE))))
def test_every_command_is_taken(line: str) -> None:
    parse(line)


def test_a_command_that_is_none_is_found_out() -> None:
    assert len(commands(PAGE)) > 20
    for line in ("clara train out --save-path x", "clara trian out", "clara ingest --top-k many"):
        with pytest.raises(AssertionError):
            parse(line)


def test_flags_that_stand_alone_are_those_of_train() -> None:
    train = typer.main.get_command(app).commands["train"]
    ours = {opt for p in train.params for opt in (*p.opts, *p.secondary_opts)}
    rows = re.findall(r"^\|[^|]*\|([^|]*)\|$", section(PAGE, "Training"), re.MULTILINE)
    now = " ".join(re.sub(r"`clara [^`]*`", "", cell) for cell in rows)
    named = set(re.findall(r"`(--[a-z-]+)`", now))
    assert len(named) >= 8
    assert named - ours == set()


def test_what_the_scripts_had_is_all_answered() -> None:
    assert [word for word in _THEN if word not in PAGE] == []


def test_stages_mean_what_the_page_says() -> None:
    from clara_model.config import resolve_stage

    rows = re.findall(r'^\| `STAGE="(\w+)"` \| `clara train [^`]*--stages (\w+)', PAGE, re.M)
    assert len(rows) == 4
    assert all(resolve_stage(theirs) == ours for theirs, ours in rows)

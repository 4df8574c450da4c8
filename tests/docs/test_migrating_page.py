"""docs/migrating.md: every command that it tells people to type is one of ours, word for word."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

from flows.cli import app
from tests.support.pages import code_blocks, page, section

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


def commands(text: str) -> list[str]:
    """Lines of blocks to type, and what stands between backticks, where it is a command of ours."""
    lines = [line for block in code_blocks(text, "bash") for line in block.splitlines()]
    quoted = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return [line for line in (*lines, *quoted) if line.startswith(("clara ", "uv run clara "))]


def parse(line: str) -> None:
    """What `clara` does with a line before it runs anything. Raises AssertionError."""
    words = shlex.split(line.removeprefix("uv run "))[1:]
    command = typer.main.get_command(app)
    while inner := getattr(command, "commands", None):
        assert words[0] in inner, line
        command = inner[words.pop(0)]
    try:
        command.make_context("clara", words)
    except Exception as error:  # of a module of typer's that has no public name
        raise AssertionError(f"{line}: {error}") from error


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

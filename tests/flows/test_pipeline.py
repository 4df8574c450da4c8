"""Documents to a model in one run: by the command, and by the flow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clara_model import Clara
from clara_model.errors import ConfigError
from flows.cli_pipeline import parse_options
from flows.pipeline import NothingToTrain, pipeline
from tasks.errors import UsageError
from tests.flows.conftest import KeptPools
from tests.support.corpora import clara, write_corpus
from tests.support.tiny_models import tiny_base
from tests.support.tiny_training import run_options

_TRAINING = ("workers", "candidates", "top_k", "data", "output", "base_model", "preset")


def test_the_command_does_both(prefect_api: str, tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "documents")
    base = tiny_base(tmp_path / "base")
    given = run_options(tmp_path / "unused")
    options = {k: v for k, v in given.items() if k not in _TRAINING} | {
        **{"allow_truncation": True, "candidates": 4, "top_k": 2, "workers": 0}
    }
    done = clara(
        *("pipeline", source, "-o", tmp_path / "data", "--model-output", tmp_path / "model"),
        *("--base-model", base, "--stages", "stage1", "--preset", "small", "--max-steps", "1"),
        *("--workers", "1", "--tokenizer", "none"),
        *(part for name, value in options.items() for part in ("--train", f"{name}={value}")),
    )
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert folder == tmp_path / "model" / "compression" / "model"
    assert Clara.load(folder).stage == "compression"
    assert "The stages train on this machine" in done.stderr
    assert "compression: done" in done.stderr
    rows = (tmp_path / "data" / "pretrain_data.jsonl").read_text().splitlines()
    assert json.loads((folder.parent / "result.json").read_text())["rows"] <= len(rows)


def test_what_cannot_work_is_said_before_anything_is_ingested(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "documents", 1)
    usual = ("pipeline", source, "-o", tmp_path / "data", "--model-output", tmp_path / "model")
    for more, said in (
        (("--train", "learning_rat=1"), "Did you mean learning_rate"),
        (("--train", "learning_rate"), "no NAME=VALUE"),
        (("--stages", "stage9"), "'stage9' is no stage"),
        (("--train", "learning_rate=-1"), "learning_rate"),
    ):
        done = clara(*usual, *more)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
        assert "Traceback" not in done.stderr
    assert clara(*usual[:4]).returncode == 2
    assert not (tmp_path / "data").exists()


def test_the_flow_names_what_it_cannot_hand_on(
    prefect_api: str, tmp_path: Path, kept_workers: KeptPools
) -> None:
    source, output = tmp_path / "documents", tmp_path / "data"
    places = {"source": str(source), "output": str(output), "model_output": str(tmp_path / "m")}
    source.mkdir()
    with pytest.raises(ConfigError, match="Did you mean workers"):
        pipeline(**places, ingest_options={"worker": 1})
    with pytest.raises(ConfigError, match="train_options names data"):
        pipeline(**places, train_options={"data": "elsewhere"})
    with pytest.raises(NothingToTrain, match="no data set to train on"):
        pipeline(**places, ingest_options={"workers": 1, "tokenizer": "none"})


def test_options_of_training_are_written_as_in_a_file() -> None:
    assert parse_options(["learning-rate=1e-3", "wandb=off", "end_to_end={epochs: 2}"]) == {
        "learning_rate": "1e-3",
        "wandb": False,
        "end_to_end": {"epochs": 2},
    }
    with pytest.raises(UsageError, match="cannot be read"):
        parse_options(["end_to_end={"])

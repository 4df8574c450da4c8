"""Stages one after another, over real files."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from clara_model import Clara
from clara_model.checkpoint import checkpoint_sha256, read_provenance, verify_checkpoint
from clara_model.errors import ConfigError, DataError, TrainingInterrupted
from clara_model.train import main
from clara_model.training.callbacks import Callback
from clara_model.training.resolve import resolve_config
from clara_model.training.results import StageResult
from clara_model.training.run import run_stages
from tests.support.tiny_training import run_options

ALL = ("compression", "instruction", "end_to_end")


class Told:
    """Runs with options as a file has them, and keeps what is said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "out"
        self.text = ""

    def run(self, *callbacks: Callback, **changes: Any) -> list[StageResult]:
        options = run_options(self.folder, **changes)
        config = resolve_config(flags=options).config
        stream = io.StringIO()
        try:
            return run_stages(
                config,
                callbacks_for=lambda stage: callbacks,
                console=Console(file=stream, width=1000),
            )
        finally:
            self.text = stream.getvalue()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A run of all three stages."""
    made = Told(tmp_path_factory.mktemp("run"))
    made.results = made.run(max_steps=2)  # type: ignore[attr-defined]
    return made


def test_three_stages_leave_three_checkpoints_and_their_results(told: Told) -> None:
    results: list[StageResult] = told.results  # type: ignore[attr-defined]
    assert [result.stage for result in results] == list(ALL)
    parents = [None, *(result.checkpoint_sha256 for result in results[:-1])]
    assert [result.parent_sha256 for result in results] == parents
    for result in results:
        folder = result.model_folder(told.output)
        assert checkpoint_sha256(folder) == result.checkpoint_sha256
        assert (result.steps, result.rows) == (2, 12)
        assert result.metrics["held_out_loss"] > 0
        provenance = read_provenance(folder)
        assert provenance.stage == result.stage
        assert provenance.data.manifest_sha256
        assert (told.output / result.stage / "metrics.jsonl").is_file()
    loaded = Clara.load(told.output / "end_to_end" / "model")
    assert "query_reasoner_adapter" in loaded.adapter_names
    assert loaded.config.memory_tokens == 3


def test_what_is_finished_is_skipped_and_what_depends_on_a_change_is_not(told: Told) -> None:
    before = {path: path.stat().st_mtime_ns for path in told.output.rglob("result.json")}
    told.run(max_steps=2)
    assert told.text.count("skipped") == 3
    assert {path: path.stat().st_mtime_ns for path in before} == before

    told.run(max_steps=2, end_to_end={"learning_rate": 5e-4})
    lines = [line for line in told.text.splitlines() if "skipped" in line or "anew" in line]
    assert [line.split(":")[0] for line in lines] == list(ALL)
    assert "options.learning_rate was 0.001 and is 0.0005" in lines[2]

    # Neither how a run is carried out nor where it is watched makes another result of it.
    told.run(
        max_steps=2,
        end_to_end={"learning_rate": 5e-4},
        micro_batch_size=1,
        checkpoint_every_steps=1,
        document_cache="disk",
    )
    assert told.text.count("skipped") == 3


def test_a_later_stage_starts_from_what_the_folder_holds(told: Told) -> None:
    told.run(max_steps=2, stages="end_to_end", end_to_end={"learning_rate": 5e-4})
    assert f"end_to_end: starts from {told.output / 'instruction' / 'model'}" in told.text
    assert "skipped" in told.text


def test_from_a_checkpoint_elsewhere_and_its_shape(told: Told, tmp_path: Path) -> None:
    start = {
        "data": str(told.folder / "data"),
        "output": str(tmp_path / "out"),
        "init_from": str(told.output / "compression" / "model"),
        "stages": "stage3",
        "max_steps": 1,
        "base_model": None,
        "doc_max_length": None,
        "compression_rate": None,
        "lora_r": None,
    }
    (result,) = told.run(**start)
    assert result.parent_sha256 == checkpoint_sha256(told.output / "compression" / "model")
    assert result.identity["model.doc_max_length"] == 48
    with pytest.raises(ConfigError, match="compression_rate 8 was asked for, and the checkpoint"):
        told.run(**{**start, "compression_rate": 8})


def test_a_run_is_interrupted_and_goes_on(told: Told, tmp_path: Path) -> None:
    class Term(Callback):
        def on_step_end(self, trainer: Any, metrics: Any) -> None:
            if trainer.stage == "instruction" and metrics.step == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    output = tmp_path / "out"
    with pytest.raises(TrainingInterrupted, match="instruction: interrupted after step 2 of 3"):
        told.run(Term(), output=str(output), stages="compression,instruction")
    told.run(output=str(output), stages="compression,instruction")
    assert "compression: skipped" in told.text
    assert "instruction: goes on from step 2 of 3" in told.text
    lines = (output / "instruction" / "metrics.jsonl").read_text().splitlines()
    steps = [line["step"] for line in map(json.loads, lines) if line["kind"] == "step"]
    assert steps == [1, 2, 3]


def test_a_finished_stage_whose_files_are_damaged_is_made_again(told: Told, tmp_path: Path) -> None:
    output = tmp_path / "out"
    options = {"output": str(output), "stages": "compression", "max_steps": 1}
    told.run(**options)
    folder = output / "compression"
    for damage in (
        lambda: (folder / "model" / "memory.safetensors").write_bytes(b"not what was written"),
        lambda: (folder / "model" / "clara.json").unlink(),
    ):
        damage()
        told.run(**options)
        assert f"compression: the result in {folder} does not count." in told.text
        assert "compression: goes on from step 1 of 1" in told.text
        verify_checkpoint(folder / "model")
        told.run(**options)
        assert "compression: skipped" in told.text
    (folder / "model" / "memory.safetensors").unlink()
    with pytest.raises(ConfigError, match="has none of an earlier stage"):
        told.run(**{**options, "stages": "instruction"})
    assert "delete it and run the command that made it" in told.text


def test_a_result_counts_no_longer_once_another_run_writes_over_its_figures(
    told: Told, tmp_path: Path
) -> None:
    class Interrupt(Callback):
        def on_step_end(self, trainer: Any, metrics: Any) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    options = {"output": str(tmp_path / "out"), "stages": "compression", "max_steps": 2}
    (before,) = told.run(**options)
    with pytest.raises(TrainingInterrupted):
        told.run(Interrupt(), **options, learning_rate=5e-4)
    assert "trained anew, its result is of another run" in told.text
    assert "starts anew" not in told.text
    (after,) = told.run(**options)
    assert "starts anew. There is an unfinished run of other options" in told.text
    assert after.identity == before.identity
    lines = (tmp_path / "out" / "compression" / "metrics.jsonl").read_text().splitlines()
    rates = [line["learning_rate"] for line in map(json.loads, lines) if line["kind"] == "step"]
    assert len(rates) == 2
    assert rates[0] == 1e-3


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"stages": "instruction"}, ConfigError, "has none of an earlier stage: add `compression`"),
        ({"base_model": None}, ConfigError, "Neither a base model nor a checkpoint"),
        ({"data": "/nowhere"}, DataError, "There is no /nowhere"),
        ({"eval_data": "/nowhere"}, DataError, "which was named for evaluation"),
    ],
)
def test_what_cannot_be_trained_is_named(
    changes: dict[str, Any], error: type[Exception], words: str, told: Told, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words):
        told.run(**{"output": str(tmp_path / "out"), **changes})


def test_the_data_of_later_stages_is_looked_at_before_anything_trains(
    told: Told, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    rows = (told.folder / "data" / "pretrain_data.jsonl").read_text()
    (data / "pretrain_data.jsonl").write_text(rows)
    changes = {"data": str(data), "output": str(tmp_path / "out")}
    changes["stages"] = "compression,instruction"
    with pytest.raises(DataError, match=r"There is no .*instruction_data\.jsonl"):
        told.run(**changes)
    (data / "instruction_data.jsonl").write_text('{"question": "q", "docs": ["d"]}\n')
    with pytest.raises(DataError, match=r"instruction_data\.jsonl:1"):
        told.run(**changes)
    good = (told.folder / "data" / "instruction_data.jsonl").read_text()
    (data / "instruction_data.jsonl").write_text(good)
    held_out = tmp_path / "held_out.jsonl"
    held_out.write_text(rows.splitlines()[0].replace('"docs"', '"papers"') + "\n")
    with pytest.raises(DataError, match=r"held_out\.jsonl:1"):
        told.run(**changes, eval_data=str(held_out))
    assert not (tmp_path / "out" / "compression").exists()


def test_a_single_file_is_evaluated_with_the_rows_beside_it(told: Told, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text((told.folder / "data" / "pretrain_data.jsonl").read_text())
    changes = {"data": str(file), "stages": "compression", "max_steps": 1}
    (alone,) = told.run(**changes, output=str(tmp_path / "alone"))
    assert "compression: no evaluation, there is no eval_data.jsonl beside the data." in told.text
    assert not any(name.startswith("held_out") for name in alone.metrics)
    (tmp_path / "eval_data.jsonl").write_text(
        (told.folder / "data" / "eval_data.jsonl").read_text()
    )
    (beside,) = told.run(**changes, output=str(tmp_path / "beside"))
    assert beside.metrics["held_out_loss"] is not None


def test_too_few_held_out_documents_are_said_and_training_goes_on(
    told: Told, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    rows = (told.folder / "data" / "instruction_data.jsonl").read_text()
    (data / "instruction_data.jsonl").write_text(rows)
    (data / "eval_data.jsonl").write_text('{"question": "q", "docs": ["d"], "answer": "a"}\n')
    told.run(
        data=str(data),
        output=str(tmp_path / "out"),
        init_from=str(told.output / "compression" / "model"),
        stages="instruction",
        max_steps=1,
    )
    assert "instruction: no evaluation." in told.text
    assert "has no manifest.json" in told.text


def test_a_second_run_in_the_same_folder_is_refused(told: Told, tmp_path: Path) -> None:
    output = str(tmp_path / "out")

    class Again(Callback):
        def on_start(self, trainer: Any) -> None:
            Told(told.folder).run(output=output)

    with pytest.raises(ConfigError, match="Another training runs in"):
        told.run(Again(), max_steps=1, output=output)


def test_the_command_prints_the_plan_and_gives_exit_codes(
    told: Told, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(run_options(told.folder, stages=["stage1"], max_steps=2)))
    assert main([str(file)]) == 0
    printed = capsys.readouterr().out
    assert "stage1 is the stage compression." in printed
    assert "compression: skipped" in printed

    codes: list[tuple[Callable[[], int], int, str]] = [
        (lambda: main([]), 2, "Name one configuration file"),
        (lambda: main([str(tmp_path / "none.json")]), 2, "cannot be read"),
        (lambda: main(["--help"]), 0, ""),
    ]
    for command, code, words in codes:
        assert command() == code
        assert words in capsys.readouterr().err

"""Which rows are new to a model, which old ones come along, and when the current model moves."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from clara_model.data.files import StageFile
from flows.current_model import (
    CurrentModelInvalid,
    CurrentModelMoved,
    Promotion,
    adopt,
    promote,
    read_current,
)
from flows.new_rows import RowsUnreadable, SeenRows, keys_of, read_seen, row_key, write_seen
from flows.stage_records import StageCheckpoint
from flows.warm_start import Decision, WarmStart, parameters_of
from tasks.errors import UsageError
from tasks.published import DataSetChanged, open_data_set
from tasks.storage import Location
from tests.tasks.dataset_rows import pump_rows
from tests.tasks.published_data_set import publish

HELD = ("pumps/aster.txt",)


@pytest.fixture(params=["local", "memory"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A model folder on this machine, and one behind a URI."""
    return str(tmp_path / "model") if request.param == "local" else f"memory://{uuid.uuid4().hex}"


def finished_stage(model: str, output: Path, stage: str, file: str, sha256: str) -> None:
    """What a stage leaves that was trained on OUT's file."""
    digest = hashlib.sha256((output / file).read_bytes()).hexdigest()
    result = {"checkpoint_sha256": sha256, "identity": {f"data.{file}": digest}}
    place = Location(model) / stage
    place.make()
    place.write_bytes("result.json", json.dumps(result).encode())


def warm(output: Path, model: str, **changes: Any) -> WarmStart:
    values: dict[str, Any] = {
        "min_new_rows": 1,
        "replay_share": 1.0,
        "from_zero": False,
        "seed": 0,
        "train_parameters": {},
        **changes,
    }
    return WarmStart(output=str(output), model_output=model, **values)


def decide(output: Path, model: str, **changes: Any) -> Decision:
    return warm(output, model, **changes).decide(lambda line: None)


def end_well(model: str, decision: Decision, sha256: str) -> None:
    """What `train` does at its end."""
    assert decision.plan is not None
    promotes = parameters_of(decision.plan, {}, model)["promotes"]
    promote(Promotion(**promotes), checkpoint(f"{decision.plan.output}/end_to_end/model", sha256))


def checkpoint(uri: str, sha256: str) -> StageCheckpoint:
    return StageCheckpoint(
        stage="end_to_end", uri=uri, sha256=sha256, steps=1, rows=1, seconds=1.0, metrics={}
    )


def ids(data: str, name: str = "end_to_end_data.jsonl") -> list[str]:
    text = Location(data).read_bytes(name).decode()
    return [json.loads(line)["id"] for line in text.splitlines()]


@pytest.fixture
def trained(tmp_path: Path, model: str) -> tuple[Path, str]:
    """A data set of four pumps, one held out, and a model that was trained on it."""
    output = tmp_path / "out"
    publish(output, pump_rows(4), HELD)
    finished_stage(model, output, "compression", "pretrain_data.jsonl", "c" * 64)
    finished_stage(model, output, "end_to_end", "end_to_end_data.jsonl", "e" * 64)
    assert adopt(Location(model), str(output)) is not None
    return output, model


def test_the_last_finished_stage_is_adopted_with_its_rows(trained: tuple[Path, str]) -> None:
    output, model = trained
    current = read_current(Location(model))
    assert current is not None
    assert (current.stage, current.sha256, current.training) == ("end_to_end", "e" * 64, None)
    assert current.checkpoint == Location(model).uri("end_to_end/model")
    seen = read_seen(Location(model) / "seen", current.seen)
    data_set = open_data_set(str(output))
    known = {key for stage in ("compression", "end_to_end") for key in keys_of(data_set, stage)}
    assert len(seen) == len(known) > 10
    assert all(key in seen for key in known)
    assert not any(key in seen for key in keys_of(data_set, "instruction"))
    assert decide(output, model).state == "too_few_new_rows"


def test_rows_of_another_file_than_the_trained_one_are_new(tmp_path: Path, model: str) -> None:
    output = tmp_path / "out"
    publish(output, pump_rows(3))
    finished_stage(model, output, "end_to_end", "end_to_end_data.jsonl", "e" * 64)
    publish(output, pump_rows(4))
    adopt(Location(model), str(output))
    decision = decide(output, model)
    assert decision.plan is not None
    assert decision.plan.rows["end_to_end"].new == 12
    assert decision.plan.rows["end_to_end"].replayed == 0


def test_an_increment_has_the_new_rows_and_as_many_old_ones(trained: tuple[Path, str]) -> None:
    output, model = trained
    before = set(ids(str(output)))
    publish(output, pump_rows(6), HELD)
    decision = decide(output, model)
    assert decision.plan is not None
    assert (decision.state, decision.plan.parent_sha256) == ("planned", "e" * 64)
    assert decision.plan.stages == ("end_to_end",)
    counted = decision.plan.rows["end_to_end"]
    assert (counted.new, counted.old, counted.replayed) == (6, 9, 6)
    written = ids(decision.plan.data)
    assert len(set(written) - before) == 6
    assert set(ids(str(output))) - before <= set(written)
    assert written == [id_ for id_ in ids(str(output)) if id_ in set(written)]
    # Held-out rows come along whole, and none of them is trained on.
    held_out = ids(decision.plan.data, "eval_data.jsonl")
    assert held_out == ids(str(output), "eval_data.jsonl")
    assert not set(held_out) & set(written)


def test_an_increment_is_a_data_set_that_the_trainer_reads(
    trained: tuple[Path, str], tmp_path: Path
) -> None:
    output, model = trained
    publish(output, pump_rows(6), HELD)
    decision = decide(output, model)
    assert decision.plan is not None
    data_set = open_data_set(decision.plan.data)
    assert set(data_set.manifest.files) == {"end_to_end_data.jsonl", "eval_data.jsonl"}
    for name, entry in data_set.manifest.files.items():
        assert len(list(data_set.lines(name))) == entry.rows
    copy = tmp_path / "rows.jsonl"
    copy.write_bytes(Location(decision.plan.data).read_bytes("end_to_end_data.jsonl"))
    assert len(list(StageFile(copy, "end_to_end"))) == 12


def test_the_sample_is_decided_by_the_seed_and_differs_between_seeds(
    trained: tuple[Path, str],
) -> None:
    output, model = trained
    publish(output, pump_rows(5), HELD)
    plans = [decide(output, model, seed=seed).plan for seed in (1, 1, 2)]
    first, again, other = (plan for plan in plans if plan is not None)
    assert first == again
    assert first.id != other.id
    assert set(ids(first.data)) != set(ids(other.data))
    assert first.rows == other.rows


@pytest.mark.parametrize(("share", "replayed"), [(0.0, 0), (0.5, 3), (100.0, 9)])
def test_the_share_of_old_rows(trained: tuple[Path, str], share: float, replayed: int) -> None:
    output, model = trained
    publish(output, pump_rows(6), HELD)
    decision = decide(output, model, replay_share=share)
    assert decision.plan is not None
    assert decision.plan.rows["end_to_end"].replayed == replayed
    assert len(ids(decision.plan.data)) == 6 + replayed


def test_an_edited_pair_is_new_and_changed_negatives_are_not(trained: tuple[Path, str]) -> None:
    output, model = trained
    row = json.loads((output / "end_to_end_data.jsonl").read_text().splitlines()[0])
    edited = {"id": row["id"], "action": "edit", "answer": "another answer"}
    publish(output, pump_rows(4), HELD, json.dumps(edited) + "\n")
    decision = decide(output, model)
    assert decision.plan is not None
    assert decision.plan.rows["end_to_end"].new == 1
    with_other_docs = json.dumps({**row, "docs": row["docs"][::-1], "pos_index": [0]}).encode()
    same = row_key("end_to_end_data.jsonl", with_other_docs, "here")
    assert same == row_key("end_to_end_data.jsonl", json.dumps(row).encode(), "here")


def test_too_few_new_rows_wait_and_are_not_counted_twice(
    trained: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output, model = trained
    publish(output, pump_rows(6), HELD)
    assert decide(output, model, min_new_rows=7).state == "too_few_new_rows"

    def count_again(*_: object) -> None:
        raise AssertionError("an unchanged data set is counted again")

    monkeypatch.setattr("flows.warm_start.count_rows", count_again)
    waiting = decide(output, model, min_new_rows=7)
    assert (waiting.state, waiting.plan) == ("too_few_new_rows", None)
    assert "6 new rows" in waiting.sentence
    assert decide(output, model, min_new_rows=6).state == "planned"


def test_increments_pile_up_until_a_training_ends_well(trained: tuple[Path, str]) -> None:
    output, model = trained
    publish(output, pump_rows(5), HELD)
    failed = decide(output, model)
    assert decide(output, model).plan == failed.plan  # tried again as it is
    publish(output, pump_rows(6), HELD)
    both = decide(output, model)
    assert both.plan is not None
    assert both.plan.rows["end_to_end"].new == 6
    end_well(model, both, "f" * 64)
    current = read_current(Location(model))
    assert current is not None
    assert (current.sha256, current.training) == ("f" * 64, both.plan.id)
    assert decide(output, model).state == "too_few_new_rows"
    publish(output, pump_rows(8), HELD)
    third = decide(output, model)
    assert third.plan is not None
    assert third.plan.parent == f"{both.plan.output}/end_to_end/model"
    assert third.plan.rows["end_to_end"].new == 6
    assert third.plan.rows["end_to_end"].old == 15
    end_well(model, third, "a" * 64)
    assert decide(output, model).state == "too_few_new_rows"


def test_the_pointer_moves_once_and_never_backwards(trained: tuple[Path, str]) -> None:
    output, model = trained
    publish(output, pump_rows(5), HELD)
    first = decide(output, model)
    other = decide(output, model, seed=1)
    end_well(model, first, "f" * 64)
    end_well(model, first, "f" * 64)
    with pytest.raises(CurrentModelMoved, match="replaces nothing"):
        end_well(model, other, "b" * 64)
    current = read_current(Location(model))
    assert current is not None
    assert current.sha256 == "f" * 64
    with pytest.raises(CurrentModelInvalid, match=r"plan\.json is not there"):
        promote(Promotion(model_output=model, training="unknown"), checkpoint("x", "x"))


def test_from_zero_trains_everything_and_only_when_asked(tmp_path: Path, model: str) -> None:
    output = tmp_path / "out"
    publish(output, pump_rows(4), HELD)
    assert adopt(Location(model), str(output)) is None
    refused = decide(output, model)
    assert (refused.state, refused.plan) == ("no_model", None)
    assert f"clara train {output} --output {model}" in refused.sentence
    whole = decide(output, model, from_zero=True)
    assert whole.plan is not None
    assert whole.plan.stages == ("compression", "instruction", "end_to_end")
    assert whole.plan.parent is None
    assert ids(whole.plan.data) == ids(str(output))
    assert sum(counted.old for counted in whole.plan.rows.values()) == 0
    end_well(model, whole, "f" * 64)
    assert decide(output, model, from_zero=True).state == "trained_already"
    assert decide(output, model).state == "too_few_new_rows"


def test_stages_can_be_named_and_one_without_new_rows_is_left_out(
    trained: tuple[Path, str],
) -> None:
    output, model = trained
    publish(output, pump_rows(5), HELD)
    named = {"train_parameters": {"stages": "stage2, e2e", "max_steps": 3}}
    decision = decide(output, model, **named)
    assert decision.plan is not None
    assert decision.plan.stages == ("instruction", "end_to_end")
    parameters = parameters_of(decision.plan, named["train_parameters"], model)
    assert parameters["stages"] == "instruction,end_to_end"
    assert parameters["max_steps"] == 3
    assert parameters["init_from"] == Location(model).uri("end_to_end/model")
    end_well(model, decision, "f" * 64)
    only_new = decide(output, model, train_parameters={"stages": "compression,end_to_end"})
    assert only_new.plan is not None
    assert only_new.plan.stages == ("compression",)


def test_a_data_set_that_is_replaced_meanwhile_leaves_no_plan(
    trained: tuple[Path, str],
) -> None:
    output, model = trained
    publish(output, pump_rows(5), HELD)
    with (output / "end_to_end_data.jsonl").open("ab") as stream:
        stream.write((output / "end_to_end_data.jsonl").read_bytes().splitlines(True)[0])
    with pytest.raises(DataSetChanged):
        decide(output, model)
    publish(output, pump_rows(5), HELD)
    assert decide(output, model).state == "planned"


def test_a_plan_that_was_not_finished_is_made_again(trained: tuple[Path, str]) -> None:
    output, model = trained
    publish(output, pump_rows(5), HELD)
    first = decide(output, model)
    assert first.plan is not None
    Location(model).remove(f"trainings/{first.plan.id}/plan.json")
    Location(first.plan.data).remove("manifest.json")
    Location(first.plan.data).write_bytes("end_to_end_data.jsonl", b"half of it")
    assert decide(output, model).plan == first.plan
    assert len(ids(first.plan.data)) == 6


def test_values_that_cannot_work_are_named(tmp_path: Path) -> None:
    for changes, named in (
        ({"min_new_rows": 0}, "min_new_rows 0"),
        ({"replay_share": -0.5}, "replay_share -0.5"),
        ({"train_parameters": {"data": "x"}}, "train_parameters has 'data'"),
    ):
        with pytest.raises(UsageError, match=named):
            warm(tmp_path, str(tmp_path / "model"), **changes)


def test_records_that_cannot_be_read_are_named(trained: tuple[Path, str]) -> None:
    output, model = trained
    place = Location(model)
    current = read_current(place)
    assert current is not None
    publish(output, pump_rows(5), HELD)
    (place / "seen").write_bytes(current.seen[0], b"no hex digits\n")
    with pytest.raises(RowsUnreadable, match=r"no list of row keys"):
        decide(output, model)
    place.write_bytes("current.json", b'{"format_version": 1}')
    with pytest.raises(CurrentModelInvalid, match=r"current\.json cannot be read \(checkpoint"):
        decide(output, model)
    place.remove("current.json")
    (place / "end_to_end").write_bytes("result.json", b"[]")
    with pytest.raises(CurrentModelInvalid, match="no result of a training"):
        adopt(place, str(output))
    with pytest.raises(RowsUnreadable, match="x:1 is no row of a stage"):
        row_key("end_to_end_data.jsonl", b'{"id": "a"}', "x:1")


def test_keys_are_kept_as_they_are(tmp_path: Path) -> None:
    keys = [0, 1, (1 << 64) - 1, 1 << 63, 12345, 1]
    place = Location(tmp_path)
    write_seen(place, "some.txt", keys)
    write_seen(place, "none.txt", [])
    seen = read_seen(place, ["some.txt", "none.txt"])
    assert len(seen) == 5
    assert all(key in seen for key in keys)
    assert not any(key in seen for key in (2, (1 << 64) - 2, 1 << 62))
    assert 0 not in SeenRows()
    assert place.read_bytes("some.txt").splitlines()[0] == b"0" * 16

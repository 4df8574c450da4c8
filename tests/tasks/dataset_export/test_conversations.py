"""ShareGPT and Alpaca: every pair once, held-out documents apart, prompts in the asked language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.dataset_export.conversation import asked
from tasks.dataset_export.conversations import export_conversations
from tasks.dataset_export.destination import Destination
from tasks.dataset_export.exported import Exported, Reading
from tasks.published import DataSetChanged, open_data_set
from tasks.reviewing.pending import PendingReviews
from tasks.storage import Location
from tests.tasks.dataset_rows import pump_rows, training_row
from tests.tasks.published_data_set import publish

HELD = ("pumps/boreal.txt", "pumps/ember.txt")


def reading(output: str | Path) -> Reading:
    return Reading(open_data_set(str(output)), PendingReviews({}, frozenset()))


def export(
    output: str | Path, format: str, to: str | None = None, context: bool = True
) -> Exported:
    read = reading(output)
    destination = Destination(read.data_set, format, to)
    return export_conversations(read, destination, format, with_context=context)


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


def test_sharegpt_holds_every_pair_on_its_side(tmp_path: Path) -> None:
    numbered = pump_rows()
    publish(tmp_path, numbered, HELD)
    done = export(tmp_path, "sharegpt")
    assert done.files == {"train.jsonl": 18, "test.jsonl": 6}
    folder = tmp_path / "export" / "sharegpt"
    train, test = rows(folder / "train.jsonl"), rows(folder / "test.jsonl")
    held = {i for n in numbered if n.row.file_path in HELD for i, _ in n.numbered_pairs()}
    assert {row["id"] for row in test} == held
    assert len({row["id"] for row in train}) == 18
    pairs = {id_: (n.row, pair) for n in numbered for id_, pair in n.numbered_pairs()}
    for row in train + test:
        training, pair = pairs[row["id"]]
        human, gpt = row["conversations"]
        assert (human["from"], gpt) == ("human", {"from": "gpt", "value": pair.answer})
        assert training.chunk in human["value"]
        assert human["value"].endswith(pair.question)
    for held_row in (n.row for n in numbered if n.row.file_path in HELD):
        assert held_row.chunk not in (folder / "train.jsonl").read_text(encoding="utf-8")


def test_alpaca_has_its_three_fields(tmp_path: Path) -> None:
    publish(tmp_path, pump_rows(2))
    export(tmp_path, "alpaca", str(tmp_path / "a"))
    export(tmp_path, "alpaca", str(tmp_path / "b"), context=False)
    question = "What is the impeller of the Aster pump made of?"
    assert rows(tmp_path / "a" / "train.jsonl")[0] == {
        "instruction": question,
        "input": pump_rows(1)[0].row.chunk,
        "output": "brass",
    }
    assert rows(tmp_path / "b" / "train.jsonl")[0] == {
        "instruction": question,
        "input": "",
        "output": "brass",
    }
    assert not (tmp_path / "a" / "test.jsonl").exists()


def test_without_context_a_conversation_is_the_pair_alone(tmp_path: Path) -> None:
    publish(tmp_path, pump_rows(1))
    export(tmp_path, "sharegpt", context=False)
    first = rows(tmp_path / "export/sharegpt/train.jsonl")[0]
    assert [turn["value"] for turn in first["conversations"]] == [
        "What is the impeller of the Aster pump made of?",
        "brass",
    ]


def test_the_prompt_is_in_the_questions_language_and_survives_braces() -> None:
    chunk = "x = {question} and {chunk} are {0}.\u2028 水泵。"
    row = training_row(
        "a.txt", chunk, [("What is {chunk}?", "x"), ("什么是水泵？", "x"), ("X?", "x")]
    )
    english, chinese, other = row.qa_pairs
    assert asked(row, english) == (
        "Answer the question with what the passage says, in the language of the passage."
        f"\n\nPassage:\n{chunk}\n\nQuestion: What is {{chunk}}?"
    )
    assert asked(row, chinese).startswith("请依据下面的资料")
    assert asked(row, chinese).endswith("问题：什么是水泵？")
    unknown = other.model_copy(update={"question_language": "other"})
    assert asked(row.model_copy(update={"language": "zh"}), unknown).startswith("请依据")
    assert asked(row.model_copy(update={"language": "mixed"}), unknown).startswith("请依据")
    assert asked(row.model_copy(update={"language": "other"}), unknown).startswith("Answer")


def test_the_same_data_set_gives_the_same_bytes_and_a_smaller_one_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    publish(tmp_path, pump_rows(), HELD)
    folder = tmp_path / "export" / "sharegpt"
    export(tmp_path, "sharegpt")
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    export(tmp_path, "sharegpt")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    publish(tmp_path, pump_rows(1))
    export(tmp_path, "sharegpt")
    assert {path.name for path in folder.iterdir()} == {"train.jsonl", ".clara-export.json"}


def test_a_failed_export_leaves_the_files_of_the_one_before(tmp_path: Path) -> None:
    publish(tmp_path, pump_rows(), HELD)
    folder = tmp_path / "export" / "alpaca"
    export(tmp_path, "alpaca")
    train = (folder / "train.jsonl").read_bytes()
    data = (tmp_path / "clara_training_data.jsonl").read_bytes()
    (tmp_path / "clara_training_data.jsonl").write_bytes(data.replace(b"bronze", b"BRONZE"))
    with pytest.raises(DataSetChanged):
        export(tmp_path, "alpaca")
    assert (folder / "train.jsonl").read_bytes() == train
    assert json.loads((folder / ".clara-export.json").read_text())["complete"] is False
    (tmp_path / "clara_training_data.jsonl").write_bytes(data)
    export(tmp_path, "alpaca")
    marker = json.loads((folder / ".clara-export.json").read_text())
    assert (marker["complete"], marker["files"]) == (True, {"test.jsonl": 6, "train.jsonl": 18})
    assert not [path for path in folder.iterdir() if path.name.endswith(".tmp")]


def test_buckets(tmp_path: Path) -> None:
    uri = f"memory://export-{tmp_path.name}"
    publish(uri, pump_rows(3), HELD)
    assert export(uri, "sharegpt").files == {"train.jsonl": 6, "test.jsonl": 3}
    lines = Location(f"{uri}/export/sharegpt").read_bytes("test.jsonl").splitlines()
    assert len(lines) == 3
    export(uri, "alpaca", str(tmp_path / "local"))
    assert len(rows(tmp_path / "local" / "train.jsonl")) == 6


def test_pairs_that_reviews_dropped_are_in_no_file(tmp_path: Path) -> None:
    numbered = pump_rows(3)
    gone = {f"{numbered[0].row.id}-1", f"{numbered[1].row.id}-0"}
    lines = "".join(json.dumps({"id": id_, "action": "drop"}) + "\n" for id_ in sorted(gone))
    publish(tmp_path, numbered, HELD, lines)
    export(tmp_path, "sharegpt")
    folder = tmp_path / "export" / "sharegpt"
    found = {r["id"] for name in ("train", "test") for r in rows(folder / f"{name}.jsonl")}
    everything = {id_ for n in numbered for id_, _ in n.numbered_pairs()}
    assert found == everything - gone

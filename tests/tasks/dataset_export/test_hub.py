"""The folder for the Hugging Face hub: typed Parquet, splits that never mix, a true card."""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tasks.assemble import number_pairs
from tasks.dataset_export.destination import Destination
from tasks.dataset_export.exported import Exported
from tasks.dataset_export.hub import ChunkRow, export_hub
from tasks.dataset_export.parquet import GROUP_ROWS, ParquetFiles, schema_of
from tasks.records import Record, RetrievalRow
from tasks.storage import Location
from tests.support.corpora import ROOT
from tests.tasks.dataset_export.test_conversations import HELD, reading
from tests.tasks.dataset_rows import pump_rows, training_row
from tests.tasks.published_data_set import graded, publish


def export(output: Path, to: Path | None = None) -> tuple[Exported, Path]:
    read = reading(output)
    destination = Destination(read.data_set, "hf", None if to is None else str(to))
    return export_hub(read, destination), destination.location.local_path


def front_matter(folder: Path) -> dict[str, Any]:
    _, matter, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    loaded: dict[str, Any] = yaml.safe_load(matter)
    return loaded


def parquet(folder: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Rows by config and split, found as the hub finds them: by the card."""
    return {
        (config["config_name"], part["split"]): pq.read_table(folder / part["path"]).to_pylist()
        for config in front_matter(folder)["configs"]
        for part in config["data_files"]
    }


def jsonl(folder: Path, name: str) -> list[dict[str, Any]]:
    text = (folder / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    zh = training_row(
        "手册/反冲洗.pdf",
        "余氯控制在 0.5 毫克每升以上。",
        [("余氯控制在多少以上？", "0.5 毫克每升")],
    )
    hostile = training_row(
        "a|b\n---\n# x.txt", "The mass is 5 kg.", [("What is the mass?", "5 kg")]
    )
    rows = [*[n.row for n in pump_rows()], graded(zh, (4, 5)), hostile]
    numbered = number_pairs(rows)
    drop = {"id": f"{pump_rows()[0].row.id}-0", "action": "drop"}
    publish(tmp_path / "out", numbered, HELD, json.dumps(drop) + "\n")
    return tmp_path / "out"


def test_every_row_of_the_data_set_is_there_with_all_its_fields(output: Path) -> None:
    done, folder = export(output)
    found = parquet(folder)
    chunks = [*found["chunks", "train"], *found["chunks", "test"]]
    ids = {row["id"]: [pair.pop("id") for pair in row["qa_pairs"]] for row in chunks}
    published = {row["id"]: row for row in jsonl(output, "clara_training_data")}
    assert {row["id"]: row for row in chunks} == published
    assert {row["file_path"] for row in found["chunks", "test"]} == set(HELD)
    staged = jsonl(output, "instruction_data") + jsonl(output, "eval_data")
    assert sorted(id_ for of_row in ids.values() for id_ in of_row) == sorted(
        r["id"] for r in staged
    )
    for key, name in (
        (("instruction", "train"), "instruction_data"),
        (("end_to_end", "train"), "end_to_end_data"),
        (("end_to_end", "test"), "eval_data"),
        (("reasoning", "train"), "reasoning_data"),
    ):
        assert found[key] == jsonl(output, name), name
    pretrain = jsonl(output, "pretrain_data")
    for row in pretrain:
        row["question"] = row["question"] or []
    assert found["pretrain", "train"] == pretrain
    rows = {f"{config}/{split}.parquet": len(of) for (config, split), of in found.items()}
    assert done.files == {**rows, "README.md": None}


def test_columns_are_typed_as_the_records_are(output: Path) -> None:
    _, folder = export(output)
    schema = pq.read_schema(folder / "chunks" / "train.parquet")
    assert schema.names == list(ChunkRow.model_fields)
    assert schema.field("pages").type == pa.list_(pa.int64())
    pair = schema.field("qa_pairs").type.value_type
    assert pair.field("evidence").type == pa.struct([("start", pa.int64()), ("end", pa.int64())])
    assert pair.field("grade").type.num_fields == 2
    assert schema.field("usage").type.field("prompt_tokens").type == pa.int64()

    class Odd(Record):
        either: str | tuple[str, ...]

    with pytest.raises(TypeError):
        schema_of(Odd)


def test_the_card_is_what_the_hub_expects_and_says_what_is_so(output: Path) -> None:
    _, folder = export(output)
    card = front_matter(folder)
    assert card["language"] == ["en", "zh"]
    assert (card["license"], card["size_categories"]) == ("unknown", ["n<1K"])
    assert card["task_categories"] == ["question-answering"]
    assert [config["config_name"] for config in card["configs"] if config.get("default")] == [
        "chunks"
    ]
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert "| `chunks` | 8 | 2 |" in page
    assert "10 documents became 10 passages with 25 question-answer pairs" in page
    assert "`test` holds 2 documents of 10 with 6 pairs" in page
    assert "| synthesis | test | qwen-turbo |" in page
    assert "| review | dropped_by_review | 1 |" in page
    assert "A judge graded 1" in page
    assert "licence is that of those documents" in page
    assert "2026-11-22" not in page


def test_a_data_set_without_held_out_documents_has_no_test_split(tmp_path: Path) -> None:
    publish(tmp_path, pump_rows(2))
    done, folder = export(tmp_path)
    assert not any("test" in name for name in done.files)
    splits = {part["split"] for c in front_matter(folder)["configs"] for part in c["data_files"]}
    assert splits == {"train"}
    assert "None is held out" in (folder / "README.md").read_text(encoding="utf-8")


def test_the_same_data_set_gives_the_same_bytes(output: Path, tmp_path: Path) -> None:
    _, one = export(output, tmp_path / "one")
    _, two = export(output, tmp_path / "two")
    files = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    assert len(files) == 9
    for name in files:
        assert (one / name).read_bytes() == (two / name).read_bytes(), name


def retrieval_row(number: int, documents: int, characters: int) -> RetrievalRow:
    text = random.Random(number).randbytes(characters // 2).hex()
    docs = tuple(f"{number}-{at}-{text}" for at in range(documents))
    return RetrievalRow(
        id=str(number), question="Q?", docs=docs, answer="A", gold_answer="A", pos_index=(0,)
    )


def test_row_groups_are_bounded_by_rows_and_by_text(tmp_path: Path) -> None:
    with ParquetFiles(Location(tmp_path)) as files:
        files.write_all(
            "many.parquet", (retrieval_row(n, 1, 10) for n in range(2 * GROUP_ROWS + 1))
        )
        files.write_all("wide.parquet", (retrieval_row(n, 20, 50_000) for n in range(20)))
    assert files.rows == {"many.parquet": 2 * GROUP_ROWS + 1, "wide.parquet": 20}
    many = pq.ParquetFile(tmp_path / "many.parquet").metadata
    assert [many.row_group(at).num_rows for at in range(many.num_row_groups)] == [1000, 1000, 1]
    wide = pq.ParquetFile(tmp_path / "wide.parquet").metadata
    assert [wide.row_group(at).num_rows for at in range(wide.num_row_groups)] == [8, 8, 4]


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    peaks = []
    for groups in (2, 6):
        tracemalloc.start()
        with ParquetFiles(Location(tmp_path)) as files:
            files.write_all("x.parquet", (retrieval_row(n, 20, 50_000) for n in range(8 * groups)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_a_file_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    def failing() -> Any:
        yield retrieval_row(0, 1, 10)
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError), ParquetFiles(Location(tmp_path)) as files:
        files.write_all("x.parquet", failing())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, sys\n"
        "from tasks.dataset_export.parquet import ParquetFiles\n"
        "from tasks.storage import Location\n"
        "from tests.tasks.dataset_export.test_hub import retrieval_row\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    with ParquetFiles(Location(sys.argv[1])) as files:\n"
        "        files.write_all('x.parquet', (retrieval_row(n, 20, 50_000) for n in range(9)))\n"
        "except Exception as error:\n"
        "    print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.stdout, done.stderr) == ("StorageError\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="datasets is not installed"
)
def test_the_datasets_library_reads_the_folder(output: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    _, folder = export(output)
    chunks = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in chunks.items()} == {"train": 8, "test": 2}
    assert chunks["train"][0]["qa_pairs"][0]["question"]
    for config in ("pretrain", "instruction", "end_to_end", "reasoning"):
        assert load_dataset(str(folder), config, cache_dir=str(tmp_path / "cache"))[
            "train"
        ].num_rows

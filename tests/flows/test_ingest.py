"""The flow on documents that need no model: files, determinism, re-ingestion, options."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.ingest import ingest
from tasks.errors import SourceMissing, UsageError
from tasks.records import (
    DocumentRow,
    PretrainRow,
    Reject,
    RetrievalRow,
    TrainingRow,
)
from tests.support.corpora import data_bytes, file_rejects, machine_text, rows, write_corpus

pytestmark = pytest.mark.usefixtures("prefect_api", "kept_workers")

DATA_FILES = {
    "raw_knowledge.jsonl",
    "clara_training_data.jsonl",
    "pretrain_data.jsonl",
    "instruction_data.jsonl",
    "end_to_end_data.jsonl",
    "reasoning_data.jsonl",
    "eval_data.jsonl",
    "rejects.jsonl",
}


def run(source: Path, output: Path, **options: Any) -> dict[str, Any]:
    return ingest(source=str(source), output=str(output), workers=1, **options)


def worked(summary: dict[str, Any]) -> dict[str, int]:
    """What was made now by the steps that cost something."""
    costly = ("images", "extract", "describe", "chunk", "synthesize")
    return {name: f["done"] for name, f in summary["steps"].items() if name in costly and f["done"]}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("corpus")
    source, output = write_corpus(folder / "source"), folder / "out"
    yield source, output, run(source, output)


def test_the_files_of_a_data_set(corpus: tuple[Path, Path, dict[str, Any]]) -> None:
    _, output, summary = corpus
    assert summary["outcome"] == "done"
    present = {path.name for path in output.iterdir() if not path.name.startswith(".")}
    assert present == DATA_FILES | {"extracted_assets", "manifest.json", "report.html"}
    for row in rows(output, "raw_knowledge"):
        DocumentRow.model_validate(row)
    for name, model in (
        ("clara_training_data", TrainingRow),
        ("pretrain_data", PretrainRow),
        ("instruction_data", RetrievalRow),
        ("end_to_end_data", RetrievalRow),
        ("reasoning_data", RetrievalRow),
        ("eval_data", RetrievalRow),
        ("rejects", Reject),
    ):
        for row in rows(output, name):
            model.model_validate(row)
    assert rows(output, "eval_data")
    assert rows(output, "instruction_data")


def test_answers_are_spans_and_gold_documents_hold_them(
    corpus: tuple[Path, Path, dict[str, Any]],
) -> None:
    _, output, _ = corpus
    for row in rows(output, "clara_training_data"):
        for pair in row["qa_pairs"]:
            span = pair["evidence"]
            assert row["chunk"][span["start"] : span["end"]] == pair["answer"]
    for name in ("instruction_data", "end_to_end_data", "eval_data"):
        for row in rows(output, name):
            assert row["answer"] == row["gold_answer"]
            assert [row["answer"] in doc for doc in row["docs"]].count(True) == 1
            assert row["answer"] in row["docs"][row["pos_index"][0]]


def test_the_manifest_names_what_is_there(corpus: tuple[Path, Path, dict[str, Any]]) -> None:
    source, output, _ = corpus
    manifest = json.loads((output / "manifest.json").read_text())
    assert list(manifest) == [
        "schema_version",
        "versions",
        "models",
        "sources",
        "files",
        "prompts",
        "options",
        "seed",
        "usage",
        "cost",
        "started_at",
        "ended_at",
    ]
    for name, entry in manifest["files"].items():
        data = (output / name).read_bytes()
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["bytes"] == len(data)
        if name.endswith(".jsonl"):
            assert entry["rows"] == data.count(b"\n")
    assert set(manifest["sources"]) == {
        path.relative_to(source).as_posix() for path in source.rglob("*.txt")
    }
    assert {entry["status"] for entry in manifest["sources"].values()} == {"new"}


def test_the_same_input_gives_the_same_bytes_with_any_number_of_workers(
    corpus: tuple[Path, Path, dict[str, Any]], tmp_path: Path
) -> None:
    source, output, _ = corpus
    ingest(source=str(source), output=str(tmp_path / "again"), workers=3)
    assert data_bytes(tmp_path / "again") == data_bytes(output)


def test_an_unchanged_source_costs_nothing(corpus: tuple[Path, Path, dict[str, Any]]) -> None:
    source, output, _ = corpus
    before = data_bytes(output)
    summary = run(source, output)
    assert summary["outcome"] == "unchanged"
    assert worked(summary) == {}
    assert data_bytes(output) == before


def test_a_damaged_output_is_written_again_from_the_cache(
    corpus: tuple[Path, Path, dict[str, Any]],
) -> None:
    source, output, _ = corpus
    before = data_bytes(output)
    (output / "pretrain_data.jsonl").write_text("{}\n")
    summary = run(source, output)
    assert (summary["outcome"], worked(summary)) == ("done", {})
    assert data_bytes(output) == before


def test_one_changed_file_redoes_that_file_alone(tmp_path: Path) -> None:
    source, output = write_corpus(tmp_path / "source"), tmp_path / "out"
    run(source, output)
    ids = {row["id"] for row in rows(output, "clara_training_data")}
    changed = source / "south" / "sheet-000.txt"
    changed.write_text(machine_text(77))
    (source / "north" / "sheet-001.txt").unlink()
    (source / "new.txt").write_text(machine_text(88))
    summary = run(source, output)
    assert worked(summary) == {"extract": 2, "chunk": 2, "synthesize": 2}
    after = {row["file_path"]: row["id"] for row in rows(output, "clara_training_data")}
    assert "north/sheet-001.txt" not in after
    assert len(ids & set(after.values())) == 4
    statuses = json.loads((output / "manifest.json").read_text())["sources"]
    assert statuses["north/sheet-001.txt"]["status"] == "removed"
    assert statuses["south/sheet-000.txt"]["status"] == "changed"
    assert statuses["new.txt"]["status"] == "new"


def test_an_option_redoes_only_the_steps_that_read_it(tmp_path: Path) -> None:
    source, output = write_corpus(tmp_path / "source"), tmp_path / "out"
    run(source, output)
    assert worked(run(source, output, top_k=2)) == {}
    assert worked(run(source, output, top_k=2, seed=1)) == {"synthesize": 6}
    assert worked(run(source, output, chunk_tokens=64)) == {"chunk": 6, "synthesize": 6}
    assert worked(run(source, output)) == {}
    fresh = worked(run(source, output, fresh=True))
    assert fresh == {"extract": 6, "chunk": 6, "synthesize": 6}


def test_identical_files_stand_twice_in_knowledge_and_once_in_training(tmp_path: Path) -> None:
    source, output = write_corpus(tmp_path / "source", 3), tmp_path / "out"
    (source / "copy.txt").write_text(machine_text(0))
    run(source, output)
    known = [row["file_path"] for row in rows(output, "raw_knowledge")]
    assert known == sorted(known)
    assert {"copy.txt", "south/sheet-000.txt"} <= set(known)
    trained = {row["file_path"] for row in rows(output, "clara_training_data")}
    assert "copy.txt" in trained
    assert "south/sheet-000.txt" not in trained
    reject = next(r for r in rows(output, "rejects") if r["reason"] == "duplicate")
    assert reject["file_path"] == "south/sheet-000.txt"
    assert "copy.txt" in reject["detail"]


def test_two_files_of_one_name_do_not_collide(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for area, number in (("a", 1), ("b", 2)):
        (source / area).mkdir(parents=True)
        (source / area / "same.txt").write_text(machine_text(number))
    run(source, tmp_path / "out")
    known = {r["file_path"]: r for r in rows(tmp_path / "out", "raw_knowledge")}
    assert "K001" in known["a/same.txt"]["content"]
    assert "K002" in known["b/same.txt"]["content"]
    assert (known["a/same.txt"]["product_area"], known["b/same.txt"]["product_area"]) == ("a", "b")


def test_reviews_are_applied_and_survive(tmp_path: Path) -> None:
    source, output = write_corpus(tmp_path / "source", 3), tmp_path / "out"
    run(source, output)
    first = rows(output, "clara_training_data")[0]
    dropped = {"id": f"{first['id']}-0", "action": "drop"}
    (output / "reviews.jsonl").write_text(json.dumps(dropped) + "\n")
    summary = run(source, output)
    assert worked(summary) == {}
    reviewed = rows(output, "clara_training_data")[0]
    assert len(reviewed["qa_pairs"]) == len(first["qa_pairs"]) - 1
    (source / "more.txt").write_text(machine_text(50))
    run(source, output)
    again = next(r for r in rows(output, "clara_training_data") if r["id"] == first["id"])
    assert again["qa_pairs"] == reviewed["qa_pairs"]


def test_out_inside_source_is_not_ingested(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "source", 3)
    run(source, source / "out")
    (source / "extra.txt").write_text(machine_text(9))
    run(source, source / "out")
    known = {row["file_path"] for row in rows(source / "out", "raw_knowledge")}
    assert len(known) == 4
    assert not any(path.startswith("out/") for path in known)


def test_an_empty_folder_still_leaves_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    summary = run(tmp_path / "source", tmp_path / "out")
    assert summary["outcome"] == "nothing_produced"
    present = {path.name for path in (tmp_path / "out").iterdir()}
    assert DATA_FILES | {"manifest.json", "report.html"} <= present


def test_wrong_places_are_refused(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "source", 1)
    with pytest.raises(SourceMissing):
        run(tmp_path / "missing", tmp_path / "out")
    with pytest.raises(UsageError, match="SOURCE itself"):
        run(source, source)
    with pytest.raises(UsageError, match="--offline"):
        ingest(source="s3://bucket/docs", output=str(tmp_path / "out"), offline=True)


def test_markdown_mode_and_an_offline_run(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "source", 2)
    summary = run(source, tmp_path / "out", extraction_mode="markdown", offline=True)
    assert summary["outcome"] == "done"


def test_a_damaged_cache_entry_is_made_again(tmp_path: Path) -> None:
    """A power failure may leave an entry empty: nothing may be lost by that."""
    source, output = write_corpus(tmp_path / "source", 3), tmp_path / "out"
    run(source, output)
    before = data_bytes(output)
    for step in ("extract", "chunk", "synthesize"):
        entry = next((output / ".cache" / step).rglob("*.json"))
        entry.write_bytes(b"")
        (output / "rejects.jsonl").write_text("damaged, so that the run looks at everything\n")
        assert worked(run(source, output)) == {step: 1}
        assert data_bytes(output) == before


def test_a_file_that_changes_while_it_is_read_does_not_poison_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import flows.ingest_run as flow_module

    source, output = write_corpus(tmp_path / "source", 2), tmp_path / "out"
    victim = source / "south" / "sheet-000.txt"
    original, real = victim.read_bytes(), flow_module.discover

    def discover_then_change(*arguments: Any) -> Any:
        found = real(*arguments)
        victim.write_text(machine_text(99))
        return found

    monkeypatch.setattr(flow_module, "discover", discover_then_change)
    run(source, output)
    assert list(file_rejects(output).values()) == ["file_changed"]
    monkeypatch.undo()
    victim.write_bytes(original)
    run(source, output)
    assert file_rejects(output) == {}
    known = {row["file_path"]: row["content"] for row in rows(output, "raw_knowledge")}
    assert "K000" in known["south/sheet-000.txt"]


def test_pictures_lost_from_cache_or_output_come_back(tmp_path: Path) -> None:
    from PIL import Image

    source, output = write_corpus(tmp_path / "source", 2), tmp_path / "out"
    Image.linear_gradient("L").resize((300, 200)).save(source / "picture.png")
    first = run(source, output)
    assert first["standalone_images"] == 1
    before = data_bytes(output)
    for folder in (output / ".cache" / "images", output / "extracted_assets"):
        next(folder.glob("*.jpg")).unlink()
    (output / "extracted_assets" / ".thumbnails").mkdir()  # of an image viewer
    summary = run(source, output)
    assert worked(summary) == {"images": 1}
    (output / "extracted_assets" / ".thumbnails").rmdir()
    assert data_bytes(output) == before
    (source / "picture.png").rename(source / "renamed.png")
    assert worked(run(source, output)) == {}
    (source / "renamed.png").unlink()
    run(source, output)
    assert list((output / "extracted_assets").iterdir()) == []


def test_reviews_that_are_no_utf8_or_no_reviews_stop_the_run(tmp_path: Path) -> None:
    source, output = write_corpus(tmp_path / "source", 1), tmp_path / "out"
    output.mkdir()
    review = {"id": "x-0", "action": "edit", "question": "额定压力是多少？"}
    (output / "reviews.jsonl").write_bytes(json.dumps(review, ensure_ascii=False).encode("gbk"))
    with pytest.raises(UsageError, match="UTF-8"):
        run(source, output)
    (output / "reviews.jsonl").write_text('{"id": "x-0", "action": "burn"}')
    with pytest.raises(UsageError, match="line 1"):
        run(source, output)


def test_what_produced_nothing_still_says_so_when_nothing_changed(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for _ in range(2):
        assert run(tmp_path / "source", tmp_path / "out")["outcome"] == "nothing_produced"


def test_a_file_that_is_emptied_is_rejected_and_not_removed(tmp_path: Path) -> None:
    source, output = write_corpus(tmp_path / "source", 2), tmp_path / "out"
    run(source, output)
    (source / "north" / "sheet-001.txt").write_bytes(b"")
    summary = run(source, output)
    assert summary["rejects"]["empty_file"] == 1
    statuses = json.loads((output / "manifest.json").read_text())["sources"]
    assert statuses["north/sheet-001.txt"]["status"] == "rejected"


def test_two_outputs_may_share_a_cache(tmp_path: Path) -> None:
    source, cache = write_corpus(tmp_path / "source", 2), str(tmp_path / "cache")
    run(source, tmp_path / "one", cache=cache)
    second = run(source, tmp_path / "two", cache=cache)
    assert worked(second) == {}
    assert data_bytes(tmp_path / "one") == data_bytes(tmp_path / "two")

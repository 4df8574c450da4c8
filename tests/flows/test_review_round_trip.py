"""Ingest, review, ingest again, export: decisions reach the data set, and ids do not move."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from flows.cli_export import run_export
from flows.cli_review import run_review
from flows.ingest import ingest
from tasks.published import open_data_set
from tests.support.corpora import rows, write_corpus

pytestmark = pytest.mark.usefixtures("prefect_api", "kept_workers")


def review(monkeypatch: pytest.MonkeyPatch, output: Path, commands: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(commands.encode())))
    assert run_review(str(output)) == 0


def test_decisions_are_in_the_next_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = write_corpus(tmp_path / "source", 6), tmp_path / "out"
    ingest(source=str(source), output=str(output), workers=1)
    data_set = open_data_set(str(output))
    before = [id_ for row, _ in data_set.sided_rows() for id_, _ in row.numbered_pairs()]
    staged = rows(output, "instruction_data") + rows(output, "eval_data")
    assert sorted(before) == sorted(row["id"] for row in staged)
    held = {row.row.file_path for row, held_out in data_set.sided_rows() if held_out}
    assert held

    review(monkeypatch, output, "d\na\ne\nWhich pump is this, and where was it built?\n\nq\n")
    capsys.readouterr()
    run_export(str(output), "sharegpt")
    assert "2 decisions in reviews.jsonl are not in the data set yet" in capsys.readouterr().err

    ingest(source=str(source), output=str(output), workers=1)
    data_set = open_data_set(str(output))
    after = {id_: p for row, _ in data_set.sided_rows() for id_, p in row.numbered_pairs()}
    assert list(after) == before[1:]
    assert after[before[2]].question == "Which pump is this, and where was it built?"
    review(monkeypatch, output, "q\n")
    assert f"1 of {len(before) - 3:,}" in capsys.readouterr().out

    run_export(str(output), "sharegpt")
    assert "decision" not in capsys.readouterr().err
    folder = output / "export" / "sharegpt"
    exported = {
        name: [json.loads(line)["id"] for line in (folder / name).read_text().splitlines()]
        for name in ("train.jsonl", "test.jsonl")
    }
    assert sorted(exported["train.jsonl"]) == sorted(
        r["id"] for r in rows(output, "instruction_data")
    )
    assert sorted(exported["test.jsonl"]) == sorted(r["id"] for r in rows(output, "eval_data"))
    # An export inside of OUT is no change of the data set.
    summary = ingest(source=str(source), output=str(output), workers=1)
    assert summary["outcome"] == "unchanged"

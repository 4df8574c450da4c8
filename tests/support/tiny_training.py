"""A tiny data set, a tiny base and the configuration of a training run over them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.tiny_models import tiny_base

THINGS = ("pump", "valve", "motor", "gauge", "filter", "switch", "sensor", "relay")
PLACES = ("cellar", "attic", "garage", "kitchen")


def _text(number: int) -> str:
    return f"The {THINGS[number % 8]} number {number} stands in the {PLACES[number % 4]}."


def _question_row(number: int, documents: int) -> dict[str, Any]:
    place = number % documents
    others = [_text(number + 1 + step) for step in range(documents - 1)]
    return {
        "id": f"row-{number}",
        "question": f"Where is the {THINGS[number % 8]} number {number}?",
        "docs": [*others[:place], _text(number), *others[place:]],
        "answer": PLACES[number % 4],
        "gold_answer": PLACES[number % 4],
        "pos_index": [place],
    }


def _reasoning_row(number: int) -> dict[str, Any]:
    row = _question_row(number, 4)
    trace = (
        f"<search>the {THINGS[number % 8]} number {number}</search>\n"
        f"<information>{_text(number)}</information>\n<answer>{row['gold_answer']}</answer>"
    )
    return {**row, "answer": trace}


def write_dataset(folder: Path, rows: int = 12) -> Path:
    """Stage files of `rows` rows each: documents of about 20 tokens, four to a question."""
    folder.mkdir(parents=True, exist_ok=True)
    pretrain = [
        {
            "id": f"pretrain-{number}",
            "data_type": "qa",
            "question": [f"Where is number {number}?"],
            "answers": [PLACES[number % 4]],
            "docs": [_text(number)],
        }
        for number in range(rows)
    ]
    asked = [_question_row(number, 4) for number in range(rows)]
    _write(folder / "pretrain_data.jsonl", pretrain)
    _write(folder / "instruction_data.jsonl", asked)
    _write(folder / "end_to_end_data.jsonl", asked)
    _write(folder / "reasoning_data.jsonl", [_reasoning_row(number) for number in range(rows)])
    _write(folder / "eval_data.jsonl", [_question_row(100 + n, 4) for n in range(4)])
    (folder / "manifest.json").write_text('{"schema_version": 1}\n')
    return folder


def run_options(folder: Path, **changes: Any) -> dict[str, Any]:
    """A configuration of a run, as a file has it; writes what it names into `folder`.

    Two-layer base, documents of 48 tokens, 3 memory tokens, batches of four rows, dropout on.
    """
    base = folder / "base"
    data = folder / "data"
    if not base.exists():
        tiny_base(base)
        write_dataset(data)
    return {
        "data": str(data),
        "output": str(folder / "out"),
        "base_model": str(base),
        "preset": "small",
        "device": "cpu",
        "dtype": "float32",
        "doc_max_length": 48,
        "compression_rate": 16,
        "lora_r": 4,
        "top_k": 2,
        "candidates": 4,
        "workers": 0,
        "wandb": "off",
        "chart": False,
        "progress": "off",
        "sample_answers": 1,
        "sample_answer_tokens": 4,
        "evaluation_rows": 4,
        **changes,
    }


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

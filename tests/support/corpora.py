"""Small corpora whose files need no model: they go through the whole pipeline in seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

_MACHINES = ("pump", "valve", "filter", "motor", "sensor", "relay", "tank", "boiler")


def machine_text(number: int) -> str:
    """An English sheet with facts, a cause and a name of its own."""
    name = f"{_MACHINES[number % len(_MACHINES)]} K{number:03d}"
    return (
        f"The {name} was built in {1950 + number} in Lyon. The rated pressure of the {name} is "
        f"{number * 7 + 11} bar. The {name} needs a new gasket every {number + 3} months because "
        f"its shaft of steel grade S{300 + number} runs hot. The mass of the {name} is "
        f"{number * 13 + 40} kilograms, and its housing was designed by the engineer "
        f"Marta Nowak{number}.\n"
    )


def chinese_text(number: int) -> str:
    """A Chinese sheet of the same kind."""
    capacity, residual = number * 5 + 20, 0.3 + number / 10
    return (
        f"第{number}号水厂建于{1960 + number}年，位于苏州河北岸。"
        f"该水厂的日供水能力为{capacity}万立方米。"
        f"由于原水浊度较高，第{number}号水厂采用了两级过滤工艺。"
        f"出厂水的余氯控制在{residual:.1f}毫克每升以上。\n"
    )


def write_corpus(folder: Path, documents: int = 6) -> Path:
    """Text files in two folders: English ones, and a Chinese one for every third."""
    for number in range(documents):
        area = folder / ("north" if number % 2 else "south")
        area.mkdir(parents=True, exist_ok=True)
        text = chinese_text(number) if number % 3 == 2 else machine_text(number)
        (area / f"sheet-{number:03d}.txt").write_text(text, encoding="utf-8")
    return folder


def clara(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a user does, in a process of its own; the test's time limit is its."""
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )


def rows(output: Path, name: str) -> list[dict[str, Any]]:
    text = (output / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def data_bytes(output: Path) -> dict[str, bytes]:
    """Everything that must be the same for the same input: rows and pictures."""
    names = [*output.glob("*.jsonl"), *(output / "extracted_assets").glob("*")]
    return {str(path.relative_to(output)): path.read_bytes() for path in sorted(names)}


def file_rejects(output: Path) -> dict[str, str]:
    """Reasons by path of the files that were rejected; pairs that broke a rule have an id."""
    return {r["file_path"]: r["reason"] for r in rows(output, "rejects") if r["id"] is None}

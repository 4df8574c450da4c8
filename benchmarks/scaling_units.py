"""What grows with a corpus: bytes on disk a chunk, and time and memory of the hard negatives.

    uv run python -m benchmarks.scaling_units OUT [--sizes 4000,16000] [--questions 200]

OUT is a data set, of `clara ingest examples/documents`, say: its files and its cache are weighed.
The hard negatives are those of synthetic sheets (benchmarks/reingest.py), one chunk each. Prints
the figures of docs/scaling.md that come from here.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import psutil

from benchmarks.reingest import make_document
from tasks.negatives import HardNegatives, Passage
from tasks.published import TRAINING_FILE, open_data_set


def weigh(output: Path) -> None:
    """Prints bytes a chunk of the files and of the cache."""
    data_set = open_data_set(str(output))
    chunks = data_set.row_count(TRAINING_FILE)
    pairs = sum(entry.counts.pairs for entry in data_set.manifest.sources.values())
    pages = sum(entry.counts.pages for entry in data_set.manifest.sources.values())
    rows = {name: e for name, e in data_set.manifest.files.items() if e.rows is not None}
    pictures = sum(e.bytes for n, e in data_set.manifest.files.items() if n not in rows)
    cache = sum(file.stat().st_size for file in (output / ".cache").rglob("*") if file.is_file())
    wide = {"instruction_data.jsonl", "end_to_end_data.jsonl", "reasoning_data.jsonl"}
    narrow = sum(entry.bytes for name, entry in rows.items() if name not in wide)
    print(f"{chunks} chunks, {pairs} pairs, {pages} pages that are counted")
    print(f"pairs a chunk: {pairs / chunks:.1f}")
    print(f"files whose rows have one chunk: {narrow / chunks / 1e3:.1f} KB a chunk")
    for name in sorted(wide):
        print(f"{name}: {rows[name].bytes / max(1, rows[name].rows or 0) / 1e3:.1f} KB a row")
    print(f"pictures and report: {pictures / chunks / 1e3:.1f} KB a chunk")
    print(f"cache: {cache / chunks / 1e3:.1f} KB a chunk")


def negatives(chunks: int, questions: int) -> None:
    """Prints what an index of so many chunks takes, and a question that is asked of it."""
    passages = [
        Passage(id=f"{n:016x}", text=make_document(n), file_path=f"sheet-{n}.md", language="en")
        for n in range(chunks)
    ]
    process = psutil.Process()
    before, started = process.memory_info().rss, time.perf_counter()
    index = HardNegatives(passages, seed=0)
    built = time.perf_counter() - started
    taken = process.memory_info().rss - before
    started = time.perf_counter()
    for passage in passages[:questions]:
        subject = passage.text.split("\n", 1)[0].removeprefix("# ")
        index.pick(f"What is the rated pressure of {subject}?", ["12 units"], [passage.id], 19)
    asked = (time.perf_counter() - started) / questions
    print(
        f"hard negatives of {chunks} chunks: {1e3 * built / chunks:.2f} ms and "
        f"{taken / chunks / 1e3:.1f} KB of memory a chunk for the index, {1e3 * asked:.1f} ms a "
        f"question, {1e9 * asked / chunks:.1f} ns of it a chunk of the corpus"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    parser.add_argument("--sizes", default="4000,16000")
    parser.add_argument("--questions", type=int, default=200)
    given = parser.parse_args()
    weigh(given.output)
    for size in given.sizes.split(","):
        negatives(int(size), given.questions)


if __name__ == "__main__":
    main()

"""A corpus worked out from the unit costs that docs/scaling.md states.

    uv run python -m benchmarks.scaling [documents=1000000] [cores=64] ...

Reads the page's tables of assumptions and of unit costs, and prints its table of totals. Any of the
named figures can be given anew. A test compares what this prints with what the page says.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "scaling.md"
_HOUR_S = 3600
_ROW = re.compile(r"^\| `(\w+)` \| ([\d.,]+) \|", re.MULTILINE)


def figures_of(page: str) -> dict[str, float]:
    """The named figures in a page's tables."""
    return {name: float(value.replace(",", "")) for name, value in _ROW.findall(page)}


def totals(unit: Mapping[str, float]) -> list[tuple[str, str]]:
    """What a corpus takes, as rows of a table. Raises KeyError for a figure that is missing."""
    documents, part = unit["documents"], unit["documents_a_part"]
    parts = documents / part
    pages = documents * unit["pages_a_document"]
    chunks = pages * unit["chunks_a_page"]
    pairs = chunks * unit["pairs_a_chunk"]
    asked = 2 * pairs + chunks  # instruction, end_to_end; reasoning asks about once a chunk
    part_chunks = chunks / parts
    extraction_h = pages / unit["pages_a_second_core"] / _HOUR_S
    extractive_h = chunks / unit["chunks_a_second_core"] / _HOUR_S
    index_h = chunks * unit["index_ms_a_chunk"] / 1e3 / _HOUR_S
    question_s = unit["question_ms"] / 1e3 + unit["question_ns_a_chunk"] / 1e9 * part_chunks
    negatives_h = index_h + asked * question_s / _HOUR_S
    core_h = extraction_h + extractive_h + negatives_h
    prompt, completion = (
        chunks * unit["prompt_tokens_a_chunk"],
        chunks * unit["completion_tokens_a_chunk"],
    )
    money = (prompt * unit["price_input"] + completion * unit["price_output"]) / 1e6
    calls_h = chunks * unit["call_s"] / unit["calls_at_once"] / _HOUR_S
    stage_gb = {
        "end_to_end": pairs * unit["end_to_end_kb_a_row"] / 1e6,
        "instruction": pairs * unit["instruction_kb_a_row"] / 1e6,
        "reasoning": chunks * unit["reasoning_kb_a_row"] / 1e6,
        "narrow": chunks * unit["narrow_kb_a_chunk"] / 1e6,
    }
    return [
        ("pages, chunks, pairs", f"{_m(pages)}, {_m(chunks)}, {_m(pairs)}"),
        ("extraction", f"{extraction_h:,.0f} core-hours"),
        ("extractive synthesis", f"{extractive_h:,.0f} core-hours"),
        ("hard negatives", f"{negatives_h:,.0f} core-hours"),
        (f"all of it on {unit['cores']:,.0f} cores", f"{core_h / unit['cores']:,.0f} hours"),
        (
            "memory of a part's hard negatives",
            f"{part_chunks * unit['index_kb_a_chunk'] / 1e6:.1f} GB",
        ),
        (
            "synthesis by a model instead: tokens",
            f"{prompt / 1e9:,.1f} billion in, {completion / 1e9:,.1f} billion out",
        ),
        ("the same: money", f"{money:,.0f}"),
        ("the same: time", f"{calls_h:,.0f} hours"),
        ("end_to_end_data.jsonl", f"{stage_gb['end_to_end']:,.0f} GB"),
        ("instruction_data.jsonl", f"{stage_gb['instruction']:,.0f} GB"),
        ("reasoning_data.jsonl", f"{stage_gb['reasoning']:,.0f} GB"),
        ("all other rows", f"{stage_gb['narrow']:,.0f} GB"),
        ("cache", f"{chunks * unit['cache_kb_a_chunk'] / 1e6:,.0f} GB"),
        ("runs on the server, one for each part", f"{parts:,.0f}"),
        ("the server's database", f"{documents * unit['server_kb_a_document'] / 1e6:,.0f} GB"),
        (
            "Prefect's own time",
            f"{documents * unit['prefect_ms_a_document'] / 1e3 / _HOUR_S:,.1f} hours in all",
        ),
    ]


def table(rows: list[tuple[str, str]]) -> str:
    return "\n".join(f"| {name} | {value} |" for name, value in rows)


def _m(count: float) -> str:
    return f"{count / 1e6:,.1f} million"


def main() -> None:
    unit = figures_of(PAGE.read_text(encoding="utf-8"))
    for given in sys.argv[1:]:
        name, _, value = given.partition("=")
        if name not in unit:
            raise SystemExit(f"{name!r} is no figure of {PAGE.name}: {', '.join(unit)}")
        unit[name] = float(value)
    print(table(totals(unit)))


if __name__ == "__main__":
    main()

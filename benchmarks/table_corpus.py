"""Forty tables of known structure on PDF pages: what a person would typeset, not what is easy.

Ten kinds of table, each in English and in Chinese, ruled and unruled. Every table has its own
font, size, paddings, alignments and rules, drawn from one seed. The page around it has a heading,
a paragraph above, a caption and a paragraph below.
"""

from __future__ import annotations

import random
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.table_contents import KINDS, TruthCell

LANGUAGES = ("en", "zh")
RULINGS = ("ruled", "unruled")


@dataclass
class TableSpec:
    """A table before it is set. `numeric` are columns of figures, `weights` relative widths."""

    name: str
    language: str
    ruling: str
    cells: list[TruthCell] = field(default_factory=list)
    header_rows: int = 1
    numeric: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()

    @property
    def rows(self) -> int:
        return max(cell.row + cell.row_span for cell in self.cells)

    @property
    def cols(self) -> int:
        return max(cell.col + cell.col_span for cell in self.cells)

    @property
    def has_merged_cells(self) -> bool:
        return any(cell.row_span > 1 or cell.col_span > 1 for cell in self.cells)


@dataclass(frozen=True)
class TablePage:
    """A page on disk and where its table stands: (left, top, right, bottom) in points."""

    spec: TableSpec
    path: Path
    bbox: tuple[float, float, float, float]


class FontMissing(RuntimeError):
    """No Chinese TrueType font is installed."""


def chinese_font() -> tuple[str, int]:
    """Path and face index of an installed TrueType font with Chinese glyphs.

    Raises FontMissing. PDF needs TrueType outlines here, which Noto's CJK collections lack.
    """
    listing = subprocess.run(
        ["fc-list", ":lang=zh", "file"], capture_output=True, text=True, check=False
    ).stdout
    paths = sorted(line.split(":")[0].strip() for line in listing.splitlines() if line.strip())
    for path in paths:
        if path.endswith((".ttf", ".ttc")) and "Noto" not in path:
            return path, 0
    raise FontMissing(
        "no Chinese TrueType font is installed: install WenQuanYi (Debian: fonts-wqy-zenhei)"
    )


def table_specs(seed: int = 0) -> list[TableSpec]:
    """The forty tables: ten kinds, two languages, ruled and unruled."""
    specs = []
    for name, make in KINDS:
        for language in LANGUAGES:
            for ruling in RULINGS:
                rng = random.Random(f"{seed}-{name}-{language}-{ruling}")
                label = f"{name}-{language}-{ruling}"
                specs.append(TableSpec(label, language, ruling, **make(rng, language == "zh")))
    return specs

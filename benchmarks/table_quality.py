"""TEDS of the table engine on forty tables of known structure.

    uv run python -m benchmarks.table_quality [--pages FOLDER] [--seed N] [--each]

"Structure" gives the engine the true box of the table, "no network" does so without SLANet-plus;
"whole page" runs the converter of the embedded profile and takes the page's best table.
TEDS compares trees of rows and cells with their spans and texts: 1 is equal. Exit code 1 where a
target is missed.
"""

from __future__ import annotations

import argparse
import html
import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docling_metrics_table import TableMetric, TableMetricHTMLInputSample
from docling_metrics_table.docling_metrics_table import TableMetricKind

from benchmarks.table_contents import TruthCell
from benchmarks.table_corpus import FontMissing, TablePage, TableSpec, table_specs
from benchmarks.table_pages import write_page

TARGETS = {"ruled": 0.85, "unruled": 0.75}


def as_html(cells: Iterable[tuple[int, int, int, int, str]]) -> str:
    """(row, column, row span, column span, text) as the HTML that TEDS reads."""
    rows: dict[int, list[tuple[int, int, int, int, str]]] = {}
    for cell in sorted(cells):
        rows.setdefault(cell[0], []).append(cell)
    out = []
    for row in range(max(rows, default=-1) + 1):
        out.append("<tr>")
        for _, _, row_span, col_span, text in rows.get(row, []):
            spans = f' rowspan="{row_span}"' if row_span > 1 else ""
            spans += f' colspan="{col_span}"' if col_span > 1 else ""
            out.append(f"<td{spans}>{html.escape(text)}</td>")
        out.append("</tr>")
    return f"<table>{''.join(out)}</table>"


def truth_html(spec: TableSpec) -> str:
    def row(cell: TruthCell) -> tuple[int, int, int, int, str]:
        return (cell.row, cell.col, cell.row_span, cell.col_span, cell.text)

    return as_html(row(cell) for cell in spec.cells)


def docling_html(cells: Iterable[Any]) -> str:
    """HTML of docling's TableCells."""
    return as_html(
        (c.start_row_offset_idx, c.start_col_offset_idx, c.row_span, c.col_span, c.text)
        for c in cells
    )


class Teds:
    def __init__(self) -> None:
        self._metric = TableMetric(metrics=[TableMetricKind.TEDS])

    def __call__(self, name: str, truth: str, found: str, *, structure_only: bool = False) -> float:
        sample = TableMetricHTMLInputSample(
            id=name, html_a=truth, html_b=found, structure_only=structure_only
        )
        result = self._metric.evaluate_sample(sample).teds
        assert result is not None
        return float(result.teds)


class KnownBox:
    """The engine alone, on the true box of the table."""

    def __init__(self, use_network: bool = True) -> None:
        from docling.datamodel.accelerator_options import AcceleratorOptions

        from tasks.extraction.table_slanet import SlanetTableModel, SlanetTableOptions

        self._model = SlanetTableModel(
            enabled=True,
            artifacts_path=None,
            options=SlanetTableOptions(use_network=use_network),
            accelerator_options=AcceleratorOptions(num_threads=1, device="cpu"),
        )

    def __call__(self, page: TablePage) -> str:
        from docling.backend.docling_parse_backend import ThreadedDoclingParseDocumentBackend
        from docling.datamodel.base_models import (
            Cluster,
            InputFormat,
            LayoutPrediction,
            Page,
        )
        from docling.datamodel.document import ConversionResult, InputDocument
        from docling_core.types.doc import BoundingBox, DocItemLabel

        source = InputDocument(
            path_or_stream=page.path,
            format=InputFormat.PDF,
            backend=ThreadedDoclingParseDocumentBackend,
        )
        result = ConversionResult(input=source)
        backend = next(iter(source._backend.iter_pages()))
        box = BoundingBox(l=page.bbox[0], t=page.bbox[1], r=page.bbox[2], b=page.bbox[3])
        docling_page = Page(page_no=1, size=backend.get_size())
        docling_page._backend = backend
        docling_page.parsed_page = backend.get_segmented_page()
        cluster = Cluster(id=0, label=DocItemLabel.TABLE, bbox=box)
        docling_page.predictions.layout = LayoutPrediction(clusters=[cluster])
        prediction = self._model.predict_tables(result, [docling_page])[0]
        table = prediction.table_map.get(0)
        source._backend.unload()
        return docling_html(table.table_cells) if table else "<table></table>"


class WholePage:
    """The converter of the embedded profile: layout, table structure and assembly."""

    def __init__(self) -> None:
        from tasks.extraction.converters import converter_for
        from tasks.extraction.options import ExtractionOptions

        self._converter = converter_for("pdf", ExtractionOptions(profile="embedded"))

    def __call__(self, page: TablePage) -> list[str]:
        document = self._converter.convert(page.path).document
        return [docling_html(table.data.table_cells) for table in document.tables]


def _print_class(name: str, rows: list[dict[str, Any]], columns: list[str]) -> None:
    means = "".join(f"{statistics.mean(row[c] for row in rows):>14.3f}" for c in columns)
    print(f"{name:<28}{len(rows):>4}{means}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=Path, help="keep the PDF pages in this folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each", action="store_true", help="print a line for each table")
    parser.add_argument("--structure-only", action="store_true", help="leave out whole pages")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.pages or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        specs = table_specs(args.seed)
        try:
            pages = [write_page(spec, folder, n, args.seed) for n, spec in enumerate(specs)]
        except FontMissing as error:
            print(f"The tables cannot be set: {error}.")
            return 1
        structure, geometry = KnownBox(), KnownBox(use_network=False)
        whole = None if args.structure_only else WholePage()
        teds = Teds()
        rows = []
        for page in pages:
            name, truth = page.spec.name, truth_html(page.spec)
            row: dict[str, Any] = {
                "spec": page.spec,
                "structure": teds(name, truth, structure(page)),
                "no network": teds(name, truth, geometry(page)),
            }
            if whole is not None:
                # A page holds one table: whatever else was taken for one counts against none.
                row["whole page"] = max((teds(name, truth, t) for t in whole(page)), default=0.0)
            rows.append(row)
    columns = [column for column in rows[0] if column != "spec"]
    print(f"{'TEDS':<28}{'n':>4}" + "".join(f"{column:>14}" for column in columns))
    if args.each:
        for row in rows:
            _print_class(row["spec"].name, [row], columns)
    reached = True
    for ruling in TARGETS:
        of = [row for row in rows if row["spec"].ruling == ruling]
        _print_class(f"{ruling} (target {TARGETS[ruling]})", of, columns)
        for language in ("en", "zh"):
            _print_class(
                f"  {language}", [row for row in of if row["spec"].language == language], columns
            )
        _print_class("  merged", [row for row in of if row["spec"].has_merged_cells], columns)
        judged = columns[-1] if columns[-1] == "whole page" else "structure"
        reached &= statistics.mean(row[judged] for row in of) >= TARGETS[ruling]
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())

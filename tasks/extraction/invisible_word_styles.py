"""What a run of a Word document looks like: its own properties, its styles, what is behind it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

from tasks.extraction.invisible_colours import Colour, Unknown, hex_colour
from tasks.extraction.invisible_office import local

_OFF = frozenset({"0", "false", "off"})
_HIGHLIGHTS: dict[str, Colour] = {
    "black": (0, 0, 0),
    "blue": (0, 0, 255),
    "cyan": (0, 255, 255),
    "darkBlue": (0, 0, 128),
    "darkCyan": (0, 128, 128),
    "darkGray": (128, 128, 128),
    "darkGreen": (0, 128, 0),
    "darkMagenta": (128, 0, 128),
    "darkRed": (128, 0, 0),
    "darkYellow": (128, 128, 0),
    "green": (0, 255, 0),
    "lightGray": (192, 192, 192),
    "magenta": (255, 0, 255),
    "red": (255, 0, 0),
    "white": (255, 255, 255),
    "yellow": (255, 255, 0),
}
Where = Literal["rPr", "pPr"]


class WordNames:
    """Names in the namespace that a document uses: there is a transitional and a strict one."""

    def __init__(self, root: Any) -> None:
        self.namespace = root.tag.partition("}")[0] + "}"

    def __call__(self, name: str) -> str:
        return self.namespace + name

    def attribute(self, element: Any, name: str = "val") -> str | None:
        value: str | None = element.get(self.namespace + name)
        return value


class WordStyles:
    """The styles part of a document, or none."""

    def __init__(self, root: Any | None) -> None:
        self._styles: dict[str, Any] = {}
        self._default: str | None = None
        self._defaults: Any = None
        if root is None:
            return
        self._w = WordNames(root)
        for style in root.iterchildren(self._w("style")):
            identifier = self._w.attribute(style, "styleId")
            if identifier is None:
                continue
            self._styles[identifier] = style
            is_default = (self._w.attribute(style, "default") or "0") not in _OFF
            if is_default and self._w.attribute(style, "type") == "paragraph":
                self._default = identifier
        self._defaults = root.find(f"{self._w('docDefaults')}/{self._w('rPrDefault')}")

    def property_of(self, style: str | None, where: Where, name: str) -> Any:
        """A property that a style or one it is based on sets; None where none does."""
        for element in self._chain(style):
            holder = element.find(self._w(where))
            found = holder.find(self._w(name)) if holder is not None else None
            if found is not None:
                return found
        return None

    def default_of(self, name: str) -> Any:
        if self._defaults is None:
            return None
        return self._defaults.find(f"{self._w('rPr')}/{self._w(name)}")

    @property
    def default_paragraph(self) -> str | None:
        return self._default

    def shades(self, style: str | None) -> bool:
        """Whether a table style gives any of its cells a background."""
        return any(
            (self._w.attribute(shading, "fill") or "auto").lower() not in ("auto", "ffffff")
            for element in self._chain(style)
            for shading in element.iter(self._w("shd"))
        )

    def _chain(self, style: str | None) -> Iterator[Any]:
        seen: set[str] = set()
        while style is not None and style in self._styles and style not in seen:
            seen.add(style)
            element = self._styles[style]
            yield element
            based = element.find(self._w("basedOn"))
            style = self._w.attribute(based) if based is not None else None


class ParagraphLook:
    """What the runs of one paragraph share."""

    def __init__(self, paragraph: Any, w: WordNames, styles: WordStyles, page: Any) -> None:
        self._paragraph = paragraph
        self._w = w
        self._styles = styles
        self._page = page
        properties = paragraph.find(w("pPr"))
        self._properties = properties
        named = properties.find(w("pStyle")) if properties is not None else None
        self.style = w.attribute(named) if named is not None else styles.default_paragraph

    @cached_property
    def background(self) -> Colour | Unknown:
        """What is behind the paragraph: its own shading, its cell's, the page's."""
        own = self._properties.find(self._w("shd")) if self._properties is not None else None
        for shading in (own, self._styles.property_of(self.style, "pPr", "shd")):
            if (fill := shading_colour(shading, self._w)) is not None:
                return fill
        inside: str = ""
        for above in self._paragraph.iterancestors():
            name = local(above)
            if name in ("txbxContent", "textbox"):
                return "unknown"  # the fill of the shape
            if name == "tc" and inside in ("p", "sdt", "sdtContent", "tbl", ""):
                cell = above.find(f"{self._w('tcPr')}/{self._w('shd')}")
                if (fill := shading_colour(cell, self._w)) is not None:
                    return fill
            if name == "tbl" and self._table_shades(above):
                return "unknown"
            inside = name
        page: Colour | Unknown = self._page
        return page

    def _table_shades(self, table: Any) -> bool:
        properties = table.find(self._w("tblPr"))
        if properties is None:
            return False
        style = properties.find(self._w("tblStyle"))
        if style is not None and self._styles.shades(self._w.attribute(style)):
            return True
        return shading_colour(properties.find(self._w("shd")), self._w) is not None


class RunLook:
    """One run: what is set on it, else by its character style, its paragraph's, the document's."""

    def __init__(self, run: Any, paragraph: ParagraphLook, w: WordNames, styles: WordStyles):
        self._paragraph = paragraph
        self._w = w
        self._styles = styles
        self._own = run.find(w("rPr"))
        named = self._own.find(w("rStyle")) if self._own is not None else None
        self._style = w.attribute(named) if named is not None else None

    def _direct(self, name: str) -> Any:
        return self._own.find(self._w(name)) if self._own is not None else None

    def _property(self, name: str) -> Any:
        for found in (
            self._direct(name),
            self._styles.property_of(self._style, "rPr", name),
            self._styles.property_of(self._paragraph.style, "rPr", name),
        ):
            if found is not None:
                return found
        return self._styles.default_of(name)

    @property
    def vanishes(self) -> bool:
        direct = self._direct("vanish")
        if direct is not None:
            return self._is_on(direct)
        # Set by both styles, a toggle is off again.
        return self._is_on(self._styles.property_of(self._style, "rPr", "vanish")) != self._is_on(
            self._styles.property_of(self._paragraph.style, "rPr", "vanish")
        )

    def _is_on(self, toggle: Any) -> bool:
        return toggle is not None and (self._w.attribute(toggle) or "1") not in _OFF

    @property
    def size_half_points(self) -> float | None:
        size = self._property("sz")
        try:
            return float(self._w.attribute(size) or "") if size is not None else None
        except ValueError:
            return None

    @property
    def colour(self) -> Colour | None:
        """None for the automatic colour, which is seen on any ground."""
        colour = self._property("color")
        return hex_colour(self._w.attribute(colour)) if colour is not None else None

    @property
    def effects(self) -> set[str]:
        """Outlines, gradients and glows show text of any colour; `noFill` alone shows none."""
        found = set()
        for element in self._own if self._own is not None else ():
            name = local(element)
            if name in ("textOutline", "textFill", "glow", "shadow", "outline", "emboss"):
                inner = {local(child) for child in element}
                found.add("noFill" if name == "textFill" and "noFill" in inner else name)
                if name == "textOutline" and "noFill" in inner:
                    found.discard(name)
        return found

    @property
    def background(self) -> Colour | Unknown:
        highlight = self._property("highlight")
        if highlight is not None:
            name = self._w.attribute(highlight) or "none"
            if name != "none":
                return _HIGHLIGHTS.get(name, "unknown")
        if (fill := shading_colour(self._property("shd"), self._w)) is not None:
            return fill
        return self._paragraph.background


def shading_colour(shading: Any, w: WordNames) -> Colour | Unknown | None:
    """None where there is no shading."""
    if shading is None:
        return None
    if (w.attribute(shading) or "clear") not in ("clear", "nil"):
        return "unknown"  # a pattern of two colours
    fill = hex_colour(w.attribute(shading, "fill"))
    if fill is not None:
        return fill
    return "unknown" if w.attribute(shading, "themeFill") else None

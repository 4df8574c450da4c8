"""Web pages without the text that a browser does not show."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.extraction.invisible import LeftOut
from tasks.extraction.invisible_css import Look
from tasks.extraction.invisible_stylesheets import Styles

if TYPE_CHECKING:
    from bs4 import Tag

_MAY_HIDE = re.compile(rb"style|hidden|color|<font", re.IGNORECASE)
_NO_TEXT = frozenset({"script", "style", "template", "noscript", "head", "title"})
_SHOWS_WITHOUT_TEXT = ["img", "svg", "input", "table", "hr", "br", "picture", "video", "canvas"]
_PICTURES = ["img", "picture", "video", "canvas", "svg"]
# What browsers give these elements unless a sheet says otherwise.
_OWN_COLOURS = {
    "a": {"color": "#0000ee"},
    "mark": {"background-color": "yellow", "color": "black"},
    "button": {"background-color": "silver", "color": "black"},
}
_FAR_UP = 3
_DEEPEST_UNCLOSED = 50
_CELLS, _SECTIONS = frozenset({"td", "th"}), frozenset({"thead", "tbody", "tfoot"})
_TABLE = frozenset({"table"})
_ENDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    **dict.fromkeys(
        (
            *("p", "div", "ul", "ol", "dl", "table", "pre", "blockquote", "form", "hr", "section"),
            *("article", "aside", "header", "footer", "nav", "main", "figure", "details"),
            *("h1", "h2", "h3", "h4", "h5", "h6", "address", "fieldset"),
        ),
        (frozenset({"p"}), frozenset({"table", "td", "th", "button", "caption"})),
    ),
    "li": (frozenset({"li"}), frozenset({"ul", "ol", "menu"})),
    **dict.fromkeys(("dt", "dd"), (frozenset({"dt", "dd"}), frozenset({"dl"}))),
    **dict.fromkeys(("td", "th"), (_CELLS, frozenset({"table", "tr"}))),
    "tr": (frozenset({"tr"}), _TABLE),
    **dict.fromkeys(_SECTIONS, (_SECTIONS, _TABLE)),
}
"""What the start of an element ends, and what stands in the way of that."""
_BOM = b"\xef\xbb\xbf"


def visible_html(data: bytes, left_out: LeftOut) -> bytes:
    """The page without unseen text; the same bytes where there is none."""
    if not _MAY_HIDE.search(data) and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(data, "html.parser")  # the parser that docling reads pages with
    styles = Styles(soup)
    unseen: list[Any] = []
    around: dict[int, Look] = {}  # what an element inherits
    # A page nests deeper than Python recurses.
    waiting: list[tuple[Any, Look]] = [(soup, Look())]
    while waiting:
        element, look = waiting.pop()
        for child in element.children:
            name = getattr(child, "name", None)
            if name in _NO_TEXT:
                continue
            if name is not None:
                ended = _ended_by(child)
                outer = look if ended is None else around[id(ended)]
                around[id(child)] = outer
                waiting.append((child, _inside(outer, child, styles)))
            elif _is_text(child) and child.strip() and look.cause is not None:
                left_out.add_text(look.cause, str(child))
                unseen.append(child)
    if not unseen:
        return data
    for text in unseen:
        _remove(text)
    # The mark makes sure of the encoding, whatever the page says of itself.
    return _BOM + soup.encode("utf-8")


def _ended_by(element: Tag) -> Tag | None:
    """The element above that a browser ends here: its end tag may be left away, and the parser
    then nests what follows in it."""
    ends, barriers = _ENDS.get(element.name, (frozenset(), frozenset()))
    if not ends:
        return None
    for above in itertools.islice(element.parents, _DEEPEST_UNCLOSED):
        if above.name in ends:
            return above
        if above.name in barriers:
            return None
    return None


def _is_text(node: Any) -> bool:
    """Text, and not a comment, a declaration or the like, which are kinds of it."""
    from bs4 import Comment, Declaration, Doctype, NavigableString, ProcessingInstruction

    other = (Comment, Declaration, Doctype, ProcessingInstruction)
    return isinstance(node, NavigableString) and not isinstance(node, other)


def _inside(look: Look, element: Tag, styles: Styles) -> Look:
    css = styles.of(element)
    attributes = {name: _plain(value) for name, value in element.attrs.items()}
    if element.name == "dialog" and "open" not in attributes:
        css = {"display": "none", **css}
    inner = look.inside({**_OWN_COLOURS.get(element.name, {}), **css}, attributes)
    if (
        inner.cause == "colour"
        and inner.gone is None
        and not {"background", "background-color"} & css.keys()
        and _has_unknown_background(element, css, styles)
    ):
        return replace(inner, background="unknown")
    return inner


def _has_unknown_background(element: Tag, css: dict[str, str], styles: Styles) -> bool:
    """Whether a picture may lie behind the element, or a colour from a sheet that is not here."""
    near = [element, *itertools.islice(element.parents, _FAR_UP)]
    near = [e for e in near if e.name not in ("html", "body", "[document]")]
    if styles.reads_other_sheets and any(e.get("class") or e.get("id") for e in near):
        return True
    return css.get("position") in ("absolute", "fixed") and any(
        e.find(_PICTURES) is not None for e in near
    )


def _plain(value: Any) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def _remove(text: Any) -> None:
    """Takes a text out, and what would be an empty item, cell or paragraph without it."""
    parent = text.parent
    text.extract()
    while (
        parent is not None
        and parent.parent is not None
        and parent.name not in ("body", "html", "td", "th", "tr", "table")
        and not any(inner.strip() for inner in parent.strings)
        and not parent.find(_SHOWS_WITHOUT_TEXT)
    ):
        above = parent.parent
        parent.extract()
        parent = above

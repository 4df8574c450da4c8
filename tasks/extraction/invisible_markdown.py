"""Markdown without the text that HTML inside it hides.

Tags are found in the source, code left alone, so that everything else keeps its exact spelling.
Comments are no text: only those inside a table row, which docling takes for a cell's text, go here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from tasks.extraction.invisible import Cause, LeftOut
from tasks.extraction.invisible_css import Look, declarations

_MAY_HIDE = re.compile(r"<!--|style|hidden|color", re.IGNORECASE)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)\1(?!`)", re.DOTALL)
_COMMENT_IN_ROW = re.compile(r"(?m)^(?=[^\n]*\|)[^\n]*<!--[^\n]*")
_COMMENT = re.compile(r"<!--.*?-->")
_TAG = re.compile(r"<[^>]*>")
_LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s")
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)


def visible_markdown(text: str, left_out: LeftOut) -> str:
    """The text without unseen parts; the same object where there are none."""
    if "<" not in text or not _MAY_HIDE.search(text):
        return text
    masked = _without_code(text)
    finder = _HiddenElements(masked)
    spans: list[tuple[int, int]] = []
    for start, end, cause in finder.spans:
        if spans and start < spans[-1][1]:
            continue  # inside one that goes as a whole
        spans.append((start, end))
        left_out.add_text(cause, _TAG.sub(" ", _COMMENT.sub(" ", text[start:end])))
    for row in _COMMENT_IN_ROW.finditer(masked):
        for comment in _COMMENT.finditer(row[0]):
            start = row.start() + comment.start()
            spans.append((start, start + len(comment[0])))
    if not spans:
        return text
    kept, position = [], 0
    for start, end in sorted(spans):
        kept.append(text[position:start])
        position = max(position, end)
    return "".join([*kept, text[position:]])


def _without_code(text: str) -> str:
    """The same text with code blanked out, position by position."""
    pieces, position = [], 0
    while fence := _FENCE.search(text, position):
        mark = fence[1]
        closing = re.compile(
            rf"^ {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*$", re.MULTILINE
        ).search(text, fence.end())
        end = closing.end() if closing else len(text)
        pieces += [text[position : fence.start()], _blank(text[fence.start() : end])]
        position = end
        if not closing:
            break
    pieces.append(text[position:])
    without_blocks = _without_indented_code("".join(pieces))
    return _CODE_SPAN.sub(lambda match: _blank(match[0]), without_blocks)


def _without_indented_code(text: str) -> str:
    """Code by its indent, which inside a list is the list's own."""
    lines = text.split("\n")
    in_list, may_begin, in_code = False, True, False
    for number, line in enumerate(lines):
        if not line.strip():
            may_begin = True
            continue
        indented = line.startswith(("    ", "\t"))
        in_code = indented and not in_list and (in_code or may_begin)
        if in_code:
            lines[number] = _blank(line)
        elif not indented:
            in_list = bool(_LIST_ITEM.match(line)) or (in_list and not may_begin)
        may_begin = False
    return "\n".join(lines)


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


@dataclass
class _Open:
    tag: str
    start: int
    look: Look
    cause: Cause | None
    """Why the element goes, where it is the outermost one to go."""


class _HiddenElements(HTMLParser):
    """Where elements begin and end that are not seen, by what they say of themselves."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.spans: list[tuple[int, int, Cause]] = []
        self._text = text
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._open: list[_Open] = []
        self.feed(text)
        self.close()
        self._close_above(0, len(text), closed=False)
        self.spans.sort()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        attributes = {name: value or "" for name, value in attrs}
        css = {
            name: value for name, (value, _) in declarations(attributes.get("style", "")).items()
        }
        outer = self._open[-1].look if self._open else Look()
        look = outer.inside(css, attributes)
        cause = look.cause if outer.cause is None else None
        self._open.append(_Open(tag, self._position(), look, cause))

    def handle_endtag(self, tag: str) -> None:
        for depth in range(len(self._open) - 1, -1, -1):
            if self._open[depth].tag == tag:
                end = self._text.find(">", self._position()) + 1
                self._close_above(depth + 1, self._position(), closed=False)
                self._close_above(depth, end or len(self._text), closed=True)
                return

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element without content."""

    def _close_above(self, depth: int, end: int, *, closed: bool) -> None:
        for element in self._open[depth:]:
            if element.cause is None:
                continue
            last = end
            if not closed:  # a tag that is never closed ends with its paragraph
                blank = _BLANK_LINE.search(self._text, element.start, end)
                last = blank.start() if blank else end
            self.spans.append((element.start, last, element.cause))
        del self._open[depth:]

    def _position(self) -> int:
        line, column = self.getpos()
        return self._line_starts[line - 1] + column

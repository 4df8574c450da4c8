"""The style sheets inside a web page: which declarations apply to which element.

Rules without a condition, and those for screens. What depends on a pointer, a width or a script is
left aside, and so are sheets outside the file: nothing outside of a document is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tasks.extraction.invisible_css import declarations

_MOST_RULES = 3_000
_MOST_MATCHES = 30_000_000
"""Rules times elements: beyond that the sheets are not applied, only what elements say."""
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_BRACE = re.compile("[{}]")
_PARTS = re.compile(r"[\s>+~]+")
_MOST_PARTS = ((30, 6), (60, 4))
"""Of a selector, up to a depth of the page: each part may be looked for at each level."""
_SCREEN = re.compile(r"(?:only\s+)?(?:all|screen)?", re.IGNORECASE)
# States, and boxes that are not elements.
_STATE = re.compile(
    r":(?:hover|focus|active|visited|target|checked|before|after|first-line|first-letter"
    r"|placeholder|selection|disabled|enabled|root|host|is|where|has|link)|::",
    re.IGNORECASE,
)
_IDS, _CLASSES = re.compile(r"#[\w-]+"), re.compile(r"\.[\w-]+|\[[^\]]*\]|:(?!not)[\w-]+")
_TAGS = re.compile(r"(?:^|[\s>+~(])([a-z][\w-]*)", re.IGNORECASE)

Priority = tuple[bool, int, int, int, int, int]
"""Important, inline, ids, classes, tags, order."""


class Styles:
    """What applies to each element of a parsed page (BeautifulSoup)."""

    def __init__(self, soup: Any) -> None:
        self._found: dict[int, dict[str, tuple[Priority, str]]] = {}
        sheets = [
            element.get_text()
            for element in soup.find_all("style")
            if _SCREEN.fullmatch(str(element.get("media", "")).strip())
        ]
        self.reads_other_sheets = any("@import" in sheet for sheet in sheets) or any(
            "stylesheet" in (link.get("rel") or []) for link in soup.find_all("link")
        )
        rules = [rule for sheet in sheets for rule in _rules(_COMMENT.sub(" ", sheet))]
        relevant = [(which, css) for which, body in rules if (css := declarations(body))]
        if not relevant or len(relevant) > _MOST_RULES:
            return
        depths: dict[int, int] = {id(soup): 0}
        for element in soup.find_all(True):
            depths[id(element)] = depths[id(element.parent)] + 1
        if len(relevant) * len(depths) > _MOST_MATCHES:
            return
        deepest = max(depths.values())
        most_parts = next((parts for depth, parts in _MOST_PARTS if deepest <= depth), 2)
        for order, (selectors, css) in enumerate(relevant):
            for selector in selectors:
                if len(_PARTS.split(selector)) > most_parts:
                    continue
                for element in _matching(soup, selector):
                    self._apply(id(element), css, (0, *_specificity(selector), order))

    def _apply(
        self, element: int, css: dict[str, tuple[str, bool]], weight: tuple[int, ...]
    ) -> None:
        known = self._found.setdefault(element, {})
        for name, (value, important) in css.items():
            priority: Priority = (important, *weight)  # type: ignore[assignment]
            if name not in known or known[name][0] <= priority:
                known[name] = priority, value

    def of(self, element: Any) -> dict[str, str]:
        """Property and value, of the sheets and of the element itself."""
        inline = element.get("style")
        if inline:
            self._apply(id(element), declarations(str(inline)), (1, 0, 0, 0, 0))
        return {name: value for name, (_, value) in self._found.get(id(element), {}).items()}


def _rules(sheet: str) -> Iterator[tuple[list[str], str]]:
    """Selectors and declarations of the rules that hold without condition."""
    position = 0
    while True:
        brace = sheet.find("{", position)
        if brace < 0:
            return
        end = _closing(sheet, brace)
        head = sheet[position:brace].rpartition(";")[2].strip()
        body = sheet[brace + 1 : end]
        if head.startswith("@media"):
            if _SCREEN.fullmatch(head.removeprefix("@media").strip()):
                yield from _rules(body)
        elif head and not head.startswith("@"):
            yield [selector.strip() for selector in head.split(",")], body
        position = end + 1


def _closing(sheet: str, brace: int) -> int:
    depth = 0
    for match in _BRACE.finditer(sheet, brace):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return len(sheet)


def _matching(soup: Any, selector: str) -> list[Any]:
    if not selector or _STATE.search(selector):
        return []
    try:
        return list(soup.select(selector))
    except Exception:  # soupsieve's errors for what it does not know: such a rule hides nothing
        return []


def _specificity(selector: str) -> tuple[int, int, int]:
    bare = re.sub(r"\[[^\]]*\]", " [] ", selector)
    return (
        len(_IDS.findall(bare)),
        len(_CLASSES.findall(selector)),
        len(_TAGS.findall(bare)),
    )

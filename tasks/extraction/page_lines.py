"""Text cells of a page as visual lines, and lines as running text.

docling joins the cells of a cluster with spaces. Here cells of one line are joined by the gap
between them, and lines by what the script wants: no space at a Chinese line break, no hyphen
where an English word was split.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

# Han, kana, CJK and full-width punctuation: scripts that break lines without a space.
CJK = (
    "\u2e80-\u2fdf\u3000-\u303f\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff65\uffe0-\uffe6\U00020000-\U0003ffff"
)
_CJK_CHAR = re.compile(f"[{CJK}]")
_SPACE_BETWEEN_CJK = re.compile(f"(?<=[{CJK}\u2018\u2019\u201c\u201d\u2014\u2026]) +(?=[{CJK}])")
_LAST_WORD = re.compile(r"([^\W\d_]+)-$")
_FIRST_WORD = re.compile(r"^([^\W\d_]+)")
_LIGATURES = str.maketrans(
    {
        "\ufb00": "ff",
        "\ufb01": "fi",
        "\ufb02": "fl",
        "\ufb03": "ffi",
        "\ufb04": "ffl",
        "\ufb05": "st",
        "\ufb06": "st",
        "\uf0a0": " ",
        "\x02": "-",  # how PDF libraries mark a hyphen at a line's end
        "\u00a0": " ",
        "\u200b": None,
        "\ufeff": None,
        "\x00": None,
    }
)
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPACES = re.compile(r"[ \t]{2,}")


@dataclass
class Line:
    """Cells of one visual line, left to right, in points with the origin at the top left."""

    cells: list[Any]
    left: float
    top: float
    right: float
    bottom: float
    _text: str | None = field(default=None, repr=False)

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def text(self) -> str:
        if self._text is None:
            self._text = _line_text(self.cells)
        return self._text


def clean(text: str) -> str:
    """Ligatures spelt out, control characters gone. Typographic quotes stay as they are."""
    return _CONTROL.sub("", text.translate(_LIGATURES))


def close_up_cjk(text: str) -> str:
    """Spaces between Chinese characters or punctuation taken out, others kept."""
    return _SPACE_BETWEEN_CJK.sub("", text)


def is_cjk(char: str) -> bool:
    return bool(_CJK_CHAR.match(char))


def box_of(cell: Any) -> tuple[float, float, float, float]:
    box = cell.rect.to_bounding_box()
    return box.l, min(box.t, box.b), box.r, max(box.t, box.b)


def visual_lines(cells: Iterable[Any]) -> list[Line]:
    """Cells as lines from top to bottom. Cells that stand beside each other share a line."""
    lines: list[Line] = []
    placed = sorted(
        ((*box_of(cell), cell) for cell in cells if cell.text.strip()),
        key=lambda entry: (entry[1] + entry[3], entry[0], entry[4].index),
    )
    for left, top, right, bottom, cell in placed:
        height = max(bottom - top, 0.1)
        home = None
        for line in reversed(lines[-6:]):
            shared = min(bottom, line.bottom) - max(top, line.top)
            smaller = min(height, line.height)
            if shared < 0.5 * smaller or max(height, line.height) > 2.2 * smaller:
                continue
            if all(
                min(right, r) - max(left, l) < 0.3 * min(right - left, r - l) + 0.1
                for l, _, r, _ in map(box_of, line.cells)  # noqa: E741
            ):
                home = line
                break
        if home is None:
            lines.append(Line([cell], left, top, right, bottom))
            continue
        home.cells.append(cell)
        home.left, home.right = min(home.left, left), max(home.right, right)
        home.top, home.bottom = min(home.top, top), max(home.bottom, bottom)
    for line in lines:
        line.cells.sort(key=lambda c: (box_of(c)[0], c.index))
    lines.sort(key=lambda line: (line.top + line.bottom, line.left))
    return lines


def _line_text(cells: Sequence[Any]) -> str:
    text = ""
    previous = None
    for cell in cells:
        piece = clean(cell.text)
        if previous is not None and text and piece.strip():
            left, top, _, bottom = box_of(cell)
            _, p_top, p_right, p_bottom = box_of(previous)
            height, p_height = bottom - top, p_bottom - p_top
            both_cjk = is_cjk(piece.lstrip()[0]) and is_cjk(text[-1])
            apart = left - p_right > (0.5 if both_cjk else 0.12) * max(height, p_height)
            # A raised or lowered mark (a footnote number) is not part of the word beside it.
            script = min(height, p_height) < 0.8 * max(height, p_height)
            if not (text.endswith(" ") or piece.startswith(" ")) and (apart or script):
                text += " "
        text += piece
        previous = cell
    return _SPACES.sub(" ", text).strip()


def _join_two(before: str, after: str, known_words: Collection[str]) -> str:
    if not before or not after:
        return before + after
    if before.endswith("\u00ad"):
        return before[:-1] + after
    if before.endswith(("-", "\u2010")):
        head = _LAST_WORD.search(before[:-1] + "-")
        tail = _FIRST_WORD.match(after)
        if head and tail and tail.group(1)[0].islower():
            first, second = head.group(1), tail.group(1)
            split_word = (first + second).lower()
            compound = f"{first}-{second}".lower()
            both = (
                len(first) > 2
                and len(second) > 2
                and {first.lower(), second.lower()}.issubset(known_words)
            )
            if split_word not in known_words and (compound in known_words or both):
                return before + after
            return before[:-1] + after
        return before + after if before[-2:-1].isalnum() else f"{before} {after}"
    if is_cjk(before[-1]) or is_cjk(after[0]):
        return before + after
    return f"{before} {after}"


def join_lines(lines: Iterable[str], known_words: Collection[str] = ()) -> str:
    """Lines of one paragraph as running text.

    `known_words` are lower-case words of the page: they decide whether a hyphen at a line's end
    belongs to its word ("well-known") or only split it.
    """
    text = ""
    for line in lines:
        text = _join_two(text, line.strip(), known_words)
    return text.replace("\u00ad", "")


def page_words(cells: Iterable[Any]) -> set[str]:
    """Lower-case words of a page, with and without inner hyphens, without those at line ends."""
    words: set[str] = set()
    for cell in cells:
        words.update(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*(?!-)", cell.text.lower()))
    return words


def code_text(lines: Sequence[Line]) -> str:
    """Lines of code with their breaks, and indentation where coordinates give it."""
    if not lines:
        return ""
    widths = [
        (box_of(cell)[2] - box_of(cell)[0]) / len(cell.text)
        for line in lines
        for cell in line.cells
        if len(cell.text) > 3
    ]
    char = max(median(widths), 0.5) if widths else 5.0
    margin = min(line.left for line in lines)
    out: list[str] = []
    pitch = _pitch(lines)
    for number, line in enumerate(lines):
        if number and pitch and line.top - lines[number - 1].top > 1.7 * pitch:
            out.append("")
        row, end = "", margin
        for cell in line.cells:
            left, _, right, _ = box_of(cell)
            gap = round((left - end) / char)
            piece = clean(cell.text).rstrip()
            indent = len(piece) - len(piece.lstrip(" "))
            row += " " * max(gap, 1 if row and not row.endswith(" ") and gap > 0 else 0)
            row += piece if indent == 0 or not row.strip() else piece.lstrip(" ")
            end = right
        out.append(row.rstrip())
    return "\n".join(out)


def _pitch(lines: Sequence[Line]) -> float:
    """The usual distance of two lines: blank ones between them make some distances larger."""
    steps = sorted(b.top - a.top for a, b in pairwise(lines) if b.top > a.top)
    return steps[(len(steps) - 1) // 3] if steps else 0.0

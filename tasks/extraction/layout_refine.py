"""What the layout model does not see: loose lines, lists, code, tables that are prose.

CDLA has no list class and no code class, leaves lines without any box, and takes a dense page
for a table now and then. Everything here works on docling's clusters and text cells, in points
with the origin at the top left. No cell is ever dropped: a line that belongs to nothing becomes
a paragraph of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from docling.datamodel.base_models import Cluster, Page
from docling_core.types.doc import BoundingBox, CoordOrigin, DocItemLabel

from tasks.extraction.page_lines import Line, box_of, is_cjk, visual_lines
from tasks.extraction.table_words import Word, is_running_text

_BULLET = r"[\u2022\u2023\u25e6\u2043\u2219\u25aa\u25ab\u25cf\u25cb\u25a0\u25a1\u25b6\u27a2\u2713\u2714\uf0b7\uf0a7\uf06e\uf0d8\u00b7]"
_DASH = r"[-\u2013\u2014*+\u2010]"
_NUMBER = r"(?:\d{1,2}[.)](?!\d)|\(\d{1,2}\)|\[\d{1,3}\]|[a-zA-Z][.)]|\([a-z]\)|[ivx]{1,4}[.)])"
_HAN_NUMBER = r"(?:[\u2460-\u2473]|[（(][一二三四五六七八九十\d]{1,3}[）)]|\d{1,2}[、．])"
LIST_MARKER = re.compile(
    rf"^(?:(?P<bullet>{_BULLET}\s*|{_DASH}\s+)|(?P<number>{_NUMBER}(?:\s+|$)|{_HAN_NUMBER}\s*))(?=\S|$)"
)
_MONOSPACED = re.compile(
    r"mono|courier|consol|menlo|typewriter|fixed|cmtt|lmtt|sourcecode|inconsolata|lucidacons"
    r"|terminal|nimbusmonl|lettergothic|andale|txtt|pcrr|ectt|sftt|hack-|firacode",
    re.IGNORECASE,
)
_LEADER = re.compile(r"(?:\.\s?){4,}\s*\S{1,6}$|(?:\u2026\s?){2,}\s*\S{1,6}$")
_CAPTION = re.compile(
    r"^\s*(fig(ure|\.)?|table|tab\.|chart|listing|algorithm|photo|图|圖|表|照片|图表|그림|표)"
    r"\s*[\d一二三四五六七八九十IVX(（\[]",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?。！？…]['\"”’)）]*$")

_TEXT_LABELS = (DocItemLabel.TEXT, DocItemLabel.LIST_ITEM)


def words_of(page: Page) -> list[Word]:
    """The page's words, or its lines where OCR gave no words."""
    parsed = page.parsed_page
    if parsed is None:
        return []
    cells = [c for c in parsed.word_cells if c.text.strip()] or [
        c for c in parsed.textline_cells if c.text.strip()
    ]
    return [Word(c.text, *box_of(c)) for c in cells]


def drop_false_regions(page: Page, clusters: Sequence[Cluster]) -> list[Cluster]:
    """Raw clusters without the tables and pictures that are running text.

    Their words have then no cluster, and `gather_loose_lines` makes paragraphs of them.
    """
    kept: list[Cluster] = []
    words: list[Word] | None = None
    for cluster in clusters:
        if cluster.label in (DocItemLabel.TABLE, DocItemLabel.PICTURE):
            words = words_of(page) if words is None else words
            box = (cluster.bbox.l, cluster.bbox.t, cluster.bbox.r, cluster.bbox.b)
            if cluster.label == DocItemLabel.TABLE and is_running_text(words, box):
                continue
            if cluster.label == DocItemLabel.PICTURE and _is_prose_picture(page, words, box):
                continue
        kept.append(cluster)
    return kept


def _is_prose_picture(
    page: Page, words: Sequence[Word], box: tuple[float, float, float, float]
) -> bool:
    """A "picture" without a bitmap that text fills: a boxed paragraph, a listing."""
    left, top, right, bottom = box
    area = (right - left) * (bottom - top)
    if area <= 0 or _has_bitmap(page, box):
        return False
    inside = [w for w in words if left <= w.x <= right and top <= w.y <= bottom]
    covered = sum((w.right - w.left) * w.height for w in inside)
    return covered > 0.45 * area and is_running_text(inside, box)


def _has_bitmap(page: Page, box: tuple[float, float, float, float]) -> bool:
    parsed, size = page.parsed_page, page.size
    if parsed is None or size is None:
        return False
    area = BoundingBox(l=box[0], t=box[1], r=box[2], b=box[3], coord_origin=CoordOrigin.TOPLEFT)
    return any(
        bitmap.rect.to_bounding_box()
        .to_top_left_origin(size.height)
        .intersection_area_with(area)
        > 0.05 * area.area()
        for bitmap in parsed.bitmap_resources
    )


class PageRefiner:
    """Refines the clusters of one page after docling has given every cell a cluster."""

    def __init__(self, page: Page, clusters: Sequence[Cluster], raw_ids: set[int]) -> None:
        self.page = page
        self.clusters = list(clusters)
        self.raw_ids = raw_ids
        self.next_id = max([c.id for c in clusters] + sorted(raw_ids), default=0) + 1
        heights = [
            line.height for c in clusters if c.label == DocItemLabel.TEXT for line in _lines(c)
        ]
        self.body_height = median(heights) if heights else 10.0

    def run(self, find_structure: bool) -> list[Cluster]:
        """`find_structure`: the layout model has no list and code classes of its own."""
        self.clusters = self._gather_loose_lines()
        if find_structure:
            self.clusters = [new for old in self.clusters for new in self._check_label(old)]
            self.clusters = self._split_code()
            self.clusters = [new for old in self.clusters for new in self._split_list(old)]
        return self.clusters

    # --- loose lines -------------------------------------------------------------------------

    def _gather_loose_lines(self) -> list[Cluster]:
        """Lines without a box of the model join the paragraph above or below, or one another."""
        loose = [
            c for c in self.clusters if c.id not in self.raw_ids and c.label == DocItemLabel.TEXT
        ]
        settled = [c for c in self.clusters if not any(c is other for other in loose)]
        if not loose:
            return self.clusters
        lines = visual_lines([cell for c in loose for cell in c.cells])
        lost = {cell.index for c in loose for cell in c.cells} - {
            cell.index for line in lines for cell in line.cells
        }
        fixed = [c for c in settled if c.label == DocItemLabel.TEXT]
        made: list[Cluster] = [c for c in loose if any(cell.index in lost for cell in c.cells)]
        pieces = [piece for line in lines for piece in _split_at_gaps(line)]
        for piece in pieces:
            home = next(
                (c for c in [*reversed(made), *fixed] if self._continues(c, piece, fixed)), None
            )
            if home is not None:
                home.cells = [*home.cells, *piece.cells]
                home.bbox = _union(home.bbox, piece)
                continue
            made.append(self._new(DocItemLabel.TEXT, piece.cells))
        return [*settled, *made]

    def _continues(self, cluster: Cluster, line: Line, fixed: Sequence[Cluster]) -> bool:
        """Whether a loose line is the next or the previous line of a paragraph."""
        if cluster.label != DocItemLabel.TEXT or not cluster.cells:
            return False
        box = cluster.bbox
        shared = min(box.r, line.right) - max(box.l, line.left)
        if shared < 0.6 * min(box.r - box.l, line.right - line.left):
            return False
        lines = _lines(cluster)
        below = line.top >= box.b - 0.5 * line.height
        neighbour = lines[-1] if below else lines[0]
        gap = line.top - neighbour.bottom if below else neighbour.top - line.bottom
        if not 0.75 < line.height / max(neighbour.height, 0.1) < 1.33:
            return False
        if gap > 0.75 * line.height or gap < -0.6 * line.height:
            return False
        if len(lines) > 1:  # wider than the paragraph's own line spacing: a new paragraph
            own = median(b.top - a.top for a, b in zip(lines, lines[1:], strict=False))
            if abs(line.top - neighbour.top) > 1.35 * own > 0:
                return False
        if LIST_MARKER.match(line.text) and not is_cjk(line.text[0]):
            return True  # a list is split into its items later
        first_ends = neighbour.text if below else line.text
        short = (neighbour.right if below else line.right) < max(box.r, line.right) - 2 * line.height
        ends = bool(_SENTENCE_END.search(first_ends))
        indented = below and line.left > box.l + 0.8 * line.height and line.left < box.l + 5 * line.height
        if any(cluster is other for other in fixed):
            # The model drew this paragraph's box: only a line that clearly runs on joins it.
            return not (ends and (short or indented))
        return not (ends and (short or indented)) and not (short and not ends and len(lines) == 1)

    # --- labels ------------------------------------------------------------------------------

    def _check_label(self, cluster: Cluster) -> list[Cluster]:
        """Headings that are prose, captions that are not."""
        if cluster.label == DocItemLabel.SECTION_HEADER:
            lines = _lines(cluster)
            text = " ".join(line.text for line in lines)
            weight = sum(2 if is_cjk(char) else 1 for char in text)
            small = all(line.height < 1.15 * self.body_height for line in lines)
            if len(lines) > 3 or weight > 240 or (small and weight > 130):
                cluster.label = DocItemLabel.TEXT
        elif cluster.label == DocItemLabel.CAPTION:
            lines = _lines(cluster)
            if lines and not _CAPTION.match(lines[0].text) and not self._beside_float(cluster):
                cluster.label = DocItemLabel.TEXT
        return [cluster]

    def _beside_float(self, cluster: Cluster) -> bool:
        for other in self.clusters:
            if other.label not in (DocItemLabel.PICTURE, DocItemLabel.TABLE):
                continue
            shared = min(cluster.bbox.r, other.bbox.r) - max(cluster.bbox.l, other.bbox.l)
            gap = max(other.bbox.t - cluster.bbox.b, cluster.bbox.t - other.bbox.b)
            if shared > 0 and gap < 2.5 * self.body_height:
                return True
        return False

    # --- code --------------------------------------------------------------------------------

    def _split_code(self) -> list[Cluster]:
        """Runs of monospaced lines become code; neighbours of one listing join."""
        out: list[Cluster] = []
        for cluster in self.clusters:
            if cluster.label not in _TEXT_LABELS:
                out.append(cluster)
                continue
            runs = _runs(_lines(cluster), _is_monospaced)
            if not any(mono for mono, _ in runs):
                out.append(cluster)
                continue
            out += [
                self._new(DocItemLabel.CODE if mono else cluster.label, _cells(lines))
                for mono, lines in runs
            ]
        return _join_code(out)

    # --- lists -------------------------------------------------------------------------------

    def _split_list(self, cluster: Cluster) -> list[Cluster]:
        """A text cluster as its paragraphs and list items, by markers, leaders and indents."""
        if cluster.label != DocItemLabel.TEXT:
            return [cluster]
        lines = _lines(cluster)
        if not lines:
            return [cluster]
        leaders = [bool(_LEADER.search(line.text)) for line in lines]
        if sum(leaders) >= 2 and sum(leaders) >= 0.5 * len(lines):
            return [self._new(DocItemLabel.LIST_ITEM, group) for group in _leader_items(lines)]
        if not any(_starts_item(line) for line in lines):
            return [cluster]
        groups: list[tuple[DocItemLabel, list[Line]]] = []
        for line in lines:
            if _starts_item(line) and self._trust_marker(line, lines):
                groups.append((DocItemLabel.LIST_ITEM, [line]))
            elif groups and not self._leaves_item(groups[-1], line):
                groups[-1][1].append(line)
            else:
                groups.append((DocItemLabel.TEXT, [line]))
        if len(groups) == 1:
            cluster.label = groups[0][0]
            return [cluster]
        return [self._new(label, _cells(group)) for label, group in groups]

    def _trust_marker(self, line: Line, lines: Sequence[Line]) -> bool:
        """A number at a line's start may be running text ("in May\\n12. It was"): look around."""
        match = LIST_MARKER.match(line.text)
        if match is None or match.group("bullet"):
            return match is not None
        position = next(i for i, other in enumerate(lines) if other is line)
        if position == 0:
            return True
        before = lines[position - 1]
        ended = bool(_SENTENCE_END.search(before.text)) or before.text.endswith((":", "：", "；", ";"))
        short = before.right < max(other.right for other in lines) - 2 * line.height
        return ended or short or abs(line.left - before.left) > 0.8 * line.height

    def _leaves_item(self, group: tuple[DocItemLabel, list[Line]], line: Line) -> bool:
        """Whether a line without a marker ends the list item above it."""
        label, lines = group
        if label == DocItemLabel.TEXT:
            return False
        first, last = lines[0], lines[-1]
        outdented = line.left < first.left - 0.3 * line.height
        back = len(lines) > 1 and line.left < lines[1].left - 0.8 * line.height
        apart = line.top - last.bottom > 0.8 * line.height
        ended = bool(_SENTENCE_END.search(last.text))
        return outdented or ((back or apart) and ended)

    def _new(self, label: DocItemLabel, cells: Sequence[Any]) -> Cluster:
        boxes = [box_of(cell) for cell in cells]
        cluster = Cluster(
            id=self.next_id,
            label=label,
            bbox=BoundingBox(
                l=min(b[0] for b in boxes),
                t=min(b[1] for b in boxes),
                r=max(b[2] for b in boxes),
                b=max(b[3] for b in boxes),
                coord_origin=CoordOrigin.TOPLEFT,
            ),
            confidence=min(cell.confidence for cell in cells),
            cells=list(cells),
        )
        self.next_id += 1
        return cluster


def _lines(cluster: Cluster) -> list[Line]:
    return visual_lines(cluster.cells)


def _cells(lines: Sequence[Line]) -> list[Any]:
    return [cell for line in lines for cell in line.cells]


def _union(box: BoundingBox, line: Line) -> BoundingBox:
    return BoundingBox(
        l=min(box.l, line.left),
        t=min(box.t, line.top),
        r=max(box.r, line.right),
        b=max(box.b, line.bottom),
        coord_origin=CoordOrigin.TOPLEFT,
    )


def _split_at_gaps(line: Line) -> list[Line]:
    """A visual line cut where a gutter runs between its cells: columns are not one line."""
    pieces: list[Line] = []
    for cell in line.cells:
        left, top, right, bottom = box_of(cell)
        if pieces and left - pieces[-1].right < 1.6 * line.height:
            last = pieces[-1]
            last.cells.append(cell)
            last.right, last.bottom = max(last.right, right), max(last.bottom, bottom)
            last.top = min(last.top, top)
        else:
            pieces.append(Line([cell], left, top, right, bottom))
    return pieces


def _is_monospaced(line: Line) -> bool:
    chars = sum(len(cell.text.strip()) for cell in line.cells)
    mono = sum(
        len(cell.text.strip())
        for cell in line.cells
        if _MONOSPACED.search(getattr(cell, "font_name", "") or "")
    )
    return chars > 0 and mono >= 0.8 * chars


def _runs(lines: Sequence[Line], test: Callable[[Line], bool]) -> list[tuple[bool, list[Line]]]:
    runs: list[tuple[bool, list[Line]]] = []
    for line in lines:
        value = test(line)
        if runs and runs[-1][0] == value:
            runs[-1][1].append(line)
        else:
            runs.append((value, [line]))
    return runs


def _join_code(clusters: Sequence[Cluster]) -> list[Cluster]:
    """Code clusters that stand right under one another are one listing."""
    out: list[Cluster] = []
    code = sorted(
        (c for c in clusters if c.label == DocItemLabel.CODE), key=lambda c: (c.bbox.t, c.bbox.l)
    )
    merged: list[Cluster] = []
    for cluster in code:
        height = median(line.height for line in _lines(cluster))
        home = next(
            (
                m
                for m in reversed(merged)
                if cluster.bbox.t - m.bbox.b < 1.8 * height
                and min(m.bbox.r, cluster.bbox.r) > max(m.bbox.l, cluster.bbox.l)
                and not _between(clusters, m, cluster)
            ),
            None,
        )
        if home is None:
            merged.append(cluster)
        else:
            home.cells = [*home.cells, *cluster.cells]
            for line in _lines(cluster):
                home.bbox = _union(home.bbox, line)
    kept = {id(c) for c in merged}
    out = [c for c in clusters if c.label != DocItemLabel.CODE or id(c) in kept]
    return out


def _between(clusters: Sequence[Cluster], upper: Cluster, lower: Cluster) -> bool:
    """Whether something stands between two clusters of a column."""
    return any(
        c.label != DocItemLabel.CODE
        and c.bbox.t >= upper.bbox.b - 1
        and c.bbox.b <= lower.bbox.t + 1
        and min(c.bbox.r, upper.bbox.r) > max(c.bbox.l, upper.bbox.l)
        for c in clusters
    )


def _starts_item(line: Line) -> bool:
    return LIST_MARKER.match(line.text) is not None


def _leader_items(lines: Sequence[Line]) -> list[list[Any]]:
    """Lines of a table of contents: each entry ends with its leader and page number."""
    items: list[list[Any]] = [[]]
    for line in lines:
        items[-1] += line.cells
        if _LEADER.search(line.text):
            items.append([])
    return [cells for cells in items if cells]

"""The clusters of a page, refined: loose lines gathered, labels checked, code and lists found.

Works on docling's clusters after every text cell has found one, in points with the origin at the
top left. No cell is ever dropped: a line that belongs to nothing becomes a paragraph of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from docling.datamodel.base_models import Cluster, Page
from docling_core.types.doc import BoundingBox, CoordOrigin, DocItemLabel

from tasks.extraction.line_tests import (
    CAPTION,
    LEADER,
    LIST_MARKER,
    OPEN_END,
    SECTION_NUMBER,
    SENTENCE_END,
    weight,
)
from tasks.extraction.page_fonts import PageFonts, is_bold, type_of
from tasks.extraction.page_lines import Line, box_of, is_cjk, visual_lines
from tasks.extraction.text_split import split_text

_HEADING_LARGER = 1.3
"""Type this much taller than the page's body text is a heading's."""
_TEXT_LABELS = (DocItemLabel.TEXT, DocItemLabel.LIST_ITEM)


class PageRefiner:
    """Refines the clusters of one page after docling has given every cell a cluster."""

    def __init__(self, page: Page, clusters: Sequence[Cluster], raw_ids: set[int]) -> None:
        self.page = page
        self.clusters = list(clusters)
        self.raw_ids = raw_ids
        self.next_id = max([c.id for c in clusters] + sorted(raw_ids), default=0) + 1
        body = [line for c in clusters if c.label == DocItemLabel.TEXT for line in _lines(c)]
        self.body_height = median(line.height for line in body) if body else 10.0
        self.fonts = PageFonts(page.cells)
        self.body_is_bold = sum(map(is_bold, body)) > 0.5 * len(body)

    def run(self, find_structure: bool) -> list[Cluster]:
        """`find_structure`: the layout model has no list and code classes of its own."""
        self.clusters = self._gather_loose_lines()
        if find_structure:
            for cluster in self.clusters:
                self._check_label(cluster)
            self._join_cut_paragraphs()
            self.clusters = self._split_code()
            self.clusters = [new for old in self.clusters for new in self._split(old)]
            heading_types = self._heading_types()
            for cluster in self.clusters:
                self._promote_heading(cluster, heading_types)
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
        headings = [c for c in settled if c.label == DocItemLabel.SECTION_HEADER]
        for piece in pieces:
            beside = next((c for c in headings if _is_its_number(c, piece)), None)
            if beside is not None:
                beside.cells = [*beside.cells, *piece.cells]
                beside.bbox = _union(beside.bbox, piece)
                continue
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
            own = median(b.top - a.top for a, b in pairwise(lines))
            if abs(line.top - neighbour.top) > 1.35 * own > 0:
                return False
        if LIST_MARKER.match(line.text) and not is_cjk(line.text[0]):
            return True  # a list is split into its items later
        upper = neighbour if below else line
        if upper.text.endswith("-"):
            return True
        short = upper.right < max(box.r, line.right) - 2 * line.height
        ends = bool(SENTENCE_END.search(upper.text))
        indented = below and 0.8 * line.height < line.left - box.l < 5 * line.height
        if any(cluster is other for other in fixed):
            # The model drew this paragraph's box: only a line that clearly runs on joins it.
            return not (ends and (short or indented))
        return not (ends and (short or indented)) and not (short and not ends and len(lines) == 1)

    # --- labels ------------------------------------------------------------------------------

    def _check_label(self, cluster: Cluster) -> None:
        """Headings that are prose, list items or captions, and captions that are none."""
        lines = _lines(cluster)
        text = " ".join(line.text for line in lines)
        if cluster.label == DocItemLabel.SECTION_HEADER:
            if CAPTION.match(text) and self._beside_float(cluster):
                cluster.label = DocItemLabel.CAPTION
            elif self._is_no_heading(lines, text):
                cluster.label = DocItemLabel.TEXT
        elif (
            cluster.label == DocItemLabel.CAPTION
            and not CAPTION.match(text)
            and (SENTENCE_END.search(text) or not self._beside_float(cluster))
        ):
            cluster.label = DocItemLabel.TEXT

    def _is_no_heading(self, lines: Sequence[Line], text: str) -> bool:
        plain = all(line.height < 1.15 * self.body_height for line in lines) and not all(
            is_bold(line) for line in lines
        )
        marker = LIST_MARKER.match(text)
        sentence = SENTENCE_END.search(text) is not None and weight(text) > 24
        sentence = sentence or OPEN_END.search(text) is not None
        return (
            len(lines) > 3
            or weight(text) > 240
            or (plain and (weight(text) > 130 or sentence))
            or (marker is not None and marker.group("bullet") is not None)
            or LEADER.search(text) is not None
            or not any(char.isalnum() for char in text)
        )

    def _heading_types(self) -> set[tuple[str, int]]:
        """Type that only headings of this page are set in."""
        headings: set[tuple[str, int]] = set()
        others: set[tuple[str, int]] = set()
        for cluster in self.clusters:
            kind = headings if cluster.label == DocItemLabel.SECTION_HEADER else others
            lines = _lines(cluster) if len(cluster.cells) < 4 or kind is others else []
            if kind is others and len(lines) == 1:
                continue  # may be a heading that was missed
            kind.update(type_of(line) for line in lines)
        return {found for found in headings - others if found[0]}

    def _promote_heading(self, cluster: Cluster, heading_types: set[tuple[str, int]]) -> None:
        """A short text that stands alone in larger or bold type, or in the type of headings."""
        if cluster.label not in (*_TEXT_LABELS, DocItemLabel.PAGE_HEADER):
            return
        lines = _lines(cluster)
        text = " ".join(line.text for line in lines)
        if not 1 <= len(lines) <= 3 or weight(text) > 120 or sum(map(str.isalpha, text)) < 2:
            return
        if SENTENCE_END.search(text) or OPEN_END.search(text) or LEADER.search(text):
            return
        marker = LIST_MARKER.match(text)
        if marker is not None and marker.group("bullet"):
            return
        if CAPTION.match(text) and self._beside_float(cluster):
            cluster.label = DocItemLabel.CAPTION
            return
        bold = len(lines) == 1 and is_bold(lines[0]) and not self.body_is_bold
        large = median(line.height for line in lines) > _HEADING_LARGER * self.body_height
        alike = len(lines) == 1 and type_of(lines[0]) in heading_types
        if bold or ((large or alike) and cluster.label != DocItemLabel.LIST_ITEM):
            cluster.label = DocItemLabel.SECTION_HEADER

    def _beside_float(self, cluster: Cluster) -> bool:
        for other in self.clusters:
            if other.label not in (DocItemLabel.PICTURE, DocItemLabel.TABLE):
                continue
            shared = min(cluster.bbox.r, other.bbox.r) - max(cluster.bbox.l, other.bbox.l)
            gap = max(other.bbox.t - cluster.bbox.b, cluster.bbox.t - other.bbox.b)
            if shared > 0 and gap < 2.5 * self.body_height:
                return True
        return False

    def _join_cut_paragraphs(self) -> None:
        """A paragraph that two overlapping boxes of the model cut in two is one again."""
        texts = sorted(
            (c for c in self.clusters if c.label == DocItemLabel.TEXT and c.cells),
            key=lambda c: (c.bbox.t, c.bbox.l),
        )
        for lower in texts:
            first = _lines(lower)[0]
            for upper in texts:
                if upper is lower or not upper.cells or not _runs_on(_lines(upper), first):
                    continue
                upper.cells = [*upper.cells, *lower.cells]
                for line in _lines(lower):
                    upper.bbox = _union(upper.bbox, line)
                lower.cells = []
                break
        self.clusters = [c for c in self.clusters if c.cells or c.label not in _TEXT_LABELS]

    # --- code --------------------------------------------------------------------------------

    def _split_code(self) -> list[Cluster]:
        """Runs of monospaced lines become code; neighbours of one listing join."""
        out: list[Cluster] = []
        for cluster in self.clusters:
            if cluster.label not in (*_TEXT_LABELS, DocItemLabel.SECTION_HEADER):
                out.append(cluster)
                continue
            runs = _code_runs(_lines(cluster), self.fonts)
            if not any(mono for mono, _ in runs):
                out.append(cluster)
                continue
            out += [
                self._new(DocItemLabel.CODE if mono else cluster.label, _cells(lines))
                for mono, lines in runs
            ]
        return _join_code(out)

    # --- lists and paragraphs ----------------------------------------------------------------

    def _split(self, cluster: Cluster) -> list[Cluster]:
        if cluster.label != DocItemLabel.TEXT:
            return [cluster]
        lines = _lines(cluster)
        groups = split_text(lines) if lines else []
        if len(groups) <= 1:
            cluster.label = groups[0][0] if groups else cluster.label
            return [cluster]
        return [self._new(label, _cells(group)) for label, group in groups]

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


def _runs_on(lines: Sequence[Line], first: Line) -> bool:
    """Whether a line is the next one of a paragraph that ends above it with a full line."""
    last = lines[-1]
    return (
        len(lines) > 1
        and last.right > max(line.right for line in lines) - 3 * last.height
        and 0 < first.top - last.top < 1.8 * last.height
        and abs(first.left - last.left) < 0.5 * last.height
        and 0.9 < first.height / max(last.height, 0.1) < 1.1
        and first.right < last.right + last.height
        and (first.text[:1].islower() or is_cjk(first.text[:1] or " "))
        and not LIST_MARKER.match(first.text)
        and not SENTENCE_END.search(last.text)
        and not OPEN_END.search(last.text)
    )


def _is_its_number(heading: Cluster, piece: Line) -> bool:
    """Whether a loose line is the number of a heading, left of it on its line."""
    box = heading.bbox
    shared = min(box.b, piece.bottom) - max(box.t, piece.top)
    return (
        shared > 0.5 * min(piece.height, box.b - box.t)
        and -0.2 * piece.height < box.l - piece.right < 4 * piece.height
        and SECTION_NUMBER.match(piece.text) is not None
    )


def _code_runs(lines: Sequence[Line], fonts: PageFonts) -> list[tuple[bool, list[Line]]]:
    """Lines in runs of code (True) and of everything else, top to bottom."""
    right = max((line.right for line in lines), default=0.0)
    runs: list[tuple[bool, list[Line]]] = []
    for line in lines:
        code = fonts.is_code(line)
        if code and runs and not runs[-1][0]:
            above = runs[-1][1][-1]
            ended = SENTENCE_END.search(above.text) or above.text.endswith((":", "："))
            # A full line above that no sentence ends: the typewriter type runs on in a paragraph.
            code = bool(ended) or above.right < right - 3 * above.height
        if runs and runs[-1][0] == code:
            runs[-1][1].append(line)
        else:
            runs.append((code, [line]))
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

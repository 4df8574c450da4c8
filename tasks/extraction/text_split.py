"""A text cluster as its list items and paragraphs: the model boxes several together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from docling_core.types.doc import DocItemLabel

from tasks.extraction.line_tests import LEADER, LIST_MARKER, OPEN_END, SENTENCE_END, starts_item
from tasks.extraction.page_lines import Line

Group = tuple[DocItemLabel, list[Line]]


def split_text(lines: Sequence[Line]) -> list[Group]:
    """The lines of a text cluster, top to bottom, in groups of one paragraph or list item each."""
    groups: list[Group] = []
    for label, part in _split_list(lines):
        if label == DocItemLabel.TEXT:
            groups += [(label, paragraph) for paragraph in _split_paragraphs(part)]
        else:
            groups.append((label, part))
    return groups


def _split_list(lines: Sequence[Line]) -> list[Group]:
    leaders = sum(bool(LEADER.search(line.text)) for line in lines)
    if leaders >= 2 and leaders >= 0.5 * len(lines):
        return [(DocItemLabel.LIST_ITEM, group) for group in _entries(lines)]
    if not any(starts_item(line) for line in lines):
        return [(DocItemLabel.TEXT, list(lines))]
    groups: list[Group] = []
    right = max(line.right for line in lines)
    for position, line in enumerate(lines):
        if starts_item(line) and _trust_marker(position, lines):
            groups.append((DocItemLabel.LIST_ITEM, [line]))
        elif groups and not _leaves_item(groups[-1], line, right):
            groups[-1][1].append(line)
        else:
            groups.append((DocItemLabel.TEXT, [line]))
    return groups


def _entries(lines: Sequence[Line]) -> list[list[Line]]:
    """Entries of a table of contents: each ends with its leader and page number."""
    entries: list[list[Line]] = [[]]
    for line in lines:
        entries[-1].append(line)
        if LEADER.search(line.text):
            entries.append([])
    return [entry for entry in entries if entry]


def _trust_marker(position: int, lines: Sequence[Line]) -> bool:
    """A number at a line's start may be running text ("in May\\n12. It was"): look around."""
    line = lines[position]
    match = LIST_MARKER.match(line.text)
    if match is None or match.group("bullet") or position == 0:
        return match is not None
    before = lines[position - 1]
    ended = bool(SENTENCE_END.search(before.text) or OPEN_END.search(before.text))
    short = before.right < max(other.right for other in lines) - 2 * line.height
    return ended or short or abs(line.left - before.left) > 0.8 * line.height


def _leaves_item(group: Group, line: Line, right: float) -> bool:
    """Whether a line without a marker ends the list item above it."""
    label, lines = group
    if label == DocItemLabel.TEXT:
        return False
    first, last = lines[0], lines[-1]
    outdented = line.left < first.left - 0.3 * line.height
    back = len(lines) > 1 and line.left < lines[1].left - 0.8 * line.height
    apart = line.top - last.bottom > 0.8 * line.height
    # A short line, and no hanging indent below it: a run-in heading, then its text.
    flush = line.left < first.left + 1.6 * line.height
    title = len(lines) == 1 and flush and last.right < right - 4 * line.height
    far = line.top - last.bottom > 1.3 * line.height
    return outdented or title or far or ((back or apart) and bool(SENTENCE_END.search(last.text)))


def _split_paragraphs(lines: Sequence[Line]) -> list[list[Line]]:
    """Cut at gaps, at indents, and after lines that end a sentence early."""
    if len(lines) < 3:
        return [list(lines)]
    pitch = median(b.top - a.top for a, b in pairwise(lines))
    left = median(line.left for line in lines)
    right = max(line.right for line in lines)
    width = right - min(line.left for line in lines)
    groups: list[list[Line]] = [[lines[0]]]
    for previous, line in pairwise(lines):
        ended = bool(SENTENCE_END.search(previous.text)) or previous.text.endswith((":", "："))
        short = previous.right < right - 0.25 * width
        indented = 0.7 * line.height < line.left - left < 4.5 * line.height
        gap = line.top - previous.top > 1.45 * pitch > 0
        if gap or (ended and (short or indented)):
            groups.append([line])
        else:
            groups[-1].append(line)
    return groups

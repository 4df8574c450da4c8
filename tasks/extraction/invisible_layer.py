"""The text layer that OCR has put on a scan: trusted word by word, where the scan shows ink.

A layer's boxes are rough. A word or two without ink in a line that has some are taken for badly
placed; longer stretches, and whole lines, stand on blank paper and are nothing that a reader sees.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from tasks.extraction.invisible_chars import PageChars
from tasks.extraction.invisible_objects import Box

_TOLERATED_CHARS = 12
_ROUGH_PT = 2.0

Placed = tuple[str, Box]


def settle_layer(
    chars: PageChars,
    lines: Sequence[Placed],
    words: Sequence[Placed],
    shows_ink: Callable[[Box], bool],
) -> None:
    """Decides on the characters that are seen only where there is ink."""
    for line_text, line in lines:
        if not chars.waits_for_ink(line):
            continue
        within = sorted(
            (word for word in words if word[0] in line_text and _centre_in(word[1], line)),
            key=lambda word: word[1][0],
        )
        inked = [(shows_ink(_rough(box)), text, box) for text, box in within]
        any_ink = any(ink for ink, _, _ in inked)
        for ink, run in groupby(inked, key=lambda entry: entry[0]):
            entries = list(run)
            short = sum(len(text) for _, text, _ in entries) <= _TOLERATED_CHARS
            for _, text, box in entries:
                chars.settle(text, box, seen=ink or (any_ink and short))


def _rough(box: Box) -> Box:
    left, top, right, bottom = box
    return left - _ROUGH_PT, top - _ROUGH_PT, right + _ROUGH_PT, bottom + _ROUGH_PT


def _centre_in(box: Box, line: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return line[0] <= x <= line[2] and line[1] <= y <= line[3]

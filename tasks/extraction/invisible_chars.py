"""The characters of a PDF page with a verdict each: what of a text cell is seen."""

from __future__ import annotations

import operator
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tasks.extraction.invisible import Cause
from tasks.extraction.invisible_ink import Boxes, Flags
from tasks.extraction.invisible_objects import Box

_NEAR_PT = 3.0
Verdict = Cause | Literal["seen", "if_inked"]
"""`if_inked`: seen where the page shows ink at its place, whatever paints that ink."""


@dataclass(frozen=True)
class Judgement:
    """What is left of a cell's text."""

    kept: tuple[bool, ...] | None
    """For each character of the text that is no space; None where the cell stays or goes whole."""
    stays: bool
    cause: Cause = "covered"
    box: Box | None = None
    """Around the characters that are kept."""


_STAYS = Judgement(kept=None, stays=True)


class PageChars:
    """The characters on a page, spaces left out, in PDFium's order."""

    def __init__(self, texts: list[str], boxes: Boxes, verdicts: list[Verdict]) -> None:
        self.texts = texts
        self.boxes = boxes
        self.verdicts = verdicts
        self._xs = (boxes[:, 0] + boxes[:, 2]) / 2
        self._ys = (boxes[:, 1] + boxes[:, 3]) / 2
        self._doubtful = np.array([v not in ("seen", "off_page") for v in verdicts], dtype=bool)
        self._on_page = np.array([v != "off_page" for v in verdicts], dtype=bool)
        seen = [text for text, verdict in zip(texts, verdicts, strict=True) if verdict == "seen"]
        self.seen_text = _folded("".join(seen))

    @property
    def off_page(self) -> int:
        return self.verdicts.count("off_page")

    def any_doubtful(self) -> bool:
        return bool(self._doubtful.any())

    def touches_doubtful(self, box: Box) -> bool:
        return bool((self._doubtful & self._within(box)).any())

    def is_empty(self, box: Box) -> bool:
        return not (self._on_page & self._within(box)).any()

    def waits_for_ink(self, box: Box) -> bool:
        return any(self.verdicts[i] == "if_inked" for i in np.flatnonzero(self._within(box)))

    def settle(self, word: str, box: Box, *, seen: bool) -> None:
        """Whether there is ink where characters of a word need it. The box of a slanting text may
        hold other words: those are not meant."""
        waiting = [i for i in np.flatnonzero(self._within(box)) if self.verdicts[i] == "if_inked"]
        spelt = _folded("".join(self.texts[i] for i in waiting))
        if _spells_with_gaps(spelt, _folded("".join(word.split()))):
            for index in waiting:
                self.verdicts[index] = "seen" if seen else "render_mode"

    def judge(self, text: str, box: Box, shows_ink: Callable[[Box], bool]) -> Judgement:
        """What of a cell's text is seen; `shows_ink` is asked about the cell's box if need be."""
        inside = np.flatnonzero(self._on_page & self._within(box))
        verdicts = [self.verdicts[i] for i in inside]
        if "if_inked" in verdicts:
            inked: Verdict = "seen" if shows_ink(box) else "render_mode"
            verdicts = [inked if verdict == "if_inked" else verdict for verdict in verdicts]
        causes = Counter(verdict for verdict in verdicts if verdict != "seen")
        if not causes:
            return _STAYS
        cause: Cause = causes.most_common(1)[0][0]  # type: ignore[assignment]
        goes = Judgement(kept=None, stays=False, cause=cause)
        whole = "".join(text.split())
        chars = [self.texts[i] for i in inside]
        seen = [verdict == "seen" for verdict in verdicts]
        if not any(seen):
            return goes if 2 * len(chars) >= len(whole) else _STAYS
        if "".join(chars) == whole:
            kept = tuple(flag for char, flag in zip(chars, seen, strict=True) for _ in char)
            return Judgement(kept, stays=True, cause=cause, box=self._around(inside[seen]))
        # Texts on top of each other, or spelt in another way than docling spells them.
        word = _folded(whole)
        shown = _folded("".join(c for c, s in zip(chars, seen, strict=True) if s))
        unseen = _folded("".join(c for c, s in zip(chars, seen, strict=True) if not s))
        for spells in (operator.contains, _spells_with_gaps):
            if spells(shown, word):
                return _STAYS
            if spells(unseen, word):
                return goes
        return goes if 2 * sum(seen) < len(seen) else _STAYS

    def judge_flat(self, text: str, box: Box) -> Judgement:
        """On a cell without height or width: its font may only be described badly."""
        left, top, right, bottom = box
        near = (
            self._on_page
            & (self._xs >= left - 1)
            & (self._xs <= right + 1)
            & (self.boxes[:, 1] <= bottom + _NEAR_PT)
            & (self.boxes[:, 3] >= top - _NEAR_PT)
        )
        inside = np.flatnonzero(near)
        seen = [i for i in inside if self.verdicts[i] in ("seen", "if_inked")]
        if _folded("".join(text.split())) in _folded("".join(self.texts[i] for i in seen)):
            return _STAYS
        causes = Counter(self.verdicts[i] for i in inside if self.verdicts[i] != "seen")
        causes.pop("if_inked", None)
        cause: Cause = causes.most_common(1)[0][0] if causes else "size"  # type: ignore[assignment]
        return Judgement(kept=None, stays=False, cause=cause)

    def _within(self, box: Box) -> Flags:
        left, top, right, bottom = box
        found: Flags = (
            (self._xs >= left - 0.5)
            & (self._xs <= right + 0.5)
            & (self._ys >= top - 0.5)
            & (self._ys <= bottom + 0.5)
        )
        return found

    def _around(self, indices: Any) -> Box:
        boxes = self.boxes[indices]
        left, top = boxes[:, :2].min(axis=0)
        right, bottom = boxes[:, 2:].max(axis=0)
        return float(left), float(top), float(right), float(bottom)


def _spells_with_gaps(text: str, word: str) -> bool:
    """Whether a word's letters stand in a text in their order: of two equal letters on top of
    each other docling's parser drops one."""
    letters = iter(text)
    return all(letter in letters for letter in word)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()

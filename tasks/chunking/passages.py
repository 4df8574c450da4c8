"""The text of a block as it will stand in chunks: measured and cut with its descriptions.

Text is cut before it is enriched, so that a description that fits stays whole. One that is
longer than the pieces wanted is cut itself, like any other text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tasks.chunking.enrich import REFERENCE, Enricher, Place
from tasks.chunking.splitting import Level, cut_text
from tasks.tokenizer import LengthLimit

Ids = tuple[str, ...]


@dataclass(frozen=True)
class Fragment:
    """A piece of a text, the white space before it, and the level of the border before it.

    `image_ids` names the picture whose description it is a part of, if that one was cut.
    """

    raw: str
    gap: str
    level: Level
    image_ids: Ids = ()


class Passage:
    """What a block's text is in a chunk, by the place where its descriptions stand."""

    def __init__(self, enricher: Enricher, limit: LengthLimit, place: Place) -> None:
        self._enricher = enricher
        self._limit = limit
        self.place = place

    def enriched(self, raw: str) -> str:
        return self._enricher.text(raw, self.place)

    def image_ids(self, raw: str) -> Ids:
        return self._enricher.image_ids(raw)

    def measure(self, raw: str) -> int:
        return self._limit.measure(self.enriched(raw))

    def cut(self, raw: str, size: int) -> list[Fragment]:
        """Pieces of `raw` no longer than `size`, in order."""
        fragments: list[Fragment] = []
        end = 0
        for cut in cut_text(raw, size, self.measure):
            whole = Fragment(raw[cut.start : cut.end], raw[end : cut.start], cut.level)
            end = cut.end
            if REFERENCE.fullmatch(whole.raw) and self.measure(whole.raw) > size:
                fragments += self._cut_description(whole, size)
            else:
                fragments.append(whole)
        return fragments

    def _cut_description(self, reference: Fragment, size: int) -> list[Fragment]:
        ids = self.image_ids(reference.raw)
        text = self.enriched(reference.raw)
        first, *others = (replace(part, image_ids=ids) for part in self.cut(text, size))
        return [replace(first, gap=reference.gap, level=reference.level), *others]

"""Text that no reader sees: it is left out of a document's body, counted, and listed.

What a person cannot see in a document can still address a model that reads it. Each format finds
such text in its own way (`invisible_*.py`); here is what they have in common: the causes, the
count, and the line of rejects.jsonl.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from tasks.records import ExtractedDocument, Reject

Cause = Literal["colour", "covered", "hidden", "off_page", "render_mode", "size", "controls"]

_IN_WORDS: dict[Cause, str] = {
    "colour": "in the colour of what is behind them",
    "covered": "covered, cut off, transparent or in a layer that is switched off",
    "hidden": "marked as hidden",
    "off_page": "off the page",
    "render_mode": "in the invisible rendering mode",
    "size": "too small to be read",
    "controls": "control characters that smuggle text or turn its direction",
}


class LeftOut:
    """How much text of one document was left out, by cause."""

    def __init__(self) -> None:
        self._counts: Counter[Cause] = Counter()

    def add(self, cause: Cause, characters: int) -> None:
        if characters > 0:
            self._counts[cause] += characters

    def add_text(self, cause: Cause, text: str) -> None:
        """Counts a text's code points; spaces are nothing to see anyway."""
        self.add(cause, visible_length(text))

    def update(self, counts: Mapping[Cause, int]) -> None:
        for cause, characters in counts.items():
            self.add(cause, characters)

    def merge(self, other: LeftOut) -> None:
        self.update(other._counts)

    @property
    def characters(self) -> int:
        return sum(self._counts.values())

    def noted_in(self, document: ExtractedDocument) -> ExtractedDocument:
        """The document with the count, and with a line for rejects.jsonl if there is any."""
        total = self.characters
        if not total:
            return document
        parts = [
            f"{self._counts[cause]:,} {words}"
            for cause, words in _IN_WORDS.items()
            if self._counts[cause]
        ]
        noun = "character" if total == 1 else "characters"
        reject = Reject(
            file_path="",
            step="extract",
            reason="invisible_text",
            detail=f"Left out {total:,} {noun} that no reader sees: {'; '.join(parts)}.",
            id=document.doc_id,
        )
        return document.model_copy(
            update={
                "invisible_characters": total,
                "dropped_pictures": (*document.dropped_pictures, reject),
            }
        )


def visible_length(text: str) -> int:
    """Code points without white space."""
    return sum(map(len, text.split()))

"""Picture references, and the descriptions that take their place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

REFERENCE = re.compile(r"\[IMAGE_REF: extracted_assets/(?P<id>[0-9a-f]{16})\.jpg\]")
_REFERENCE_AND_SPACE = re.compile(rf"[ \t]?{REFERENCE.pattern}")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")
_LONE_PIPE = re.compile(r"(?<!\\)\|")

Place = Literal["paragraphs", "line", "table row"]
"""What a description may be where it stands: a text of its own, or part of a line."""


def place_of(block: str, *, in_table: bool) -> Place:
    """Where the descriptions of a block's pictures stand."""
    if in_table:
        return "table row"
    return "paragraphs" if REFERENCE.fullmatch(block.strip()) else "line"


class Enricher:
    """Puts the description where the reference stands; without one, nothing stands there.

    The description comes as it is, without any marker: a marker is markup that a synthesizer
    would ask about. Nor may a picture that shows the text of a reference plant one: it stays as
    words in round brackets, and enriched text has no reference to enrich again.
    """

    def __init__(self, descriptions: Mapping[str, str]) -> None:
        self._descriptions = {key: _no_reference(text) for key, text in descriptions.items()}

    def text(self, raw: str, place: Place) -> str:
        """`raw` with descriptions for references, on one line where a line must not break."""
        if place == "paragraphs" and (alone := REFERENCE.fullmatch(raw.strip())):
            return _BLANK_LINES.sub("\n\n", self._descriptions.get(alone["id"], ""))

        def described(match: re.Match[str]) -> str:
            text = " ".join(self._descriptions.get(match["id"], "").split())
            if place == "table row":
                text = _LONE_PIPE.sub(r"\\|", text)
            space = match[0][: match[0].index("[")]
            return space + text if text else ""

        return _REFERENCE_AND_SPACE.sub(described, raw)

    def image_ids(self, raw: str) -> tuple[str, ...]:
        """Ids of the pictures whose description stands in `raw`, in order, each once."""
        found = (match["id"] for match in REFERENCE.finditer(raw))
        return tuple(dict.fromkeys(key for key in found if self._descriptions.get(key)))


def _no_reference(description: str) -> str:
    return REFERENCE.sub(lambda match: f"({match[0][1:-1]})", description).strip()

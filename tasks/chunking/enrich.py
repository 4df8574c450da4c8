"""Picture references, and the descriptions that take their place."""

from __future__ import annotations

import re
from collections.abc import Mapping

REFERENCE = re.compile(r"\[IMAGE_REF: extracted_assets/(?P<id>[0-9a-f]{16})\.jpg\]")
_REFERENCE_AND_SPACE = re.compile(rf"[ \t]?{REFERENCE.pattern}")
_BLANK_LINES = re.compile(r"\s*\n\s*\n\s*")
_LONE_PIPE = re.compile(r"(?<!\\)\|")


class Enricher:
    """Puts the description where the reference stands; without one, nothing stands there.

    The description comes as it is, without any marker: a marker is markup that a synthesizer
    would ask about.
    """

    def __init__(self, descriptions: Mapping[str, str]) -> None:
        self._descriptions = {key: text.strip() for key, text in descriptions.items()}

    def text(self, raw: str, *, table_row: bool = False) -> str:
        """`raw` with descriptions for references, on one line where a line must not break."""
        alone = REFERENCE.fullmatch(raw.strip())
        if alone and not table_row:
            return _BLANK_LINES.sub("\n\n", self._descriptions.get(alone["id"], ""))

        def described(match: re.Match[str]) -> str:
            text = " ".join(self._descriptions.get(match["id"], "").split())
            if table_row:
                text = _LONE_PIPE.sub(r"\\|", text)
            space = match[0][: match[0].index("[")]
            return space + text if text else ""

        return _REFERENCE_AND_SPACE.sub(described, raw)

    def image_ids(self, raw: str) -> tuple[str, ...]:
        """Ids of the pictures whose description stands in `raw`, in order, each once."""
        found = (match["id"] for match in REFERENCE.finditer(raw))
        return tuple(dict.fromkeys(key for key in found if self._descriptions.get(key)))

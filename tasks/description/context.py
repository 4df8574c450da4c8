"""What stands around a document's pictures: caption, heading, neighbouring text, language."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.description.engine import PictureContext
from tasks.records import Block, ExtractedDocument
from tasks.text import language_of

_REFERENCE = re.compile(r"\[IMAGE_REF: extracted_assets/([0-9a-f]+)\.jpg\]")
_NEIGHBOUR_CHARACTERS = 300
_NO_NEIGHBOUR = ("heading", "picture", "caption")


def pictures_in_context(document: ExtractedDocument) -> dict[str, PictureContext]:
    """Image ids in reading order, each with what stands around its first place."""
    captions = {p.image_id: p.caption for p in reversed(document.pictures) if p.caption}
    language = language_of(_REFERENCE.sub("", document.content))
    found: dict[str, PictureContext] = {}
    heading: str | None = None
    for at, block in enumerate(document.blocks):
        if block.kind == "heading":
            heading = block.markdown.lstrip("# ").strip() or None
        for image_id in _REFERENCE.findall(block.markdown):
            if image_id in found:
                continue
            found[image_id] = PictureContext(
                caption=captions.get(image_id),
                heading=heading,
                neighbouring_text=_neighbours(document.blocks, at),
                language=language,
            )
    for picture in document.pictures:
        # A picture whose place was lost is still in the document's language.
        found.setdefault(
            picture.image_id, PictureContext(caption=picture.caption, language=language)
        )
    return found


def _neighbours(blocks: Sequence[Block], at: int) -> str | None:
    """The end of the text before a block, and the beginning of the text after it."""
    before = next((b for b in reversed(blocks[:at]) if b.kind not in _NO_NEIGHBOUR), None)
    after = next((b for b in blocks[at + 1 :] if b.kind not in _NO_NEIGHBOUR), None)
    parts = [
        _REFERENCE.sub("", before.markdown)[-_NEIGHBOUR_CHARACTERS:] if before else "",
        _REFERENCE.sub("", after.markdown)[:_NEIGHBOUR_CHARACTERS] if after else "",
    ]
    return "\n".join(part.strip() for part in parts if part.strip()) or None

"""What stands around a document's pictures: caption, heading, text, language, and how often."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tasks.description.engine import PictureContext
from tasks.description.stored_pictures import open_stored
from tasks.records import Block, ExtractedDocument
from tasks.storage import Location
from tasks.text import language_of

_REFERENCE = re.compile(r"\[IMAGE_REF: extracted_assets/([0-9a-f]+)\.jpg\]")
_NEIGHBOUR_CHARACTERS = 300
_NO_NEIGHBOUR = ("heading", "picture")


def pictures_in_context(
    document: ExtractedDocument, images: Location | None = None
) -> dict[str, PictureContext]:
    """Image ids in reading order, each with what stands around its first place.

    `images` is where the cache keeps the pictures. With it, those are compared that stand on many
    pages at one size; without it, only pictures of one id are found to be repeated.
    """
    captions = {p.image_id: p.caption for p in reversed(document.pictures) if p.caption}
    language = language_of(_REFERENCE.sub("", document.content))
    repeated = _repeated(document, images)
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
                neighbouring_text=_neighbours(document.blocks, at, image_id in captions),
                language=language,
                repeated=image_id in repeated,
            )
    for picture in document.pictures:
        # A picture whose place was lost is still in the document's language.
        found.setdefault(
            picture.image_id,
            PictureContext(
                caption=picture.caption,
                language=language,
                repeated=picture.image_id in repeated,
            ),
        )
    return found


def _repeated(document: ExtractedDocument, images: Location | None) -> frozenset[str]:
    if not document.pictures:
        return frozenset()
    from tasks.description.repeats import repeated_pictures

    if images is None:
        return repeated_pictures(document)
    return repeated_pictures(document, lambda image_id: open_stored(images, image_id))


def _neighbours(blocks: Sequence[Block], at: int, captioned: bool) -> str | None:
    """The end of the text before a block, and the beginning of the text after it.

    A caption is such a text where nobody says whose it is: office formats do not.
    """
    skipped = (*_NO_NEIGHBOUR, "caption") if captioned else _NO_NEIGHBOUR
    before = next((b for b in reversed(blocks[:at]) if b.kind not in skipped), None)
    after = next((b for b in blocks[at + 1 :] if b.kind not in skipped), None)
    parts = [
        _REFERENCE.sub("", before.markdown)[-_NEIGHBOUR_CHARACTERS:] if before else "",
        _REFERENCE.sub("", after.markdown)[:_NEIGHBOUR_CHARACTERS] if after else "",
    ]
    return "\n".join(part.strip() for part in parts if part.strip()) or None

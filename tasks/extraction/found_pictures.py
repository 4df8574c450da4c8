"""Pictures of a converted document: stored once, placed in points, with their captions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docling_core.types.doc import (
    ContentLayer,
    CoordOrigin,
    DocItem,
    DoclingDocument,
    PictureItem,
    TextItem,
)

from tasks.errors import FileRejected
from tasks.extraction.page_lines import clean
from tasks.pictures import canonical_picture, save_picture
from tasks.records import FoundPicture, Reject

EMU_PER_POINT = 12700.0


class PictureStore:
    """Stores the pictures of one document, window by window."""

    def __init__(self, images_dir: Path, points_per_unit: float = 1.0) -> None:
        self.images_dir = images_dir
        self.points_per_unit = points_per_unit
        self.found: list[FoundPicture] = []
        self.dropped: list[Reject] = []

    def take(self, document: DoclingDocument, with_places: bool = True) -> dict[str, str]:
        """Stores the document's pictures; returns image ids by `self_ref` of the picture item.

        `with_places`: the format has pages, and boxes on them.

        A picture that cannot be used is listed in `dropped` and has no id. One that the source
        format names but does not hold (a link, a native chart) is no picture.
        """
        ids: dict[str, str] = {}
        for item, _ in document.iterate_items(
            traverse_pictures=True,
            included_content_layers={ContentLayer.BODY, ContentLayer.NOTES},
        ):
            if not isinstance(item, PictureItem) or item.image is None:
                continue
            image = item.image.pil_image
            if image is None:
                continue
            try:
                picture = canonical_picture(image)
            except FileRejected as rejected:
                self.dropped.append(
                    Reject(
                        file_path="",
                        step="extract",
                        reason=rejected.reason,
                        detail=rejected.detail,
                        id=None,
                    )
                )
                continue
            save_picture(picture, self.images_dir)
            ids[item.self_ref] = picture.image_id
            page_no, bbox = self._place(item, document) if with_places else (None, None)
            self.found.append(
                FoundPicture(
                    image_id=picture.image_id,
                    page_no=page_no,
                    bbox=bbox,
                    caption=_caption(item, document),
                    width_px=picture.image.width,
                    height_px=picture.image.height,
                )
            )
        return ids

    def _place(
        self, item: PictureItem, document: DoclingDocument
    ) -> tuple[int | None, tuple[float, float, float, float] | None]:
        """Page from 1, and (left, bottom, right, top) in points."""
        if not item.prov:
            return None, None
        prov = item.prov[0]
        page = document.pages.get(prov.page_no)
        if page is None:
            return prov.page_no, None
        box: Any = prov.bbox
        if box.coord_origin != CoordOrigin.TOPLEFT:
            box = box.to_top_left_origin(page_height=page.size.height)
        scale = self.points_per_unit
        left, right = sorted((box.l * scale, box.r * scale))
        top, bottom = sorted((box.t * scale, box.b * scale))
        return prov.page_no, (
            round(left, 2),
            round(bottom, 2),
            round(right, 2),
            round(top, 2),
        )


def _caption(item: PictureItem, document: DoclingDocument) -> str | None:
    texts = []
    for reference in item.captions:
        caption = reference.resolve(document)
        if isinstance(caption, DocItem) and isinstance(caption, TextItem) and caption.text.strip():
            texts.append(clean(caption.text).strip())
    return " ".join(texts) or None

"""docling's markdown serializers with our pictures, tables, runs and text without escapes."""

from __future__ import annotations

import re
from typing import Any

from docling_core.transforms.serializer.base import BaseDocSerializer, SerializationResult
from docling_core.transforms.serializer.common import create_ser_result
from docling_core.transforms.serializer.markdown import (
    MarkdownDocSerializer,
    MarkdownInlineSerializer,
    MarkdownParams,
    MarkdownPictureSerializer,
    MarkdownTableSerializer,
    MarkdownTextSerializer,
)
from docling_core.types.doc import (
    ContentLayer,
    DocItemLabel,
    DoclingDocument,
    FloatingItem,
    FormulaItem,
    InlineGroup,
    PictureItem,
    TextItem,
)
from pydantic import Field

from tasks.extraction.page_lines import close_up_cjk, is_cjk

IMAGE_REF = "[IMAGE_REF: extracted_assets/{image_id}.jpg]"
_NO_SPACE_BEFORE = frozenset(".,;:!?)]}%’”")
_NO_SPACE_AFTER = frozenset("([{‘“")


class ReferencePictureSerializer(MarkdownPictureSerializer):
    """Writes the reference of a stored picture, and nothing for a picture that was rejected."""

    def __init__(self, image_ids: dict[str, str]) -> None:
        super().__init__()
        self.image_ids = image_ids

    def serialize(
        self,
        *,
        item: PictureItem,
        doc_serializer: BaseDocSerializer,
        doc: DoclingDocument,
        **kwargs: Any,
    ) -> SerializationResult:
        image_id = self.image_ids.get(item.self_ref)
        parts = []
        if image_id is not None:
            text = IMAGE_REF.format(image_id=image_id)
            parts.append(create_ser_result(text=text, span_source=item))
        # In the flow a caption is a block of its own; in a table cell it has only this place.
        caption = doc_serializer.serialize_captions(item=item, **kwargs)
        if caption.text:
            parts.append(caption)
        return create_ser_result(
            text="\n\n".join(part.text for part in parts), span_source=parts or item
        )


class PlainTextSerializer(MarkdownTextSerializer):
    """Formulas as they stand in the source; lines inside a paragraph without trailing spaces."""

    def _md_line_breaks(self, text: str) -> str:
        return text

    def serialize(self, *, item: TextItem, **kwargs: Any) -> SerializationResult:
        if isinstance(item, FormulaItem) and not item.text:
            return create_ser_result(text=item.orig, span_source=item)
        return super().serialize(item=item, **kwargs)


class TidyTableSerializer(MarkdownTableSerializer):
    """Compact markdown tables; a bar inside a cell is escaped, never an HTML entity."""

    @staticmethod
    def _compact_table(table_text: str) -> str:
        table_text = table_text.replace("&#124;", "\\|")
        lines = []
        for number, line in enumerate(table_text.split("\n")):
            if not line:
                continue
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if number == 1:
                cells = ["-"] * len(cells)
            lines.append("| " + " | ".join(close_up_cjk(cell) for cell in cells) + " |")
        return "\n".join(lines)


class TightInlineSerializer(MarkdownInlineSerializer):
    """Runs of one paragraph: a space between them only where the script has spaces."""

    def serialize(
        self,
        *,
        item: InlineGroup,
        doc_serializer: BaseDocSerializer,
        doc: DoclingDocument,
        list_level: int = 0,
        visited: set[str] | None = None,
        **kwargs: Any,
    ) -> SerializationResult:
        parts = doc_serializer.get_parts(
            item=item,
            list_level=list_level,
            is_inline_scope=True,
            visited=visited if visited is not None else set(),
            **kwargs,
        )
        text = ""
        for part in parts:
            text = _join_runs(text, part.text)
        return create_ser_result(text=text, span_source=parts)


def _join_runs(before: str, after: str) -> str:
    if not before or not after:
        return before + after
    tight = (
        before[-1].isspace()
        or after[0].isspace()
        or is_cjk(before[-1])
        or is_cjk(after[0])
        or after[0] in _NO_SPACE_BEFORE
        or before[-1] in _NO_SPACE_AFTER
    )
    return before + ("" if tight else " ") + after


class BlockSerializer(MarkdownDocSerializer):
    """docling's markdown serializer, asked item by item."""

    # Items whose captions are blocks of their own, so that they are not written twice.
    captions_apart: set[str] = Field(default_factory=set)

    def serialize_captions(self, item: FloatingItem, **kwargs: Any) -> SerializationResult:
        if item.self_ref in self.captions_apart:
            return create_ser_result()
        return super().serialize_captions(item=item, **kwargs)

    def captions_of(self, item: FloatingItem) -> SerializationResult:
        return super().serialize_captions(item=item)


def block_serializer(document: DoclingDocument, image_ids: dict[str, str]) -> BlockSerializer:
    return BlockSerializer(
        doc=document,
        picture_serializer=ReferencePictureSerializer(image_ids),
        text_serializer=PlainTextSerializer(),
        table_serializer=TidyTableSerializer(),
        inline_serializer=TightInlineSerializer(),
        params=MarkdownParams(
            labels=set(DocItemLabel),
            layers={ContentLayer.BODY, ContentLayer.NOTES},
            escape_underscores=False,
            escape_html=False,
            include_formatting=False,
            include_hyperlinks=False,
            compact_tables=True,
            allowed_meta_names=set(),
        ),
    )

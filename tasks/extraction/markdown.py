"""A DoclingDocument as markdown blocks: docling's serializer with our pictures, tables and notes.

docling-core's serializer does the walk, because it knows what a list group, an inline group and
a rich table cell are. Ours are the reference of a picture, text without escapes, and the cut into
blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from docling_core.transforms.serializer.base import SerializationResult
from docling_core.types.doc import (
    CodeItem,
    ContentLayer,
    DocItem,
    DocItemLabel,
    DoclingDocument,
    FloatingItem,
    GroupItem,
    GroupLabel,
    InlineGroup,
    ListGroup,
    ListItem,
    NodeItem,
    PictureItem,
    RichTableCell,
    SectionHeaderItem,
    TableData,
    TableItem,
    TextItem,
    TitleItem,
)

from tasks.extraction.line_tests import CAPTION
from tasks.extraction.markdown_serializers import BlockSerializer, block_serializer
from tasks.extraction.page_lines import clean
from tasks.records import Block, BlockKind

IMAGE_REF_PATTERN = re.compile(r"\[IMAGE_REF: extracted_assets/([0-9a-f]{16})\.jpg\]")
_BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")
_LEADERS = re.compile(r" *(?:\. ?){4,} *(?=\S|$)| *(?:… ?){2,} *")
_DASHED_NUMBER = re.compile(r"(?m)^(\s*)- (\d{1,3}\)) ")
_TRAILING = re.compile(r"[ \t]+\n")


def to_blocks(
    document: DoclingDocument, image_ids: dict[str, str], title_ref: str | None = None
) -> list[Block]:
    """The document's content in reading order.

    `image_ids` maps the `self_ref` of a picture item to its image id; pictures that are not in
    it leave no reference. `title_ref` is the heading that is the document's title, where the
    layout engine does not tell titles from sections.
    """
    serializer = block_serializer(document, image_ids)
    blocks: list[Block] = []
    visited: set[str] = set()
    for node in list(_top_nodes(document, serializer)):
        if node.self_ref in visited:
            continue
        if isinstance(node, FloatingItem):
            serializer.captions_apart.add(node.self_ref)
            blocks += _float_blocks(node, document, serializer, visited)
            continue
        if isinstance(node, GroupItem) and node.label == GroupLabel.SHEET:
            blocks += _block("heading", node.name.removeprefix("sheet: "), (), 2)
            continue
        result = serializer.serialize(item=node, visited=visited)
        kind, level = _kind_of(node)
        if node.self_ref == title_ref:
            level = 1
        blocks += _block(kind, result.text, _pages(result), level)
    return _name_captions(blocks)


def _name_captions(blocks: list[Block]) -> list[Block]:
    """Office formats have no captions, only paragraphs that begin like one beside a float."""
    named = list(blocks)
    for index, block in enumerate(blocks):
        beside = blocks[max(0, index - 1) : index] + blocks[index + 1 : index + 2]
        if (
            block.kind == "paragraph"
            and CAPTION.match(block.markdown)
            and len(block.markdown) <= 300
            and any(other.kind in ("picture", "table") for other in beside)
        ):
            named[index] = block.model_copy(update={"kind": "caption"})
    return named


def _top_nodes(document: DoclingDocument, serializer: BlockSerializer) -> Iterator[NodeItem]:
    """Items and groups that are blocks: containers are walked through, cells of tables are not."""
    inside: set[str] = set()
    for table in document.tables:
        for cell in table.data.table_cells:
            if isinstance(cell, RichTableCell):
                inside |= {
                    node.self_ref
                    for node, _ in document.iterate_items(
                        root=cell.ref.resolve(document),
                        with_groups=True,
                        traverse_pictures=True,
                        included_content_layers=set(ContentLayer),
                    )
                }
    apart = serializer._captions_of_some_item | serializer._footnotes_of_some_item
    for node, _ in document.iterate_items(
        with_groups=True,
        included_content_layers={ContentLayer.BODY, ContentLayer.NOTES},
    ):
        if node.self_ref in inside or node.self_ref in apart:
            continue
        if isinstance(node, GroupItem) and not (
            isinstance(node, ListGroup | InlineGroup) or node.label == GroupLabel.SHEET
        ):
            continue
        yield node
    # Footnotes of Word documents stand outside the reading order, with the page headers.
    for item in document.texts:
        if item.label == DocItemLabel.FOOTNOTE and item.content_layer == ContentLayer.FURNITURE:
            yield item


def _kind_of(node: NodeItem) -> tuple[BlockKind, int]:
    if getattr(node, "content_layer", None) == ContentLayer.NOTES:
        return "note", 0
    if isinstance(node, TitleItem):
        return "heading", 1
    if isinstance(node, SectionHeaderItem):
        return "heading", min(node.level + 1, 6)
    if isinstance(node, ListGroup | ListItem):
        return "list", 0
    if isinstance(node, DocItem) and node.label == DocItemLabel.CAPTION:
        return "caption", 0
    if isinstance(node, DocItem) and node.label in (
        DocItemLabel.CHECKBOX_SELECTED,
        DocItemLabel.CHECKBOX_UNSELECTED,
    ):
        return "list", 0
    return "paragraph", 0


def _float_blocks(
    item: FloatingItem, document: DoclingDocument, serializer: BlockSerializer, visited: set[str]
) -> list[Block]:
    """A picture, table or listing with its caption beside it, on the side where it stands."""
    result = serializer.serialize(item=item, visited=visited)
    own_pages = tuple(sorted({prov.page_no for prov in item.prov}))
    pages = _pages(result) or own_pages
    body: list[Block] = []
    if isinstance(item, TableItem):
        body += _block("table", result.text, pages)
    elif isinstance(item, PictureItem):
        body += _block("picture", result.text, pages)
        body += _chart_blocks(item, pages)
    elif isinstance(item, CodeItem):
        text = result.text
        body += [Block(kind="code", markdown=text, pages=pages)] if item.text.strip() else []
    else:
        body += _block("paragraph", result.text, pages)
    captions: list[Block] = []
    caption = serializer.captions_of(item)
    captions += _block("caption", caption.text, _pages(caption) or pages)
    for reference in item.captions:
        visited.add(reference.cref)
    notes = serializer.serialize_footnotes(item=item)
    footnotes = _block("paragraph", notes.text, _pages(notes) or pages)
    chart = isinstance(item, PictureItem) and not any(b.kind == "picture" for b in body)
    if _caption_below(item, document) and not chart:
        body = [*body, *captions]
    else:
        body = [*captions, *body]
    return [*body, *_figure_text(item, document, visited, pages), *footnotes]


def _figure_text(
    item: FloatingItem, document: DoclingDocument, visited: set[str], pages: tuple[int, ...]
) -> list[Block]:
    """Words that stand inside a figure (labels of a drawing): below it, a line each."""
    if not isinstance(item, PictureItem):
        return []
    captions = {reference.cref for reference in [*item.captions, *item.footnotes]}
    lines = []
    for node, _ in document.iterate_items(
        root=item, traverse_pictures=True, included_content_layers={ContentLayer.BODY}
    ):
        if node.self_ref == item.self_ref or node.self_ref in captions:
            continue
        visited.add(node.self_ref)
        if isinstance(node, TextItem) and node.text.strip():
            lines.append(node.text.strip())
    return _block("paragraph", "\n".join(lines), pages)


def _chart_blocks(item: PictureItem, pages: tuple[int, ...]) -> list[Block]:
    """The data of a native chart as a table."""
    chart = item.meta.tabular_chart if item.meta is not None else None
    if chart is None:
        return []
    return _block("table", table_markdown(chart.chart_data), pages)


def table_markdown(data: TableData) -> str:
    document = DoclingDocument(name="table")
    table = document.add_table(data=data)
    return block_serializer(document, {}).serialize(item=table).text


def _caption_below(item: FloatingItem, document: DoclingDocument) -> bool:
    """By position where there is one; else above a table, below anything else."""
    if item.prov and item.captions:
        caption = item.captions[0].resolve(document)
        if isinstance(caption, DocItem) and caption.prov:
            mine, other = item.prov[0], caption.prov[0]
            page = document.pages.get(mine.page_no)
            if page is not None and other.page_no == mine.page_no:
                height = page.size.height
                a, b = mine.bbox.to_top_left_origin(height), other.bbox.to_top_left_origin(height)
                if (a.t, a.b) != (b.t, b.b):
                    return b.t + b.b > a.t + a.b
    return not isinstance(item, TableItem)


def _pages(result: SerializationResult) -> tuple[int, ...]:
    return tuple(
        sorted(
            {
                prov.page_no
                for span in result.spans
                if isinstance(span.item, DocItem)
                for prov in span.item.prov
            }
        )
    )


def _block(kind: BlockKind, text: str, pages: tuple[int, ...], level: int = 0) -> list[Block]:
    """A block, or none for text without a character to see."""
    if kind != "code":
        text = _LEADERS.sub(" … ", clean(text))
    text = _TRAILING.sub("\n", text).strip("\n").rstrip()
    if kind in ("paragraph", "caption", "note", "list", "heading"):
        text = _BLANK_LINES.sub("\n", text)
    if kind == "list":  # `1)` is a marker of markdown itself and needs no dash before it
        text = _DASHED_NUMBER.sub(r"\1\2 ", text)
    if kind == "heading":
        words = " ".join(text.split()).lstrip("#").strip()
        if not words:
            return []
        text = f"{'#' * level} {words}"
    if not text.strip():
        return []
    if kind == "picture" and not IMAGE_REF_PATTERN.fullmatch(text.strip()):
        kind = "paragraph"
    return [Block(kind=kind, markdown=text, pages=pages, level=level)]

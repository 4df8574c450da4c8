"""From step results to rows of the data set: ids, rows and the rejects that come with them.

Step results know no path, because identical files share them; paths and ids are put on here.
Every function returns the same rows for the same results, in reading order.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from tasks.options import ExtractionMode
from tasks.records import (
    Description,
    DocumentRow,
    ExtractedDocument,
    ImageRow,
    QAPair,
    Record,
    Reject,
    SourceFile,
    Synthesis,
    TextChunk,
    TrainingRow,
)
from tasks.text import language_of
from tasks.text.untrusted import addresses_model

ASSETS_FOLDER = "extracted_assets"
IMAGE_LIST_MARKER = "--- Extracted Images ---"
SYNTHESIZE_STEP = "synthesize"
ADDRESSES_MODEL = "addresses_model"

_REFERENCE = re.compile(r"[ \t]*\[IMAGE_REF: " + ASSETS_FOLDER + r"/([0-9a-f]+)\.jpg\]")
_ID_DIGITS = 16


class NumberedRow(Record):
    """A training row whose pairs keep the numbers that synthesis gave them.

    A review may drop the pair in the middle; the ids of the others must not move, or the
    reviews of tomorrow would hit the wrong pairs.
    """

    row: TrainingRow
    numbers: tuple[int, ...]

    def numbered_pairs(self) -> Iterator[tuple[str, QAPair]]:
        """Pair ids and pairs, in order."""
        for number, pair in zip(self.numbers, self.row.qa_pairs, strict=True):
            yield pair_id(self.row.id, number), pair


def chunk_id(file_path: str, text: str, occurrence: int) -> str:
    """First 16 hex digits of sha256 over path, text and occurrence.

    `occurrence` counts equal texts of one file from 0. The three are joined as JSON: no other
    split of the same characters gives the same bytes.
    """
    key = json.dumps([file_path, text, occurrence], separators=(",", ":"))
    return hashlib.sha256(key.encode("ascii")).hexdigest()[:_ID_DIGITS]


def pair_id(row_id: str, number: int) -> str:
    """Id of a pair: the chunk's id and the pair's number, from 0."""
    return f"{row_id}-{number}"


def number_pairs(rows: Iterable[TrainingRow]) -> list[NumberedRow]:
    """Rows in their final order (by path, then as they stand in the file), pairs numbered."""
    ordered = sorted(rows, key=lambda row: row.file_path)
    return [NumberedRow(row=row, numbers=tuple(range(len(row.qa_pairs)))) for row in ordered]


def training_rows(
    source: SourceFile, chunks: Sequence[TextChunk], syntheses: Sequence[Synthesis]
) -> tuple[list[TrainingRow], list[Reject]]:
    """Rows of one file in reading order, and what its synthesis dropped.

    A chunk without a valid pair is the reject `no_valid_pair` and no row. Raises ValueError
    where chunks and syntheses do not belong together one by one.
    """
    rows: list[TrainingRow] = []
    rejects: list[Reject] = []
    seen: Counter[str] = Counter()
    for chunk, synthesis in zip(chunks, syntheses, strict=True):
        row_id = chunk_id(source.file_path, chunk.text, seen[chunk.text])
        seen[chunk.text] += 1
        rejects.extend(
            _synthesis_reject(source, row_id, dropped.reason, dropped.detail)
            for dropped in synthesis.dropped
        )
        if not synthesis.qa_pairs:
            detail = "No question and answer of this chunk kept every rule; it is left out."
            rejects.append(_synthesis_reject(source, row_id, "no_valid_pair", detail))
            continue
        rows.append(
            TrainingRow(
                id=row_id,
                doc_id=source.doc_id,
                file_path=source.file_path,
                product_area=source.product_area,
                pages=chunk.pages,
                headings=chunk.headings,
                language=chunk.language,
                chunk=chunk.text,
                dense_summary=synthesis.dense_summary,
                qa_pairs=synthesis.qa_pairs,
                image_ids=chunk.image_ids,
                synthesizer=synthesis.synthesizer,
                usage=synthesis.usage,
                flags=_flags(chunk),
            )
        )
    return rows, rejects


def _flags(chunk: TextChunk) -> tuple[str, ...]:
    """The headings count too: a model that is shown the chunk is shown them."""
    text = "\n".join((*chunk.headings, chunk.text))
    return (ADDRESSES_MODEL,) if addresses_model(text) else ()


def _synthesis_reject(source: SourceFile, row_id: str, reason: str, detail: str) -> Reject:
    return Reject(
        file_path=source.file_path, step=SYNTHESIZE_STEP, reason=reason, detail=detail, id=row_id
    )


def document_row(
    source: SourceFile,
    document: ExtractedDocument,
    mode: ExtractionMode = "dict",
    rejected: Collection[str] = (),
) -> DocumentRow:
    """A document's line of raw_knowledge.jsonl.

    A reference to a picture that the document does not hold, or whose id is in `rejected`, is
    removed. Mode `markdown` moves the references to the end, after `--- Extracted Images ---`.
    """
    found = dict.fromkeys(picture.image_id for picture in document.pictures)
    image_ids = tuple(image_id for image_id in found if image_id not in rejected)
    in_place = image_ids if mode == "dict" else ()
    blocks = (_keep_references(block.markdown, in_place) for block in document.blocks)
    content = "\n\n".join(block for block in blocks if block.strip())
    if mode == "markdown" and image_ids:
        listed = "\n".join(f"[IMAGE_REF: {asset_path(image_id)}]" for image_id in image_ids)
        content = "\n\n".join(part for part in (content, f"{IMAGE_LIST_MARKER}\n{listed}") if part)
    words = "\n\n".join(_keep_references(block.markdown, ()) for block in document.blocks)
    return DocumentRow(
        file_path=source.file_path,
        filename=source.filename,
        content=content,
        product_area=source.product_area,
        extracted_images=image_ids,
        doc_id=source.doc_id,
        language=language_of(words),
        page_count=document.page_count,
        profile=document.profile,
    )


def asset_path(image_id: str) -> str:
    """Where a picture is stored, relative to the output folder."""
    return f"{ASSETS_FOLDER}/{image_id}.jpg"


def _keep_references(markdown: str, kept: Iterable[str]) -> str:
    """The text without references to pictures that are not in `kept`, nor the space before."""
    kept = frozenset(kept)
    return _REFERENCE.sub(lambda match: match[0] if match[1] in kept else "", markdown)


def standalone_image_row(source: SourceFile, description: Description) -> ImageRow:
    """The line of an image file: its own path and name."""
    return ImageRow(
        file_path=source.file_path,
        filename=source.filename,
        content=_described(source.filename, description),
        product_area=source.product_area,
        image_id=description.image_id,
        origin="standalone",
        describer=description.describer,
    )


def embedded_image_rows(
    source: SourceFile,
    document: ExtractedDocument,
    descriptions: Mapping[str, Description],
    rejected: Collection[str] = (),
) -> list[ImageRow]:
    """Lines of the described pictures of a document, each at the first place where it stands.

    `file_path` is the document's (there is no other file to open), `filename` the stored
    picture's. A picture without a description was rejected and has no line.
    """
    rows: dict[str, ImageRow] = {}
    for picture in document.pictures:
        description = descriptions.get(picture.image_id)
        if description is None or picture.image_id in rejected or picture.image_id in rows:
            continue
        filename = f"{picture.image_id}.jpg"
        rows[picture.image_id] = ImageRow(
            file_path=source.file_path,
            filename=filename,
            content=_described(filename, description),
            product_area=source.product_area,
            image_id=picture.image_id,
            origin="embedded",
            doc_id=source.doc_id,
            page_no=picture.page_no,
            bbox=picture.bbox,
            describer=description.describer,
        )
    return list(rows.values())


def _described(filename: str, description: Description) -> str:
    return f"[IMAGE DESCRIPTION of {filename}]\n{description.text}"


def raw_knowledge_rows(
    files: Iterable[tuple[SourceFile, ExtractedDocument | Description]],
    descriptions: Mapping[str, Description],
    mode: ExtractionMode = "dict",
    rejected: Collection[str] = (),
) -> Iterator[DocumentRow | ImageRow]:
    """All lines of raw_knowledge.jsonl, one file after another, in the order given.

    A file is a document, or a standalone image with its description. Each file has its line,
    also where two are identical. A picture that stands in several documents has one line, at
    the first of them: the others name it in `extracted_images`.
    """
    seen: set[str] = set()
    for source, result in files:
        if isinstance(result, Description):
            yield standalone_image_row(source, result)
            continue
        yield document_row(source, result, mode, rejected)
        for row in embedded_image_rows(source, result, descriptions, rejected):
            if row.image_id not in seen:
                seen.add(row.image_id)
                yield row

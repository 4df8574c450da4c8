"""The data that passes between steps, and the rows of the data set (DATA.md).

Frozen pydantic models and nothing else. Lengths are code points, boxes are points with the
origin at the top left of the page, pages count from 1, image ids are the first 16 hex digits
of a sha256.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from clara_model.text.language import Language

Origin = Literal["standalone", "embedded"]
QuestionType = Literal["fact", "reasoning", "cross_lingual"]
FileKind = Literal["pdf", "docx", "pptx", "image", "xlsx", "html", "markdown", "csv", "text"]
BlockKind = Literal["heading", "paragraph", "list", "table", "code", "caption", "picture", "note"]


class Record(BaseModel):
    """Immutable, and strict about its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- between steps ---------------------------------------------------------------------------


class SourceFile(Record):
    """A file of SOURCE, seen and hashed, not yet opened."""

    file_path: str = Field(description="relative to SOURCE, POSIX, NFC")
    uri: str = Field(description="where to read it: an absolute path or an fsspec URI")
    kind: FileKind
    size_bytes: int
    doc_id: str = Field(description="sha256 of the file's bytes, 64 hex digits")

    @property
    def filename(self) -> str:
        return self.file_path.rsplit("/", 1)[-1]

    @property
    def product_area(self) -> str:
        """Name of the folder that holds the file; empty for a file at the top of SOURCE."""
        parts = self.file_path.split("/")
        return parts[-2] if len(parts) > 1 else ""


class Reject(Record):
    """A line of rejects.jsonl."""

    file_path: str
    step: str
    reason: str = Field(description="a slug, stable: programs group by it")
    detail: str = Field(description="a sentence for a person")
    id: str | None = None


class Block(Record):
    """A piece of a document that reads as one: a heading, a paragraph, a list, a table, ...

    `markdown` is what stands in the document's content; the blocks joined by blank lines are
    the content. A picture is `[IMAGE_REF: extracted_assets/<image_id>.jpg]`, alone in a block of
    kind `picture`, or inside the text of another block (a table cell, say).
    """

    kind: BlockKind
    markdown: str
    pages: tuple[int, ...] = ()
    level: int = Field(default=0, description="1 to 6 for a heading, 0 for everything else")


class FoundPicture(Record):
    """Where a picture stands in a document. Its pixels are `images/<image_id>.jpg` of the cache."""

    image_id: str
    page_no: int | None = None
    bbox: tuple[float, float, float, float] | None = Field(
        default=None, description="left, bottom, right, top in points; None without pages"
    )
    caption: str | None = None
    width_px: int
    height_px: int


class Profile(Record):
    """Which extraction engines really ran on a document."""

    name: str = Field(description="embedded, heron, native or direct (formats that need no model)")
    layout: str | None = None
    tables: str | None = None
    ocr: str | None = None


class ExtractedDocument(Record):
    """What extraction found in one file's bytes. Knows no path: identical files share it."""

    doc_id: str
    blocks: tuple[Block, ...]
    pictures: tuple[FoundPicture, ...] = ()
    dropped_pictures: tuple[Reject, ...] = ()
    invisible_characters: int = Field(
        default=0, description="code points that no reader sees, left out of the blocks"
    )
    page_count: int | None = None
    profile: Profile
    seconds: float = Field(default=0.0, description="wall time of the extraction")

    @property
    def content(self) -> str:
        """Markdown in reading order."""
        return "\n\n".join(block.markdown for block in self.blocks)


class Usage(Record):
    """Tokens as the endpoint counted them."""

    prompt_tokens: int
    completion_tokens: int


class Describer(Record):
    engine: str
    model: str | None = None


class Description(Record):
    """What a describer says of one picture, without any marker around it."""

    image_id: str
    text: str
    describer: Describer
    usage: Usage | None = Field(default=None, description="tokens of the calls that made it")


class TextChunk(Record):
    """A chunk before synthesis. Knows no path: its id is made at export."""

    text: str = Field(description="enriched: picture references replaced by descriptions")
    pages: tuple[int, ...] = ()
    headings: tuple[str, ...] = Field(default=(), description="outermost first")
    image_ids: tuple[str, ...] = ()
    language: Language
    tokens: int = Field(description="tokens, or weighted characters without a tokenizer")


# --- rows of the data set --------------------------------------------------------------------


class DocumentRow(Record):
    """A document's line of raw_knowledge.jsonl."""

    file_path: str
    filename: str
    content: str
    product_area: str
    extracted_images: tuple[str, ...]
    source_type: Literal["document"] = "document"
    doc_id: str
    language: Language
    page_count: int | None
    profile: Profile


class ImageRow(Record):
    """A described image's line of raw_knowledge.jsonl."""

    file_path: str
    filename: str
    content: str
    product_area: str
    source_type: Literal["image"] = "image"
    image_id: str
    origin: Origin
    doc_id: str | None = None
    page_no: int | None = None
    bbox: tuple[float, float, float, float] | None = None
    describer: Describer


class Evidence(Record):
    """Code points of the chunk, end exclusive."""

    start: int = Field(ge=0)
    end: int = Field(gt=0)


class Grade(Record):
    """What the judge said of a pair, each 1 to 5."""

    faithfulness: int = Field(ge=1, le=5, description="does the passage say the answer?")
    answerability: int = Field(ge=1, le=5, description="can the question be answered by it alone?")


class QAPair(Record):
    type: QuestionType
    question: str
    answer: str
    question_language: Language
    answer_language: Language
    evidence: Evidence | None = None
    grade: Grade | None = Field(default=None, description="null where no judge was asked")


class Synthesizer(Record):
    engine: str
    model: str | None = None
    prompt_hash: str | None = None


class DroppedPair(Record):
    """A pair or a summary that broke a rule: counted, and a line of rejects.jsonl."""

    reason: str
    detail: str


class Synthesis(Record):
    """What a synthesizer made of one chunk."""

    dense_summary: str | None
    qa_pairs: tuple[QAPair, ...]
    dropped: tuple[DroppedPair, ...] = ()
    synthesizer: Synthesizer
    usage: Usage | None = None
    settled: bool = Field(
        default=True, description="false where a call failed for now: a later run asks again"
    )


class TrainingRow(Record):
    """A line of clara_training_data.jsonl."""

    id: str
    doc_id: str
    file_path: str
    product_area: str
    pages: tuple[int, ...]
    headings: tuple[str, ...]
    language: Language
    chunk: str
    dense_summary: str | None
    qa_pairs: tuple[QAPair, ...]
    image_ids: tuple[str, ...]
    synthesizer: Synthesizer
    usage: Usage | None
    flags: tuple[str, ...] = Field(
        default=(), description="`addresses_model`: the text gives orders to its reader"
    )


class PretrainRow(Record):
    id: str
    data_type: Literal["qa", "paraphrase"]
    question: tuple[str, ...] | str
    answers: tuple[str, ...]
    docs: tuple[str, ...]


class RetrievalRow(Record):
    """A row of instruction_data, end_to_end_data, reasoning_data or eval_data."""

    id: str
    question: str
    docs: tuple[str, ...]
    answer: str
    gold_answer: str
    pos_index: tuple[int, ...] = Field(description="positions of the gold documents, from 0")


class Review(Record):
    """A person's decision about one pair, in reviews.jsonl beside the data."""

    id: str
    action: Literal["accept", "edit", "drop"]
    question: str | None = None
    answer: str | None = None

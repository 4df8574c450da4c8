"""What decides the result of an extraction, and therefore its cache key."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tasks.options import OcrMode
from tasks.records import Record

ProfileName = Literal["embedded", "heron", "native"]


class ExtractionOptions(Record):
    """The resolved options of `extract_file`. Every field changes what comes out, or how fast."""

    profile: ProfileName = Field(
        default="embedded", description="engines for PDF and image pages, already chosen"
    )
    images_scale: float = Field(default=2.0, gt=0, le=8, description="pixels per point")
    ocr: OcrMode = "auto"
    threads: int = Field(default=1, ge=1, description="inference threads of one process")
    page_window: int = Field(
        default=16, ge=1, description="pages converted at a time; bounds memory on long PDFs"
    )

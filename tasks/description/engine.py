"""What a describer is: something that says in words what a picture shows."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pydantic import Field

from tasks.records import Describer, Language, Record


class PictureContext(Record):
    """What stands around a picture. Part of the cache key: it changes what is said."""

    caption: str | None = None
    heading: str | None = None
    neighbouring_text: str | None = Field(
        default=None, description="text before and after, a few hundred code points"
    )
    language: Language = "other"
    filename: str | None = Field(default=None, description="of a standalone image")
    repeated: bool = Field(
        default=False, description="stands on so many pages of the document that it is decoration"
    )


class DescriptionEngine(Protocol):
    """An engine serves a whole run; its answers are cached under `cache_identity`."""

    @property
    def describer(self) -> Describer:
        """Written into every row: which engine, which model."""
        ...

    @property
    def cache_identity(self) -> str:
        """Changes whenever the same picture could get another description."""
        ...

    @property
    def reads(self) -> frozenset[str]:
        """Fields of PictureContext that change its answers: only these are part of a key."""
        ...

    def describe(self, path: Path, context: PictureContext) -> str:
        """What the stored picture at `path` shows. Raises FileRejected."""
        ...

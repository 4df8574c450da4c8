"""Documents into chunks: on the borders of blocks, bounded by tokens, with no text lost."""

from __future__ import annotations

from tasks.chunking.document import chunk_document

__all__ = ["chunk_document"]

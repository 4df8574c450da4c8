"""The grid of a table from its words and ruling lines alone."""

from __future__ import annotations

from tasks.extraction.table_words import Word, is_running_text

__all__ = ["Word", "is_running_text"]

"""Word lists are written as running text, which a person can read and sort."""

from __future__ import annotations


def words(text: str) -> list[str]:
    return text.split()

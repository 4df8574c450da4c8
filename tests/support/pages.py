"""Reading our own pages: their messages, code blocks and tables, to hold them to the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_GAP = "\0"


def page(name: str) -> str:
    """The text of a page, by its path in the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading of the second level, up to the next one."""
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def code_blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def table(text: str) -> list[list[str]]:
    """The cells of the first table, its heading left out; backticks are taken off."""
    lines = re.search(r"^\|.*\n\|[ -|]*\n((?:\|.*(?:\n|$))+)", text, re.MULTILINE)
    assert lines is not None
    rows = [line.strip().strip("|").split("|") for line in lines[1].splitlines()]
    return [[cell.strip().replace("`", "") for cell in row] for row in rows]


def unknown_messages(quotes: Iterable[str], folders: Iterable[str]) -> list[str]:
    """Quoted messages that no text in the code of `folders` is; `…` is what is filled in."""
    messages = set().union(*(_messages(ROOT / folder) for folder in folders))
    return [quote for quote in quotes if not any(_is(quote, message) for message in messages)]


@cache
def _messages(folder: Path) -> frozenset[str]:
    """Every text in the code, with a gap for what is filled in."""
    return frozenset(_texts(folder))


def _texts(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else _GAP
                    for part in node.values
                )


def _is(quote: str, message: str) -> bool:
    pieces = [re.escape(piece.strip()) for piece in quote.split("…") if piece.strip()]
    found = re.search(rf"[^{_GAP}]*{_GAP}[^{_GAP}]*".join(pieces), message)
    starts_with_gap = quote.startswith("…")
    return found is not None and (_GAP in message[: found.start()]) is starts_with_gap

"""CONTRIBUTING.md's house: imports point one way, and every folder that is named is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.support.pages import ROOT, page, section

PAGE = page("CONTRIBUTING.md")


@cache
def imported(folder: str) -> tuple[tuple[str, str], ...]:
    """File and module of every import in a folder's Python files, wherever it stands."""
    return tuple(_imports(folder))


def _imports(folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield name, node.module


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [("clara_model", {"flows", "tasks", "prefect"}), ("tasks", {"flows"})],
)
def test_imports_point_one_way(folder: str, forbidden: set[str]) -> None:
    found = imported(folder)
    assert len(found) > 100
    assert [(file, module) for file, module in found if module.split(".")[0] in forbidden] == []


def test_tasks_read_the_normaliser_of_the_model_and_nothing_else() -> None:
    modules = {m for _, m in imported("tasks") if m.split(".")[0] == "clara_model"}
    assert modules
    assert {m for m in modules if not m.startswith("clara_model.text")} == set()


def test_every_file_and_folder_that_is_named_is_there() -> None:
    tree = section(PAGE, "The house").split("```")[1]
    folders = re.findall(r"^([a-z_]+)/(?!.*to come)", tree, re.MULTILINE)
    parts = re.findall(r"(?:^  |  )([a-z]+)/  ", tree, re.MULTILINE)
    assert len(folders) >= 5
    assert len(parts) >= 5
    missing = [name for name in folders if not (ROOT / name).is_dir()]
    missing += [name for name in parts if not (ROOT / "clara_model" / name).is_dir()]
    named = re.findall(r"`((?:flows|tasks|clara_model)/[\w/]+\.py)`", PAGE)
    assert len(named) >= 10
    missing += [name for name in named if not (ROOT / name).is_file()]
    assert missing == []

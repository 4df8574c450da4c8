"""docs/retraining.md: its parameters, defaults and files are those of the code."""

from __future__ import annotations

import inspect
import json
import re

from flows import current_model, warm_start
from flows.reingest import reingest
from tests.support.pages import code_blocks, page, section, table

PAGE = page("docs/retraining.md")
_AIM = ("source", "output")


def test_parameters_and_defaults() -> None:
    stated = {row[0]: row[1] for row in table(PAGE)}
    signature = inspect.signature(reingest.fn).parameters
    taken = {name: p.default for name, p in signature.items() if name not in _AIM}
    assert stated.keys() == taken.keys()
    for name, default in taken.items():
        said = stated[name]
        expected = "none" if default is None else default
        assert said == (expected if isinstance(expected, str) else json.dumps(expected)), name


def test_the_command_names_parameters_that_there_are() -> None:
    [block] = code_blocks(PAGE, "")
    named = re.findall(r"-p (\w+)=", block)
    assert len(named) == 4
    assert set(named) <= set(inspect.signature(reingest.fn).parameters)


def test_files_have_these_names() -> None:
    names = [row[0] for row in table(section(PAGE, "Which model is the current one"))]
    assert names == [
        current_model.CURRENT_FILE,
        f"{current_model.SEEN_FOLDER}/ID.txt",
        f"{current_model.TRAININGS_FOLDER}/ID/data/",
        f"{current_model.TRAININGS_FOLDER}/ID/{current_model.PLAN_FILE}",
        f"{current_model.TRAININGS_FOLDER}/ID/model/",
        warm_start.COUNTED_FILE,
    ]


def test_its_fields_are_those_that_the_page_tells_of() -> None:
    assert {"checkpoint", "sha256", "seen"} <= set(current_model.CurrentModel.model_fields)

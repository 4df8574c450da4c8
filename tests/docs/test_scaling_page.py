"""docs/scaling.md: its totals follow from its unit costs, and what it names is there."""

from __future__ import annotations

import re

import pytest

from benchmarks.scaling import figures_of, table, totals
from tests.support.pages import ROOT, page, section
from tests.support.typed_commands import commands, parse

PAGE = page("docs/scaling.md")


def test_the_totals_follow_from_the_tables() -> None:
    assert table(totals(figures_of(PAGE))) in section(PAGE, "Worked out")


def test_another_figure_gives_other_totals() -> None:
    unit = figures_of(PAGE)
    halved = dict(totals({**unit, "documents": unit["documents"] / 2}))
    whole = dict(totals(unit))
    assert len(whole) == len(halved) > 10
    assert whole["extraction"] != halved["extraction"]
    # Parts stay as large as they are: half of the documents cost half of the negatives.
    assert whole["memory of a part's hard negatives"] == halved["memory of a part's hard negatives"]
    with pytest.raises(KeyError, match="cores"):
        totals({name: value for name, value in unit.items() if name != "cores"})


def test_every_unit_cost_names_what_printed_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\| ([^|]*) \|$", PAGE, re.MULTILINE)
    assert len(rows) > 12
    source = ""
    for name, said in rows:
        source = source if said.startswith("the same") else said
        scripts = re.findall(r"benchmarks/\w+\.py", source)
        assert scripts or "clara plan" in source, name
        assert all((ROOT / script).is_file() for script in scripts), name


@pytest.mark.parametrize("line", sorted(set(commands(PAGE))))
def test_commands_are_taken(line: str) -> None:
    parse(line)

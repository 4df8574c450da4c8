"""docs/model.md stays true: its program runs, its tables are those of the code."""

from __future__ import annotations

import ast
from pathlib import Path
from xml.etree import ElementTree

import pytest

from clara_model.config import ADAPTERS, STAGES
from clara_model.model import TRAINS
from tests.support.pages import ROOT, code_blocks, page, section, table
from tests.support.tiny_models import tiny_clara

PAGE = page("docs/model.md")
_LETTERS = {"E": ADAPTERS[0], "D": ADAPTERS[1], "Q": ADAPTERS[2]}


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint where the page says that `clara train` leaves one."""
    monkeypatch.chdir(tmp_path)
    model = tiny_clara(tmp_path)
    model.set_stage("end_to_end")
    model.save(tmp_path / "model/end_to_end/model")
    return tmp_path / "model/end_to_end/model"


def test_the_program_runs_as_it_is(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (program,) = code_blocks(PAGE, "python")
    exec(compile(program, "docs/model.md", "exec"), {})
    figures = capsys.readouterr().out.splitlines()[0].replace("]] ", "]], ")
    scores, best = ast.literal_eval(figures)
    assert len(scores[0]) == 3
    assert scores[0][best[0][0]] == max(scores[0])


def test_the_checkpoint_holds_what_the_page_says(trained: Path) -> None:
    named = [row[0] for row in table(section(PAGE, "A checkpoint"))]
    patterns = [part.strip() for cell in named for part in cell.split(",")]
    assert len(patterns) == 7
    for pattern in patterns:
        name = pattern.replace("<name>", "*").rstrip("/")
        assert list(trained.glob(name)) or name == "licenses", pattern
    known = {pattern.split("/")[0] for pattern in patterns}
    assert {path.name for path in trained.iterdir()} <= known


def test_the_adapters_have_their_names() -> None:
    rows = table(section(PAGE, "One base, three adapters"))
    assert {row[0]: row[1] for row in rows} == _LETTERS


def test_stages_train_what_the_table_says() -> None:
    rows = {row[0]: row for row in table(section(PAGE, "The stages"))}
    assert tuple(rows) == STAGES
    for stage in STAGES:
        trains, frozen = rows[stage][3], rows[stage][4]
        letters = {letter for letter in _LETTERS if letter in trains.split(", ")}
        assert {_LETTERS[letter] for letter in letters} == set(TRAINS[stage])
        assert ("memory rows" in trains) is (stage == "compression")
        assert ("E" in frozen.split(", ")) is (ADAPTERS[0] not in TRAINS[stage])


def test_the_figure_is_there_and_describes_itself() -> None:
    figure = ElementTree.parse(ROOT / "docs/images/model.svg").getroot()
    assert "(images/model.svg)" in PAGE
    words = {child.tag.rsplit("}", 1)[-1]: child.text for child in figure}
    assert words["title"]
    assert words["desc"]

"""A published data set read back: ids of pairs after drops, held-out rows, files that changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.assemble import NumberedRow
from tasks.published import DataSetChanged, DataSetMissing, open_data_set, row_at
from tasks.reviews import apply_reviews, parse_reviews
from tests.tasks.dataset_rows import pump_rows, training_row
from tests.tasks.published_data_set import publish

HELD = ("pumps/boreal.txt", "pumps/ember.txt")


def drops(rows: list[NumberedRow], *numbers: tuple[int, int]) -> str:
    """A reviews.jsonl that drops pairs: (row, number)."""
    return "".join(
        json.dumps({"id": f"{rows[at].row.id}-{number}", "action": "drop"}) + "\n"
        for at, number in numbers
    )


@pytest.mark.parametrize(
    "dropped",
    [(), ((0, 0),), ((0, 1),), ((0, 2),), ((1, 0), (1, 1)), ((2, 0), (2, 1), (2, 2), (4, 1))],
)
def test_pairs_keep_their_ids_when_others_were_dropped(
    tmp_path: Path, dropped: tuple[tuple[int, int], ...]
) -> None:
    rows = pump_rows()
    reviews = drops(rows, *dropped)
    publish(tmp_path, rows, HELD, reviews)
    expected = apply_reviews(rows, parse_reviews(reviews.split("\n"))).rows
    data_set = open_data_set(str(tmp_path))
    found = list(data_set.rows())
    assert tuple(published.numbered for published in found) == expected
    assert len(data_set.dropped_ids()) == len(dropped)
    # The same ids as the stage files have, which ingest wrote from the numbers themselves.
    staged = [
        json.loads(line)["id"]
        for name in ("instruction_data", "eval_data")
        for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()
    ]
    assert {id_ for p in found for id_, _ in p.numbered.numbered_pairs()} == set(staged)
    held = {n.row.file_path for n, is_held_out in data_set.sided_rows() if is_held_out}
    assert held == set(HELD)


def test_a_row_is_found_again_by_its_byte(tmp_path: Path) -> None:
    rows = pump_rows(3)
    text = "第二行：水泵\u2028由上海工厂制造。"
    chinese = NumberedRow(row=training_row("a.txt", text, [("谁制造？", "上海工厂")]), numbers=(0,))
    publish(tmp_path, [chinese, *rows])
    data_set = open_data_set(str(tmp_path))
    found = list(data_set.rows())
    with data_set.open("clara_training_data.jsonl") as stream:
        for published in reversed(found):
            assert row_at(stream, published.offset) == published.numbered.row
    assert found[0].numbered.row.chunk == text


def test_a_data_set_behind_a_uri(tmp_path: Path) -> None:
    rows = pump_rows(4)
    uri = f"memory://published-{tmp_path.name}"
    publish(uri, rows, HELD[:1], drops(rows, (1, 1)))
    data_set = open_data_set(uri)
    assert [n.numbers for n, _ in data_set.sided_rows()] == [
        (0, 1, 2),
        (0, 2),
        (0, 1, 2),
        (0, 1, 2),
    ]
    assert data_set.row_count("eval_data.jsonl") == 2


def test_an_empty_data_set(tmp_path: Path) -> None:
    publish(tmp_path, [])
    assert list(open_data_set(str(tmp_path)).sided_rows()) == []


@pytest.mark.parametrize("name", ["clara_training_data.jsonl", "rejects.jsonl", "eval_data.jsonl"])
@pytest.mark.parametrize("change", ["cut", "shortened", "gone", "broken"])
def test_files_that_are_not_the_manifests_are_named(tmp_path: Path, name: str, change: str) -> None:
    rows = pump_rows()
    publish(tmp_path, rows, HELD, drops(rows, (0, 0), (0, 1)))
    file = tmp_path / name
    lines = file.read_bytes().splitlines(keepends=True)
    if change == "cut":
        file.write_bytes(b"".join(lines)[:-9])
    elif change == "shortened":
        file.write_bytes(b"".join(lines[:-1]))
    elif change == "gone":
        file.unlink()
    else:
        file.write_bytes(b'{"no": "row"}\n' * len(lines))
    with pytest.raises(DataSetChanged) as caught:
        list(open_data_set(str(tmp_path)).sided_rows())
    assert str(file) in str(caught.value)
    assert "run the same" in str(caught.value)


def test_what_is_no_data_set_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataSetMissing, match="does not exist"):
        open_data_set(str(tmp_path / "nothing"))
    (tmp_path / "file").write_text("")
    with pytest.raises(DataSetMissing, match="is a file"):
        open_data_set(str(tmp_path / "file"))
    with pytest.raises(DataSetMissing, match="clara ingest SOURCE --output"):
        open_data_set(str(tmp_path))
    publish(tmp_path, pump_rows(1))
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(DataSetMissing, match="not complete"):
        open_data_set(str(tmp_path))


def test_a_file_that_is_replaced_while_rows_are_looked_up_is_said(tmp_path: Path) -> None:
    publish(tmp_path, pump_rows(3))
    last = list(open_data_set(str(tmp_path)).rows())[-1]
    (tmp_path / "clara_training_data.jsonl").write_bytes(b'{"id": "other"}\n' * 400)
    with (
        (tmp_path / "clara_training_data.jsonl").open("rb") as stream,
        pytest.raises(DataSetChanged, match="was replaced"),
    ):
        row_at(stream, last.offset)

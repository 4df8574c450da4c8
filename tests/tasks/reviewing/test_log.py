"""reviews.jsonl: appended to at once, mended where a writer died, taken back line by line."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.errors import DiskFull, ReviewsInvalid
from tasks.records import Review
from tasks.reviewing.log import ReviewLog
from tasks.storage import Location
from tests.support.corpora import ROOT
from tests.tasks.dataset_rows import pair


def review(id_: str, action: str = "accept", **fields: str) -> Review:
    return Review.model_validate({"id": id_, "action": action, **fields})


def log(folder: Path) -> ReviewLog:
    return ReviewLog(Location(folder))


def lines(folder: Path) -> list[dict[str, object]]:
    data = (folder / "reviews.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in data.split("\n") if line]


def test_each_decision_is_a_line_with_the_four_fields(tmp_path: Path) -> None:
    kept = log(tmp_path)
    kept.append(review("a-0", "edit", question="水泵多重？", answer="5 kg\n或更多"))
    assert lines(tmp_path) == [
        {"id": "a-0", "action": "edit", "question": "水泵多重？", "answer": "5 kg\n或更多"}
    ]
    kept.append(review("a-1", "drop"))
    text = (tmp_path / "reviews.jsonl").read_text(encoding="utf-8")
    assert "水泵多重？" in text
    assert text.endswith('{"id":"a-1","action":"drop","question":null,"answer":null}\n')
    again = log(tmp_path)
    assert again.reviews() == kept.reviews()
    assert again.was_edited("a-0")
    assert not again.was_edited("a-1")


@pytest.mark.parametrize(
    "end", [b'{"id": "a-1", "acti', b'{"id":"a-1","question":"\xe6\xb0', b"\xe6\xb0", b"\0\0\0\0"]
)
def test_a_line_that_was_cut_off_is_taken_out_and_told(tmp_path: Path, end: bytes) -> None:
    whole = b'{"id": "a-0", "action": "drop"}\n'
    (tmp_path / "reviews.jsonl").write_bytes(whole + end)
    kept = log(tmp_path)
    assert kept.removed == end.decode("utf-8", "replace")
    assert (tmp_path / "reviews.jsonl").read_bytes() == whole
    kept.append(review("a-2"))
    assert [line["id"] for line in lines(tmp_path)] == ["a-0", "a-2"]


def test_a_last_line_without_its_newline_is_kept(tmp_path: Path) -> None:
    (tmp_path / "reviews.jsonl").write_text('{"id": "a-0", "action": "drop"}')
    kept = log(tmp_path)
    assert kept.removed is None
    kept.append(review("a-1"))
    assert [line["id"] for line in lines(tmp_path)] == ["a-0", "a-1"]


def test_another_reviewer_who_died_meanwhile_harms_no_line(tmp_path: Path) -> None:
    kept = log(tmp_path)
    kept.append(review("a-0"))
    with (tmp_path / "reviews.jsonl").open("ab") as other:
        other.write('{"id": "b-0", "question": "为什'.encode()[:-1])
    kept.append(review("a-1"))
    assert [line["id"] for line in lines(tmp_path)] == ["a-0", "a-1"]


def test_a_line_that_is_no_review_is_left_to_its_author(tmp_path: Path) -> None:
    text = '{"id": "a-0", "action": "drop"}\n{"id": "a-1", "action": "burn"}\n'
    (tmp_path / "reviews.jsonl").write_text(text)
    with pytest.raises(ReviewsInvalid, match="line 2"):
        log(tmp_path)
    assert (tmp_path / "reviews.jsonl").read_text() == text


def test_what_is_taken_back_is_gone_and_what_it_covered_counts_again(tmp_path: Path) -> None:
    kept = log(tmp_path)
    for made in (review("a-0", "drop"), review("a-1"), review("a-0")):
        kept.append(made)
    before = (tmp_path / "reviews.jsonl").read_bytes()
    kept.append(review("a-0", "edit", answer="x"))
    kept.take_back(review("a-0", "edit", answer="x"))
    assert (tmp_path / "reviews.jsonl").read_bytes() == before
    assert kept.latest("a-0") == review("a-0")
    assert not kept.was_edited("a-0")
    kept.take_back(review("a-0"))
    assert kept.latest("a-0") == review("a-0", "drop")
    kept.take_back(review("a-0", "drop"))
    assert kept.latest("a-0") is None
    assert [line["id"] for line in lines(tmp_path)] == ["a-1"]
    assert kept.reviews() == {"a-1": review("a-1")}


def test_taking_back_leaves_what_others_wrote_since(tmp_path: Path) -> None:
    mine, theirs = log(tmp_path), log(tmp_path)
    mine.append(review("a-0", "drop"))
    theirs.append(review("b-0", "drop"))
    mine.take_back(review("a-0", "drop"))
    assert [line["id"] for line in lines(tmp_path)] == ["b-0"]
    theirs.take_back(review("b-0", "drop"))
    theirs.take_back(review("b-0", "drop"))
    assert lines(tmp_path) == []


def test_a_review_of_another_text_decides_nothing(tmp_path: Path) -> None:
    kept = log(tmp_path)
    kept.append(review("a-0", "drop", question="Who?", answer="Marta"))
    assert kept.decides("a-0", pair("Who?", "Marta")) is not None
    assert kept.decides("a-0", pair("Why?", "Marta")) is None
    assert kept.decides("a-1", pair("Who?", "Marta")) is None


def test_a_bucket_holds_whole_objects(tmp_path: Path) -> None:
    place = Location(f"memory://reviews-{tmp_path.name}")
    place.write_bytes("reviews.jsonl", b'{"id": "a-0", "action": "drop"}\n{"id": "a-1", "ac')
    kept = ReviewLog(place)
    assert kept.removed == '{"id": "a-1", "ac'
    kept.append(review("a-1", "edit", question="为什么？"))
    kept.append(review("a-2"))
    kept.take_back(review("a-1", "edit", question="为什么？"))
    found = [json.loads(line)["id"] for line in place.read_bytes("reviews.jsonl").splitlines()]
    assert found == ["a-0", "a-2"]


def test_many_reviewers_at_once_lose_no_line(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from tasks.records import Review\n"
        "from tasks.reviewing.log import ReviewLog\n"
        "from tasks.storage import Location\n"
        "log = ReviewLog(Location(sys.argv[1]))\n"
        "for n in range(40):\n"
        "    made = Review(id=f'{sys.argv[2]}-{n}', action='accept', answer='水' * 200)\n"
        "    log.append(made)\n"
        "    if n % 4 == 3:\n"
        "        log.take_back(made)\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], cwd=ROOT)
        for name in "abc"
    ]
    assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
    wanted = {f"{name}-{n}" for name in "abc" for n in range(40) if n % 4 != 3}
    found = [line["id"] for line in lines(tmp_path)]
    assert len(found) == len(wanted)
    assert set(found) == wanted


def test_a_full_disk_keeps_what_was_decided_before(tmp_path: Path) -> None:
    kept = log(tmp_path)
    kept.append(review("a-0", answer="x" * 500))
    before = (tmp_path / "reviews.jsonl").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        # A write that reaches the limit is a short one, as on a disk that fills up.
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, limits[1]))
        with pytest.raises(DiskFull, match="decide again"):
            kept.append(review("a-1", answer="y" * 500))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (tmp_path / "reviews.jsonl").read_bytes() == before
    assert kept.latest("a-1") is None
    kept.append(review("a-1", answer="y" * 500))
    assert [line["id"] for line in lines(tmp_path)] == ["a-0", "a-1"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    kept_elsewhere = tmp_path / "elsewhere.jsonl"
    kept_elsewhere.write_text("")
    (tmp_path / "reviews.jsonl").symlink_to(kept_elsewhere)
    kept = log(tmp_path)
    kept.append(review("a-0"))
    kept.append(review("a-1"))
    kept.take_back(review("a-1"))
    assert (tmp_path / "reviews.jsonl").is_symlink()
    assert kept_elsewhere.read_text().count("\n") == 1

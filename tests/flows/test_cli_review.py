"""`clara review`: by lines of a pipe, and by keys of a real terminal."""

from __future__ import annotations

import io
import json
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.cli_review import run_review
from tasks.assemble import number_pairs
from tasks.errors import OutputNotWritable, ReviewsInvalid, UsageError
from tasks.published import DataSetMissing
from tasks.records import Review, TrainingRow
from tasks.storage import Location
from tests.support.terminal import Terminal
from tests.tasks.dataset_rows import pump_rows, training_row
from tests.tasks.published_data_set import graded, publish

CHINESE = (
    "反冲洗应在滤池水头损失达到 1.5 m 时进行。冲洗强度为 12 L/(s·m²)，历时 6 min。"
    "由于滤料层较厚，水厂记录了每一次冲洗的流量与压力。出厂水的余氯控制在 0.5 毫克每升以上。"
)


def chinese_row(**changes: Any) -> TrainingRow:
    pairs = [("余氯控制在多少以上？", "0.5 毫克每升"), ("冲洗历时多久？", "6 min")]
    return training_row("手册/反冲洗.pdf", CHINESE, pairs).model_copy(update=changes)


def piped(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    output: str | Path,
    commands: str | bytes,
    **options: Any,
) -> tuple[int, str]:
    data = commands if isinstance(commands, bytes) else commands.encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    code = run_review(str(output), **options)
    return code, capsys.readouterr().out


def unfolded(seen: str) -> str:
    return " ".join(seen.split())


def reviews(output: Path) -> list[tuple[str, ...]]:
    file = output / "reviews.jsonl"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return [tuple(json.loads(line).values()) for line in text.split("\n") if line]


def test_a_script_of_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = number_pairs([chinese_row(), *[n.row for n in pump_rows(1)]])
    publish(tmp_path, rows)
    ids = [id_ for n in rows for id_, _ in n.numbered_pairs()]
    script = "a\nd\nu\ns\r\n\ne\n\nDoes Lyon build it\nA\nno such\nd\n"
    code, seen = piped(monkeypatch, capsys, tmp_path, script)
    assert code == 0
    question = "What is the impeller of the Aster pump made of?"
    assert reviews(tmp_path) == [
        (ids[0], "accept", question, "brass"),
        (ids[2], "edit", "Aster 泵的工厂在哪个城市？", "Does Lyon build it"),
        (ids[3], "accept", "余氯控制在多少以上？", "0.5 毫克每升"),
        (ids[4], "drop", "冲洗历时多久？", "6 min"),
    ]
    assert "1 of 5" in seen
    assert "taken back: drop" in seen
    assert "'no such' is no command" in seen
    assert "made of [[brass]]." in unfolded(seen)
    assert "历时 [[6" in seen
    assert "That was the last pair." in seen
    assert "Accepted 2, edited 1, dropped 1; 1 pair left." in seen
    assert f"clara ingest SOURCE --output {shlex.quote(str(tmp_path))}" in seen
    assert "\x1b" not in seen
    # What was decided is not asked again; what was skipped is.
    _, seen = piped(monkeypatch, capsys, tmp_path, "")
    assert "1 of 1" in seen
    assert "At what pressure" in seen
    assert "Accepted 0, edited 0, dropped 0; 1 pair left." in seen
    assert "clara ingest SOURCE" in seen


def test_the_end_of_input_in_the_middle_of_an_edit_keeps_what_was_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path, pump_rows(1))
    code, seen = piped(monkeypatch, capsys, tmp_path, "a\ne\nWhich metal is it?\n")
    assert (code, len(reviews(tmp_path))) == (0, 1)
    assert "was not finished" in seen


def test_edits_are_written_although_they_break_a_rule_and_the_rule_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path, pump_rows(1))
    script = "e\n\n\ne\nAccording to the text, what is the impeller?\n\nq\n"
    _, seen = piped(monkeypatch, capsys, tmp_path, script)
    assert "Nothing was changed" in seen
    assert "question-refers-to-text" in seen
    assert [r[1:3] for r in reviews(tmp_path)] == [
        ("edit", "According to the text, what is the impeller?")
    ]


def test_an_answer_of_several_lines_is_edited_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = training_row("a.txt", "x", [("What are the steps?", "1. stop\n2. open\\n valve")])
    publish(tmp_path, number_pairs([row]))
    piped(monkeypatch, capsys, tmp_path, "e\n\n1. stop\\n2. open\\\\n valve\\n3. wait\n")
    assert reviews(tmp_path)[0][3] == "1. stop\n2. open\\n valve\n3. wait"


def test_an_editor_of_the_persons_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path / "out", pump_rows(1))
    editor = tmp_path / "my editor.py"
    editor.write_text(
        "import sys, pathlib\n"
        "file = pathlib.Path(sys.argv[1])\n"
        "file.write_text(file.read_text().replace('brass', '黄铜\\n(brass)'))\n"
    )
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", shlex.join([sys.executable, str(editor)]))
    piped(monkeypatch, capsys, tmp_path / "out", "E\nq\n")
    assert reviews(tmp_path / "out")[0][3] == "黄铜\n(brass)"
    for command, complaint in (
        (shlex.join([sys.executable, "-c", "raise SystemExit(3)"]), "ended with 3"),
        (str(tmp_path / "none"), "does not start"),
        (shlex.join([sys.executable, "-c", "open(__import__('sys').argv[1],'w')"]), "is gone"),
    ):
        monkeypatch.setenv("EDITOR", command)
        _, seen = piped(monkeypatch, capsys, tmp_path / "out", "E\nq\n")
        assert complaint in unfolded(seen)  # the line breaks where the path of Python is long
    monkeypatch.delenv("EDITOR")
    _, seen = piped(monkeypatch, capsys, tmp_path / "out", "E\n")
    assert "set EDITOR" in unfolded(seen)
    assert len(reviews(tmp_path / "out")) == 1


def test_filters_and_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = number_pairs([graded(chinese_row(), (4, 5), (2, 2)), *[n.row for n in pump_rows(2)]])
    publish(tmp_path, rows)
    _, seen = piped(monkeypatch, capsys, tmp_path, "s\n")
    assert seen.index("冲洗历时多久") < seen.index("余氯控制在多少")
    assert "faithfulness 2/5, answerability 2/5" in seen
    _, seen = piped(monkeypatch, capsys, tmp_path, "", max_grade=3)
    assert "1 of 1" in seen
    _, seen = piped(monkeypatch, capsys, tmp_path, "", language="zh", file="PUMPS/")
    assert "1 of 2" in seen
    _, seen = piped(monkeypatch, capsys, tmp_path, "", sample=3)
    assert "1 of 3" in seen
    code, seen = piped(monkeypatch, capsys, tmp_path, "", question_type="reasoning")
    assert (code, "None of the 8 pairs" in seen) == (0, True)


def test_what_can_be_said_when_there_is_nothing_to_review(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(tmp_path / "empty", [])
    assert "has no pair" in piped(monkeypatch, capsys, tmp_path / "empty", "")[1]
    publish(tmp_path / "out", pump_rows(1))
    assert "--judge" in piped(monkeypatch, capsys, tmp_path / "out", "", max_grade=3)[1]
    piped(monkeypatch, capsys, tmp_path / "out", "a\na\nd\n")
    code, seen = piped(monkeypatch, capsys, tmp_path / "out", "")
    assert (code, "--reviewed shows them again" in unfolded(seen)) == (0, True)
    assert "clara ingest SOURCE" in seen
    _, seen = piped(monkeypatch, capsys, tmp_path / "out", "s\ns\na\n", show_reviewed=True)
    assert "Dropped before" in seen
    assert [r[1] for r in reviews(tmp_path / "out")] == ["accept", "accept", "drop", "accept"]


def test_ids_after_an_earlier_drop_was_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pump_rows(1)
    publish(tmp_path, rows)
    piped(monkeypatch, capsys, tmp_path, "d\nq\n")
    publish(tmp_path, rows, reviews=(tmp_path / "reviews.jsonl").read_text())
    _, seen = piped(monkeypatch, capsys, tmp_path, "a\nd\n")
    assert "1 of 2" in seen
    assert [(r[0][-2:], r[1]) for r in reviews(tmp_path)] == [
        ("-0", "drop"), ("-1", "accept"), ("-2", "drop"),
    ]  # fmt: skip


def test_text_of_documents_cannot_steer_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b[2J\x1b]0;owned\x07 [bold]not bold[/] \u202egpj.exe"
    row = training_row(f"a{evil}.txt", f"The pump {evil} weighs 5 kg.", [(f"What {evil}?", "5 kg")])
    hostile = row.model_copy(
        update={"headings": (evil,), "image_ids": ("../../../etc/passwd", "0123456789abcdef")}
    )
    publish(tmp_path, number_pairs([hostile]))
    _, seen = piped(monkeypatch, capsys, tmp_path, f"o\n{evil}\nq\n")
    assert not {"\x1b", "\x07", "\u202e"} & set(seen)
    assert "[bold]not bold[/]" in seen
    assert "passwd" not in seen
    assert str(tmp_path / "extracted_assets" / "0123456789abcdef.jpg") in seen


def test_a_line_that_was_cut_off_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = pump_rows(1)
    publish(tmp_path, rows)
    first = Review(id=f"{rows[0].row.id}-0", action="accept").model_dump_json()
    (tmp_path / "reviews.jsonl").write_text(f'{first}\n{{"id":"{rows[0].row.id}-1","act')
    _, seen = piped(monkeypatch, capsys, tmp_path, "a\n")
    assert "was cut off" in unfolded(seen)
    assert [r[0][-2:] for r in reviews(tmp_path)] == ["-0", "-1"]


def test_a_data_set_in_a_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = f"memory://review-{tmp_path.name}"
    publish(uri, pump_rows(2))
    _, seen = piped(monkeypatch, capsys, uri, "a\nd\nu\nd\nq\n")
    assert "Accepted 1, edited 0, dropped 1; 4 pairs left." in unfolded(seen)
    lines = Location(uri).read_bytes("reviews.jsonl").splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["accept", "drop"]


def test_wrong_use_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="--type 'facts'"):
        run_review(str(tmp_path), question_type="facts")
    with pytest.raises(UsageError, match="--max-grade 9"):
        run_review(str(tmp_path), max_grade=9)
    with pytest.raises(DataSetMissing, match="holds no data set"):
        run_review(str(tmp_path))
    publish(tmp_path, pump_rows(1))
    with pytest.raises(UsageError, match="UTF-8"):
        piped(monkeypatch, capsys, tmp_path, "a\ne\n水泵？\n".encode("gbk"))
    assert len(reviews(tmp_path)) == 1
    (tmp_path / "reviews.jsonl").write_text('{"id": "x", "action": "burn"}\n')
    with pytest.raises(ReviewsInvalid, match="line 1"):
        run_review(str(tmp_path))


def test_a_folder_that_cannot_be_written_to_is_said_before_the_first_decision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path, pump_rows(1))
    # Permissions do not bind root, and tests may run as root: the answer of the system is set.
    monkeypatch.setattr("tasks.reviewing.log.os.access", lambda *_: False)
    with pytest.raises(OutputNotWritable, match="cannot be written to"):
        run_review(str(tmp_path))


# --- a real terminal -------------------------------------------------------------------------


def at_terminal(output: Path, **size_and_environment: Any) -> Terminal:
    code = (
        "import termios\n"
        "from flows.cli_review import run_review\n"
        f"code = run_review({str(output)!r})\n"
        "print('echo', bool(termios.tcgetattr(0)[3] & termios.ECHO))\n"
        "raise SystemExit(code)\n"
    )
    return Terminal(code, **size_and_environment)


def test_single_keys_and_a_prefilled_edit(tmp_path: Path) -> None:
    publish(tmp_path, number_pairs([chinese_row(), *[n.row for n in pump_rows(1)]]))
    with at_terminal(tmp_path) as terminal:
        terminal.wait_for("help")
        assert "[[" not in terminal.seen
        assert "\x1b[1;4m" in terminal.raw
        terminal.type("ａ")  # full-width, as a Chinese input method sends it
        terminal.wait_for("2 of 5")
        terminal.type("\x1b[Cd")  # an arrow key means nothing
        terminal.wait_for("3 of 5")
        terminal.wait_for("help", 3)
        terminal.type("e")
        terminal.wait_for("Question: Aster 泵的工厂在哪个城市？")
        terminal.type("\x7f呢？\r")
        terminal.wait_for("Answer: Lyon")
        terminal.type("\r")
        terminal.wait_for("4 of 5")
        terminal.type("u")
        terminal.wait_for("3 of 5", 2)
        terminal.wait_for("help", 5)
        terminal.type("eX\r\r")
        terminal.wait_for("any other key does not")
        terminal.type("n")
        terminal.wait_for("is not kept")
        terminal.type("q")
        assert terminal.end() == 0
        assert "Accepted 1, edited 0, dropped 1; 3 pairs left." in terminal.seen
        assert "echo True" in terminal.seen
        # Neither keys nor what was typed ahead stand in the middle of the text.
        assert "ａ" not in terminal.seen
        assert "^[[" not in terminal.seen
    assert [r[1] for r in reviews(tmp_path)] == ["accept", "drop"]


def test_an_edit_at_the_terminal_is_written_as_typed(tmp_path: Path) -> None:
    publish(tmp_path, number_pairs([chinese_row()]))
    with at_terminal(tmp_path) as terminal:
        terminal.wait_for("help")
        terminal.type("e")
        terminal.wait_for("Question: 余氯控制在多少以上？")
        terminal.type("\x01出厂水的\r")
        terminal.wait_for("Answer: 0.5 毫克每升")
        terminal.type("以上\r")
        terminal.wait_for("2 of 2")
        terminal.type("e")
        terminal.wait_for("Question: 冲洗历时多久？")
        terminal.wait_until_it_reads()
        terminal.type("\x03")  # gives the edit up, and not the review
        terminal.wait_for("given up")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert "edited 1" in terminal.seen
        assert "echo True" in terminal.seen
    assert [r[1:] for r in reviews(tmp_path)] == [
        ("edit", "出厂水的余氯控制在多少以上？", "0.5 毫克每升以上")
    ]


def test_a_narrow_terminal_without_colours_shows_a_long_chunk_in_pieces(tmp_path: Path) -> None:
    text = "".join(f"第{n}号水厂的水泵每天运行{n}小时。" for n in range(1, 61))
    row = training_row("a.txt", text, [("第1号水厂的水泵每天运行几小时？", "第59号")])
    publish(tmp_path, number_pairs([row]))
    with at_terminal(tmp_path, columns=30, rows=24, NO_COLOR="1") as terminal:
        terminal.wait_for("help")
        assert "lines before" in terminal.seen
        assert "第59号" in terminal.seen
        assert "第20号" not in terminal.seen
        assert not any(f"\x1b[{code}" in terminal.raw for code in ("31", "32", "36", "38"))
        for piece in range(60):
            terminal.type("m")
            terminal.wait_for("lines", 2 + piece)
            if "第20号" in terminal.seen:
                break
        assert "第1号" in terminal.seen
        terminal.type("q")
        assert terminal.end() == 0


def test_a_killed_review_keeps_what_was_decided(tmp_path: Path) -> None:
    publish(tmp_path, pump_rows(1))
    with at_terminal(tmp_path) as terminal:
        terminal.wait_for("help")
        terminal.type("a")
        terminal.wait_for("2 of 3")
        terminal.process.send_signal(signal.SIGKILL)
        terminal.end()
    assert [r[1] for r in reviews(tmp_path)] == ["accept"]
    with at_terminal(tmp_path) as terminal:
        assert "1 of 2" in terminal.wait_for("help")
        terminal.type("\x04")
        assert terminal.end() == 0

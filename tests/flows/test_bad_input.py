"""Bad files end as one line of rejects.jsonl each; what cannot work is refused with a sentence."""

from __future__ import annotations

import errno
import io
import json
import os
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from flows.ingest import ingest
from tasks import storage
from tasks.errors import DiskFull
from tests.support.bad_files import make_office, make_pdf, with_part
from tests.support.corpora import (
    clara,
    data_bytes,
    file_rejects,
    machine_text,
    rows,
    write_corpus,
)

pytestmark = pytest.mark.usefixtures("prefect_api")

ODD_NAMES = ("with space.txt", "quo'te\".txt", "new\nline.txt", "😀.txt", "-dash.txt", "中文.txt")


def picture(size: tuple[int, int], kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    noise = random.Random(1).randbytes(size[0] * size[1] * 3)
    Image.frombytes("RGB", size, noise).save(stream, kind)
    return stream.getvalue()


def huge_picture() -> bytes:
    """30000 x 30000 pixels of one colour, in a few kilobytes (one bit a pixel)."""
    stream = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(stream, "PNG", optimize=False, compress_level=9)
    return stream.getvalue()


def office_bomb() -> bytes:
    """A DOCX whose main part would expand to gigabytes."""

    def zeros() -> Iterator[bytes]:
        for _ in range(300):
            yield b" " * (1 << 20)

    return with_part(make_office("docx"), "word/document.xml", zeros())


def bad_files() -> dict[str, tuple[bytes, set[str]]]:
    """Name: content, and the slugs that say what is wrong."""
    pdf, docx, pptx = make_pdf(), make_office("docx"), make_office("pptx")
    png = picture((64, 64))
    return {
        "zero.pdf": (b"", {"empty_file"}),
        "random.pdf": (random.Random(0).randbytes(5000), {"pdf_broken"}),
        "truncated.pdf": (pdf[: len(pdf) // 3], {"pdf_broken"}),
        "truncated.docx": (docx[: len(docx) // 2], {"office_broken"}),
        "truncated.pptx": (pptx[: len(pptx) // 2], {"office_broken"}),
        "truncated.png": (png[: len(png) // 2], {"image_truncated"}),
        "locked.pdf": (make_pdf(password=b"secret"), {"pdf_password"}),
        "blank.pdf": (make_pdf(pages=3), {"no_text"}),
        "bomb.docx": (office_bomb(), {"archive_bomb"}),
        "huge.png": (huge_picture(), {"image_too_large"}),
        "tiny.png": (picture((8, 40)), {"image_too_small"}),
        "old.doc": (b"\xd0\xcf\x11\xe0" + bytes(600), {"unsupported"}),
    }


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One run of the real command over everything bad, between two good documents."""
    folder = tmp_path_factory.mktemp("bad")
    source, output = write_corpus(folder / "source", 2), folder / "out"
    for name, (content, _) in bad_files().items():
        (source / name).write_bytes(content)
    for number, name in enumerate(ODD_NAMES):
        (source / name).write_text(machine_text(number + 20))
    (source / ("字" * 83 + ".txt")).write_text(machine_text(40))
    outside = folder / "outside.txt"
    outside.write_text("A secret that nobody named.")
    (source / "link.txt").symlink_to(outside)
    (source / "loop").symlink_to(source)
    done = clara("ingest", source, "-o", output, "--workers", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return source, output


@pytest.mark.docling
def test_every_bad_file_is_one_line_with_a_slug_and_a_sentence(ran: tuple[Path, Path]) -> None:
    _, output = ran
    lines: dict[str, list[dict[str, Any]]] = {}
    for reject in rows(output, "rejects"):
        lines.setdefault(reject["file_path"], []).append(reject)
    for name, (_, slugs) in bad_files().items():
        assert [line["reason"] for line in lines.get(name, [])] == list(slugs), name
        detail = lines[name][0]["detail"]
        assert len(detail.split()) > 3
        assert "Traceback" not in detail
        assert "Error(" not in detail
    assert lines["link.txt"][0]["reason"] == "symbolic_link"
    assert lines["loop"][0]["reason"] == "symbolic_link"
    assert b"secret that nobody" not in b"".join(data_bytes(output).values())


@pytest.mark.docling
def test_good_neighbours_and_odd_names_are_in_the_data_set(ran: tuple[Path, Path]) -> None:
    _, output = ran
    known = {row["file_path"] for row in rows(output, "raw_knowledge")}
    assert set(ODD_NAMES) <= known
    assert "字" * 83 + ".txt" in known
    assert {"south/sheet-000.txt", "north/sheet-001.txt"} <= known
    assert not known & set(bad_files())


@pytest.mark.docling
def test_bad_files_are_remembered_and_cost_nothing_again(ran: tuple[Path, Path]) -> None:
    source, output = ran
    done = clara("ingest", source, "-o", output, "--workers", "1", "--json")
    assert json.loads(done.stdout)["outcome"] == "unchanged"


@pytest.mark.usefixtures("kept_workers")
def test_a_file_that_vanishes_during_the_run_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import flows.ingest_run as flow_module

    source = write_corpus(tmp_path / "source", 3)
    real = flow_module.discover

    def discover_then_lose(*arguments: Any) -> Any:
        found = real(*arguments)
        (source / "north" / "sheet-001.txt").unlink()
        return found

    monkeypatch.setattr(flow_module, "discover", discover_then_lose)
    ingest(source=str(source), output=str(tmp_path / "out"), workers=1)
    assert file_rejects(tmp_path / "out") == {"north/sheet-001.txt": "file_vanished"}
    monkeypatch.undo()
    # It may be back by now: the next run looks again.
    (source / "north" / "sheet-001.txt").write_text(machine_text(1))
    ingest(source=str(source), output=str(tmp_path / "out"), workers=1)
    assert file_rejects(tmp_path / "out") == {}


@pytest.mark.usefixtures("kept_workers")
def test_a_full_disk_stops_the_run_and_leaves_the_old_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = write_corpus(tmp_path / "source", 3), tmp_path / "out"
    ingest(source=str(source), output=str(output), workers=1)
    before, manifest = data_bytes(output), (output / "manifest.json").read_bytes()
    (source / "more.txt").write_text(machine_text(60))
    real = os.fsync
    calls = {"left": 5}

    def full_after_a_while(descriptor: int) -> None:
        calls["left"] -= 1
        if calls["left"] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(storage.os, "fsync", full_after_a_while)
    with pytest.raises(DiskFull, match="no space is left"):
        ingest(source=str(source), output=str(output), workers=1)
    monkeypatch.undo()
    assert data_bytes(output) == before
    assert (output / "manifest.json").read_bytes() == manifest
    summary = ingest(source=str(source), output=str(output), workers=1)
    assert summary["outcome"] == "done"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing", "-o", "out"], 2, "does not exist"),
        (["source", "-o", "/proc/clara/out"], 2, "/proc/clara/out"),
        (["source", "-o", "out", "--top-k", "0"], 2, "--top-k"),
        (["source"], 2, "--output"),
        (["source", "-o", "out", "--extraction", "heron"], 1, "heron"),
        (["source", "-o", "out", "--tokenizer", "no/such-model"], 2, "no/such-model"),
        (["empty", "-o", "out"], 3, "nothing was produced"),
    ],
)
def test_exit_codes_and_sentences(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    write_corpus(tmp_path / "source", 1)
    (tmp_path / "empty").mkdir()
    placed = [
        str(tmp_path / a) if a in ("missing", "source", "empty", "out") else a for a in arguments
    ]
    done = clara("ingest", *placed)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_run_into_one_out_is_refused(tmp_path: Path) -> None:
    from filelock import FileLock

    source = write_corpus(tmp_path / "source", 1)
    (tmp_path / "out").mkdir()
    with FileLock(tmp_path / "out" / ".clara.lock"):
        done = clara("ingest", source, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "another run is writing" in done.stderr


@pytest.mark.usefixtures("kept_workers")
def test_an_archive_is_no_document(tmp_path: Path) -> None:
    source = write_corpus(tmp_path / "source", 1)
    with zipfile.ZipFile(source / "stuff.zip", "w") as archive:
        archive.writestr("a.txt", "text")
    ingest(source=str(source), output=str(tmp_path / "out"), workers=1)
    assert file_rejects(tmp_path / "out") == {"stuff.zip": "unsupported"}


@pytest.mark.docling
def test_a_document_that_takes_too_long_is_one_line_and_is_tried_again(tmp_path: Path) -> None:
    """docling's start alone takes longer than this time limit: its worker is killed."""
    source, output = write_corpus(tmp_path / "source", 2), tmp_path / "out"
    # Done before: on a busy machine they, too, would need longer than the limit.
    ingest(source=str(source), output=str(output), workers=1)
    (source / "slow.html").write_text(f"<h1>Slow</h1><p>{machine_text(70)}</p>")
    summary = ingest(source=str(source), output=str(output), workers=1, document_timeout_s=1.0)
    assert summary["outcome"] == "done"
    assert file_rejects(output) == {"slow.html": "timeout"}
    assert len(rows(output, "raw_knowledge")) == 2
    ingest(source=str(source), output=str(output), workers=1)
    assert file_rejects(output) == {}
    assert len(rows(output, "raw_knowledge")) == 3

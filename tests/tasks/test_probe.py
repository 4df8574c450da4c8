"""Each bad file gets its own reason and a sentence, before any parser of documents sees it."""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tasks import probe_office
from tasks.errors import FileRejected
from tasks.probe import probe_file
from tasks.records import FileKind
from tests.support.bad_files import OLE_MAGIC, make_office, make_pdf, with_part


def rejected(path: Path, kind: FileKind, content: bytes | None = None) -> FileRejected:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FileRejected) as caught:
        probe_file(path, kind)
    assert caught.value.detail.endswith((".", ".)")) and len(caught.value.detail) > 20
    return caught.value


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


# --- any kind ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pdf", "docx", "pptx", "image", "html", "text"])
def test_zero_bytes_and_vanished(path: Path, kind: FileKind) -> None:
    assert rejected(path, kind, b"").reason == "empty_file"
    path.unlink()
    vanished = rejected(path, kind)
    assert vanished.reason == "file_vanished" and vanished.retryable


def test_a_pipe_and_a_folder_are_not_opened(path: Path) -> None:
    os.mkfifo(path)
    assert rejected(path, "pdf").reason == "file_unreadable"
    assert rejected(path.parent, "text").reason == "file_unreadable"


@pytest.mark.parametrize("kind", ["pdf", "docx", "image", "text"])
def test_unreadable(path: Path, kind: FileKind, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"content")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # the tests may run as root, who may read all
    unreadable = rejected(path, kind)
    assert unreadable.reason == "file_unreadable" and unreadable.retryable


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("pdf", "pdf_broken"),
        ("docx", "office_broken"),
        ("pptx", "office_broken"),
        ("xlsx", "office_broken"),
        ("image", "image_corrupt"),
        ("text", "text_binary"),
        ("html", "text_binary"),
        ("markdown", "text_binary"),
        ("csv", "text_binary"),
    ],
)
@pytest.mark.parametrize("size", [7, 100, 100_000])
def test_random_bytes(path: Path, kind: FileKind, reason: str, size: int) -> None:
    content = b"\x81\x00" + np.random.default_rng(size).bytes(size)
    assert rejected(path, kind, content).reason == reason


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("pdf", make_office("docx"), "holds a ZIP archive or an Office document"),
        ("pdf", b"<!DOCTYPE html><p>Not found", "holds a web page"),
        ("docx", make_pdf(), "holds a PDF"),
        ("docx", "纯文本".encode(), "holds plain text"),
        ("image", make_pdf(), "holds a PDF"),
        ("text", make_pdf() + b"\x00", "holds a PDF"),
        ("pptx", make_office("docx"), "holds a Word document"),
    ],
)
def test_misnamed_files_are_told_what_they_hold(
    path: Path, kind: FileKind, content: bytes, words: str
) -> None:
    assert words in rejected(path, kind, content).detail


# --- PDF ---------------------------------------------------------------------------------------


def test_whole_pdf(path: Path) -> None:
    path.write_bytes(make_pdf())
    probe_file(path, "pdf")
    path.write_bytes(make_pdf() + b"\n<!-- added by a web server -->" * 300)
    probe_file(path, "pdf")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7, 0.9, 0.95])
def test_truncated_pdf(path: Path, share: float) -> None:
    content = make_pdf(pages=5)
    assert rejected(path, "pdf", content[: int(len(content) * share)]).reason == "pdf_broken"


def test_pdf_with_a_password(path: Path) -> None:
    assert rejected(path, "pdf", make_pdf(password=b"secret")).reason == "pdf_password"


def test_encrypted_pdf_that_opens_without_a_password(path: Path) -> None:
    path.write_bytes(make_pdf(password=b""))
    probe_file(path, "pdf")


def test_pdf_with_a_missing_page(path: Path) -> None:
    content = make_pdf(pages=3).replace(b"[3 0 R 4 0 R 5 0 R]", b"[3 0 R 4 0 R 9 0 R]")
    assert rejected(path, "pdf", content).reason == "pdf_broken"


def test_pdf_without_pages(path: Path) -> None:
    rejected(path, "pdf", make_pdf(password=b"secret"))  # PDFium remembers its last error
    assert rejected(path, "pdf", make_pdf(pages=0)).reason == "pdf_no_pages"


def test_pdf_page_that_would_render_to_gigabytes(path: Path) -> None:
    assert rejected(path, "pdf", make_pdf(side_pt=14_400)).reason == "pdf_page_too_large"


# --- Office ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["docx", "pptx", "xlsx"])
def test_office_whole_and_truncated(path: Path, kind: FileKind) -> None:
    content = make_office(kind)
    path.write_bytes(content)
    probe_file(path, kind)
    for share in (0.1, 0.5, 0.99):
        cut = content[: int(len(content) * share)]
        assert rejected(path, kind, cut).reason == "office_broken"


def test_office_with_a_damaged_part(path: Path) -> None:
    content = bytearray(make_office("docx"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        offset = archive.getinfo("word/document.xml").header_offset
    content[offset + 200 : offset + 260] = bytes(60)
    assert rejected(path, "docx", bytes(content)).reason == "office_broken"


def test_office_that_is_only_some_archive(path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert rejected(path, "docx", stream.getvalue()).reason == "office_broken"


def test_office_without_its_main_part(path: Path) -> None:
    relationships = b'<Relationships><Relationship Type="x/officeDocument" Target="gone.xml"/>'
    content = with_part(make_office("docx"), "_rels/.rels", relationships + b"</Relationships>")
    caught = rejected(path, "docx", content)
    assert caught.reason == "office_broken" and "gone.xml" in caught.detail


def test_office_with_a_main_part_that_is_cut(path: Path) -> None:
    content = with_part(make_office("docx"), "word/document.xml", b"<w:document xmlns:w='w'><w:bo")
    assert rejected(path, "docx", content).reason == "office_broken"


def test_old_and_encrypted_office(path: Path) -> None:
    assert rejected(path, "docx", OLE_MAGIC + bytes(600)).reason == "office_old_format"
    encrypted = OLE_MAGIC + bytes(600) + "EncryptedPackage".encode("utf-16-le")
    assert rejected(path, "pptx", encrypted).reason == "office_password"
    assert rejected(path, "docx", b"{\\rtf1 hello}").reason == "office_old_format"


def test_office_that_expands_to_gigabytes(path: Path) -> None:
    def gigabytes() -> Iterator[bytes]:
        yield b"<w:document xmlns:w='w'>"
        for _ in range(300):
            yield b"<w:p/>" * 40_000  # 72 MB; the probe stops at a part of it

    content = with_part(make_office("docx"), "word/document.xml", gigabytes())
    assert len(content) < 400_000
    assert rejected(path, "docx", content).reason == "archive_bomb"


def test_office_total_is_bounded_whatever_a_part_holds(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = make_office("docx")
    for number in range(3):
        noise = np.random.default_rng(number).bytes(100_000)
        content = with_part(content, f"word/media/image{number}.bin", noise)
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive:
        total = sum(info.file_size for info in archive.infolist())
    monkeypatch.setattr(probe_office, "TOTAL_BYTES_MAX", total)
    probe_file(path, "docx")
    monkeypatch.setattr(probe_office, "TOTAL_BYTES_MAX", total - 1)
    assert rejected(path, "docx").reason == "archive_bomb"


def test_header_that_lies_about_a_size(path: Path) -> None:
    """A central directory that declares 10 bytes for a part of many: never more is inflated."""
    content = with_part(make_office("docx"), "word/media/zeros.bin", bytes(5_000_000))
    true_size = (5_000_000).to_bytes(4, "little")
    assert content.count(true_size) >= 1
    lying = content.replace(true_size, (10).to_bytes(4, "little"))
    assert rejected(path, "docx", lying).reason == "office_broken"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", ["word/document.xml", "word/styles.xml", "_rels/.rels"])
def test_office_with_entities(path: Path, name: str, encoding: str) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "ha">{laughs}]><d>&l9;</d>'
    content = with_part(make_office("docx"), name, text.encode(encoding))
    assert rejected(path, "docx", content).reason == "archive_bomb"


def test_declaration_across_two_pieces(path: Path) -> None:
    text = b"<?xml version='1.0'?>".ljust((1 << 16) - 4) + b"<!ENTITY a 'b'>"
    content = with_part(make_office("docx"), "word/styles.xml", text)
    assert rejected(path, "docx", content).reason == "archive_bomb"


# --- images and text ---------------------------------------------------------------------------


def test_images(path: Path) -> None:
    Image.new("RGB", (30, 30)).save(path, format="PNG")
    probe_file(path, "image")
    content = path.read_bytes()
    assert rejected(path, "image", content[:50]).reason == "image_truncated"


def test_tiff_whose_second_page_is_cut(path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))
    noise.save(path, format="TIFF", save_all=True, append_images=[noise])
    probe_file(path, "image")
    content = path.read_bytes()
    assert rejected(path, "image", content[: len(content) - 500]).reason == "image_truncated"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "big5", "utf-16"])
@pytest.mark.parametrize("kind", ["text", "markdown", "csv", "html"])
def test_text_in_any_usual_encoding_passes(path: Path, kind: FileKind, encoding: str) -> None:
    path.write_bytes("名稱,值\n車床,第一台\n".encode(encoding))
    probe_file(path, kind)


def test_binary_data_after_a_textual_start(path: Path) -> None:
    assert rejected(path, "csv", b"a,b\n" * 50_000 + bytes(10)).reason == "text_binary"


# --- damage of any kind ------------------------------------------------------------------------


def picture(image_format: str) -> bytes:
    values = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, image_format)
    return stream.getvalue()


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("pdf", make_pdf()),
        ("docx", make_office("docx")),
        *(("image", picture(name)) for name in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")),
    ],
    ids=["pdf", "docx", "png", "jpeg", "gif", "bmp", "webp", "tiff"],
)
def test_damage_is_rejected_or_harmless_and_never_a_traceback(
    path: Path, kind: FileKind, content: bytes
) -> None:
    generator = random.Random(len(content))
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(generator.choice((1, 3, 20))):
            # Half of the damage goes where headers and directories are.
            place = generator.randrange(len(damaged))
            if generator.random() < 0.5:
                place = generator.choice((place % 200, -1 - place % 200)) % len(damaged)
            damaged[place] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            probe_file(path, kind)
        except FileRejected as rejection:
            assert not rejection.retryable, rejection

"""Each bad file gets its own reason and a sentence, before any parser of documents sees it."""

from __future__ import annotations

import hashlib
import io
import os
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

PASSWORD_PADDING = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
OWNER_KEY = bytes(range(32))
FILE_ID = b"0123456789abcdef"
PERMISSIONS = -4
OLE_MAGIC = bytes.fromhex("D0CF11E0A1B11AE1")


def rc4(key: bytes, data: bytes) -> bytes:
    state, j, out = list(range(256)), 0, bytearray()
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def password_check(password: bytes) -> bytes:
    """/U of the 40-bit standard handler (PDF 1.7, algorithms 2 and 4)."""
    permissions = PERMISSIONS.to_bytes(4, "little", signed=True)
    padded = (password + PASSWORD_PADDING)[:32]
    key = hashlib.md5(padded + OWNER_KEY + permissions + FILE_ID).digest()[:5]
    return rc4(key, PASSWORD_PADDING)


def make_pdf(pages: int = 2, *, password: bytes | None = None, side_pt: int = 200) -> bytes:
    kids = " ".join(f"{number} 0 R" for number in range(3, 3 + pages))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {pages} /Kids [{kids}] >>",
        *[f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {side_pt} {side_pt}] >>"] * pages,
    ]
    encryption = ""
    if password is not None:
        objects.append(
            f"<< /Filter /Standard /V 1 /R 2 /P {PERMISSIONS} /O <{OWNER_KEY.hex()}> "
            f"/U <{password_check(password).hex()}> >>"
        )
        encryption = f"/Encrypt {len(objects)} 0 R /ID [<{FILE_ID.hex()}> <{FILE_ID.hex()}>]"
    data, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(data))
        data += f"{number} 0 obj\n{body}\nendobj\n".encode()
    start = len(data)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    data += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    trailer = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {encryption} >>\n"
    return data + f"{trailer}startxref\n{start}\n%%EOF\n".encode()


def make_office(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "docx":
        import docx

        document = docx.Document()
        document.add_paragraph("A lathe turns the work, a mill turns the tool.")
        document.save(stream)
    elif kind == "pptx":
        import pptx

        pptx.Presentation().save(stream)
    else:
        import openpyxl

        openpyxl.Workbook().save(stream)
    return stream.getvalue()


def with_part(archive: bytes, name: str, content: bytes | Iterator[bytes]) -> bytes:
    """The archive with one part replaced or added."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            if info.filename != name:
                new.writestr(info, old.read(info))
        with new.open(name, "w") as part:
            for piece in [content] if isinstance(content, bytes) else content:
                part.write(piece)
    return stream.getvalue()


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

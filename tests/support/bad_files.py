"""Files that are damaged, locked or hostile on purpose, made byte by byte."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator

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

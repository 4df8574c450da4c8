"""The example documents are what their script makes, and the damaged ones are damaged."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import platform
import re
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest
from PIL import Image, UnidentifiedImageError

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DOCUMENTS = EXAMPLES / "documents"
SCRIPT = EXAMPLES / "make_documents.py"

needs_fonts = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("pylopdf_fonts_zh_cn", "fontTools")),
    reason="needs the packages pylopdf-fonts-zh-cn and fonttools of the dev group",
)


def files_under(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def content_of(data: bytes) -> object:
    """`data` without what depends on the build of zlib: how hard streams were compressed."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: content_of(archive.read(name)) for name in archive.namelist()}
    if data.startswith(b"\x89PNG"):
        image = Image.open(io.BytesIO(data)).convert("RGB")
        return image.size, hashlib.sha256(image.tobytes()).hexdigest()
    if data.startswith(b"%PDF") and b"%%EOF" in data[-10:]:
        return [
            _inflated(stream)
            for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
        ]
    return data


def _inflated(stream: bytes) -> bytes:
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return stream


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("examples") / "documents"
    subprocess.run([sys.executable, SCRIPT, "--output", output], check=True, timeout=120)
    return output


@needs_fonts
def test_a_second_run_gives_the_same_bytes(made: Path, tmp_path: Path) -> None:
    first = {name: path.read_bytes() for name, path in files_under(made).items()}
    second = {name: path.read_bytes() for name, path in files_under(DOCUMENTS).items()}
    if first != second:
        # Made by other builds of the libraries: two runs of these have to agree all the same.
        subprocess.run([sys.executable, SCRIPT, "--output", tmp_path], check=True, timeout=120)
        second = {name: path.read_bytes() for name, path in files_under(tmp_path).items()}
    assert first == second


@needs_fonts
@pytest.mark.skipif(
    (platform.system(), platform.machine()) != ("Linux", "x86_64"),
    reason="the committed files were made on Linux x86_64; rounding may differ here",
)
def test_committed_documents_are_what_the_script_makes(made: Path) -> None:
    ours, committed = files_under(made), files_under(DOCUMENTS)
    assert list(ours) == list(committed)
    for name, path in ours.items():
        new, old = path.read_bytes(), committed[name].read_bytes()
        assert new == old or content_of(new) == content_of(old), f"{name}: run {SCRIPT.name} again"


def test_the_corpus_stays_small() -> None:
    assert sum(path.stat().st_size for path in files_under(DOCUMENTS).values()) < 3_000_000


def test_damaged_files_cannot_be_read() -> None:
    import pypdfium2

    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(DOCUMENTS / "scans/damaged/interrupted-copy.pdf")
    with pytest.raises(UnidentifiedImageError):
        Image.open(DOCUMENTS / "scans/damaged/broken-photo.jpg")


def test_duplicate_and_namesakes() -> None:
    def digest(name: str) -> str:
        return hashlib.sha256((DOCUMENTS / name).read_bytes()).hexdigest()

    assert digest("reports/data/limits.xlsx") == digest("scans/copies/limits-copy.xlsx")
    assert digest("manuals/overview.md") != digest("reports/overview.md")


def test_scans_hold_no_text() -> None:
    import pypdfium2

    for path in sorted((DOCUMENTS / "scans").glob("*.pdf")):
        document = pypdfium2.PdfDocument(path)
        assert [page.get_textpage().get_text_bounded().strip() for page in document] == [""]
        document.close()


def test_pdfs_embed_their_chinese_fonts() -> None:
    for name in ("reports/生活饮用水卫生标准要点.pdf", "reports/hong-kong/香港供水小史.pdf"):
        data = (DOCUMENTS / name).read_bytes()
        assert re.search(rb"/[A-Z]{6}\+NotoS", data), name
        assert b"/FontFile2" in data, name


def test_a_missing_font_is_said_with_its_remedy(tmp_path: Path) -> None:
    blocked = (
        "import importlib.util, runpy, sys; find = importlib.util.find_spec; "
        "importlib.util.find_spec = lambda name, *rest: "
        "None if name.startswith('pylopdf') else find(name, *rest); "
        f"sys.path.insert(0, {str(EXAMPLES)!r}); "
        f"sys.argv = ['make', '--output', {str(tmp_path)!r}]; "
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    )
    run = subprocess.run(
        [sys.executable, "-c", blocked], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 1
    assert "pylopdf-fonts-zh-cn" in run.stderr
    assert "Traceback" not in run.stderr

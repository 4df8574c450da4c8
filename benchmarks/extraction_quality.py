"""How much of a document's text comes out of extraction, and in which order.

    python benchmarks/extraction_quality.py FOLDER [--profile embedded] [--show-missing]
    python benchmarks/extraction_quality.py --han REFERENCE.txt DOCUMENT.pdf [--pages 40]
    python benchmarks/extraction_quality.py --han REFERENCE.txt DOCUMENT.pdf --ocr-page 12

FOLDER holds documents and, for each, `groundtruth/NAME.md`. A word is a maximal run of letters and
digits, lower case, after NFKC; a Han character is a word of its own. Both sides lose the same
things before they are compared: picture references and placeholders, HTML comments, HTML entities
and the backslashes of markdown escapes; all other markup falls away because it is neither letter
nor digit, except the number of an ordered list item, which both sides keep.

found     reference words found in ours, counted as a multiset, over reference words
order     longest common subsequence of words, over reference words
distance  edit distance of the word sequences, over the longer one (0 is equal)

`--han` compares Han characters of the first pages with the reference text: the reference is cut
where the pages' text ends in it. `--ocr-page` prints one page as an image at 200 dpi, reads it by
OCR and gives the character error rate against the page's own text layer.
"""

from __future__ import annotations

import argparse
import gzip
import html
import re
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

KINDS = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".pptx": "pptx",
    ".xlsx": "xlsx",
    ".html": "html",
    ".md": "markdown",
    ".csv": "csv",
    ".txt": "text",
}
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(f"[{_HAN}]|[^\\W_{_HAN}]+")
_PLACEHOLDER = re.compile(r"<!--.*?-->|\[IMAGE_REF:[^\]]*\]", re.DOTALL)


def words_of(text: str) -> list[str]:
    text = html.unescape(_PLACEHOLDER.sub(" ", text))
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def han_of(text: str) -> list[str]:
    return re.findall(f"[{_HAN}]", unicodedata.normalize("NFKC", text))


def scores(reference: Sequence[str], ours: Sequence[str]) -> tuple[float, float, float]:
    """(found, order, distance) of two sequences."""
    from rapidfuzz.distance import LCSseq, Levenshtein

    if not reference:
        return 1.0, 1.0, 0.0
    found = sum((Counter(reference) & Counter(ours)).values()) / len(reference)
    order = LCSseq.similarity(reference, ours) / len(reference)
    return found, order, Levenshtein.normalized_distance(reference, ours)


def extract(path: Path, profile: str, ocr: str = "auto", kind: str | None = None) -> str:
    from tasks.extraction.options import ExtractionOptions
    from tasks.extraction.worker import extract_file

    options = ExtractionOptions.model_validate({"profile": profile, "ocr": ocr})
    with tempfile.TemporaryDirectory() as images:
        document = extract_file(
            path,
            kind or KINDS.get(path.suffix.lower(), "image"),  # type: ignore[arg-type]
            options,
            Path(images),
        )
    return document.content


def compare_folder(folder: Path, profile: str, show_missing: bool) -> int:
    truths = sorted((folder / "groundtruth").glob("*.md"))
    if not truths:
        print(f"{folder} holds no groundtruth/NAME.md", file=sys.stderr)
        return 2
    print(f"{'document':40} {'words':>7} {'found':>7} {'order':>7} {'distance':>9}")
    for truth in truths:
        path = folder / truth.name.removesuffix(".md")
        if not path.is_file():
            print(f"{path.name:40} has no document")
            continue
        reference, ours = words_of(truth.read_text("utf-8")), words_of(extract(path, profile))
        found, order, distance = scores(reference, ours)
        print(f"{path.name:40} {len(reference):7} {found:7.4f} {order:7.4f} {distance:9.4f}")
        if show_missing:
            missing = Counter(reference) - Counter(ours)
            extra = Counter(ours) - Counter(reference)
            print("   missing:", " ".join(f"{w}x{n}" for w, n in missing.most_common(60)))
            print("   extra:  ", " ".join(f"{w}x{n}" for w, n in extra.most_common(60)))
    return 0


def first_pages(pdf: Path, pages: Sequence[int], folder: Path) -> Path:
    """A PDF of some of a PDF's pages (from 0)."""
    import pypdfium2

    source, part = pypdfium2.PdfDocument(pdf), pypdfium2.PdfDocument.new()
    part.import_pages(source, list(pages))
    target = folder / "pages.pdf"
    part.save(target)
    return target


def text_layer(pdf: Path) -> str:
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_bounded() for page in document)


def cut_reference(reference: list[str], layer: list[str]) -> list[str]:
    """The part of the reference that the pages hold: up to where their last words stand in it."""
    length = len(layer)
    tail = "".join(layer[-60:])
    joined = "".join(reference)
    for size in (60, 40, 25, 15):
        at = joined.find(tail[-size:], int(length * 0.7))
        if at >= 0:
            return reference[: at + size]
    return reference[:length]


def compare_han(text: Path, pdf: Path, pages: int, profile: str) -> int:
    raw = text.read_bytes()
    book = (gzip.decompress(raw) if text.suffix == ".gz" else raw).decode("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        part = first_pages(pdf, range(pages), Path(folder))
        layer = han_of(text_layer(part))
        reference = cut_reference(han_of(book), layer)
        ours = han_of(extract(part, profile))
    found, order, distance = scores(reference, ours)
    print(f"{pages} pages, {len(reference)} Han characters of the reference")
    print(f"found {found:.4f}  order {order:.4f}  distance {distance:.4f}")
    return 0


def compare_ocr(pdf: Path, page_no: int, profile: str) -> int:
    import pypdfium2
    from rapidfuzz.distance import Levenshtein

    with tempfile.TemporaryDirectory() as folder:
        part = first_pages(pdf, [page_no - 1], Path(folder))
        image = Path(folder) / "page.png"
        page = pypdfium2.PdfDocument(part)[0]
        page.render(scale=200 / 72).to_pil().save(image, dpi=(200, 200))
        truth = _characters(text_layer(part))
        ours = _characters(extract(image, profile, ocr="always", kind="image"))
    errors = Levenshtein.distance(truth, ours)
    print(
        f"page {page_no}: {len(truth)} characters, character error rate {errors / len(truth):.4f}"
    )
    return 0


def _characters(text: str) -> str:
    """Characters without space and markup: line breaks, lists and tables' rules cost nothing."""
    text = _PLACEHOLDER.sub("", unicodedata.normalize("NFKC", text))
    text = re.sub(r"(?m)^\|(?: -+ \|)+$", "", text).replace("|", "")
    text = re.sub(r"(?m)^\s*(?:#+|-|```)\s*", "", text)
    text = re.sub(r"(?:[.…]\s*){3,}", "…", text)  # dots that lead to a page number
    return "".join(text.split())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="documents beside groundtruth/")
    parser.add_argument("--han", nargs=2, type=Path, metavar=("REFERENCE.txt", "DOCUMENT.pdf"))
    parser.add_argument("--pages", type=int, default=40, help="first pages that --han compares")
    parser.add_argument("--ocr-page", type=int, help="with --han: this page, read by OCR")
    parser.add_argument("--profile", default="embedded", choices=["embedded", "heron", "native"])
    parser.add_argument("--show-missing", action="store_true")
    arguments = parser.parse_args()
    if arguments.han and arguments.ocr_page:
        return compare_ocr(arguments.han[1], arguments.ocr_page, arguments.profile)
    if arguments.han:
        reference, pdf = arguments.han
        return compare_han(reference, pdf, arguments.pages, arguments.profile)
    if arguments.folder is None:
        parser.error("name a FOLDER, or --han")
    return compare_folder(arguments.folder, arguments.profile, arguments.show_missing)


if __name__ == "__main__":
    raise SystemExit(main())

"""Make the example documents: a small corpus about drinking water, in Chinese and English.

    uv run python examples/make_documents.py                 # writes examples/documents
    uv run python examples/make_documents.py --output DIR

The same versions of the libraries give the same bytes: no date, no random id, no unseeded noise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from corpus_figures import flowchart, png_bytes
from corpus_fonts import FontMissing
from corpus_manual import english_manual
from corpus_notes import (
    HISTORY_PAGE,
    MANUALS_OVERVIEW,
    QUESTIONS_ZH,
    REPORTS_OVERVIEW,
    limits_workbook,
)
from corpus_reports import hong_kong_page, standard_report
from corpus_scans import backwash_scan, corrupt_jpeg, jar_test_scan, truncated_pdf
from corpus_slides import slides
from corpus_word import bilingual_glossary, disinfection_manual

DOCUMENTS = Path(__file__).resolve().parent / "documents"

# The path of each document, and what makes it.
CORPUS: dict[str, Callable[[], bytes]] = {
    "manuals/conventional-treatment.pdf": english_manual,
    "manuals/饮用水消毒操作手册.docx": disinfection_manual,
    "manuals/overview.md": MANUALS_OVERVIEW.encode,
    "reports/overview.md": REPORTS_OVERVIEW.encode,
    "reports/生活饮用水卫生标准要点.pdf": standard_report,
    "reports/hong-kong/香港供水小史.pdf": hong_kong_page,
    "reports/data/limits.xlsx": limits_workbook,
    "slides/barriers-against-pathogens.pptx": slides,
    "slides/diagrams/low-residual-flowchart.png": lambda: png_bytes(flowchart(), 64),
    "scans/jar-test-procedure.pdf": jar_test_scan,
    "scans/反冲洗操作规程.pdf": backwash_scan,
    "notes/glossary 术语.docx": bilingual_glossary,
    "notes/用户常问的问题.md": QUESTIONS_ZH.encode,
    "notes/history-of-chlorination.html": HISTORY_PAGE.encode,
    # A copy of a document that lies elsewhere: it is to be recognised as a duplicate.
    "scans/copies/limits-copy.xlsx": limits_workbook,
    # Two files that cannot be read: each is to end as one line in rejects.jsonl.
    "scans/damaged/broken-photo.jpg": lambda: corrupt_jpeg(flowchart()),
    "scans/damaged/interrupted-copy.pdf": lambda: truncated_pdf(standard_report()),
}


def make_documents(output: Path) -> int:
    """Write the corpus under `output`; returns its size in bytes. Raises FontMissing."""
    size_bytes = 0
    for name, make in CORPUS.items():
        content = make()
        path = output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        size_bytes += len(content)
        print(f"{len(content):>9,}  {name}")
    return size_bytes


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the example documents.")
    parser.add_argument("--output", type=Path, default=DOCUMENTS, help="folder to write to")
    output = parser.parse_args().output
    try:
        size_bytes = make_documents(output)
    except FontMissing as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{size_bytes:>9,}  bytes in {len(CORPUS)} files under {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The first command of the README, on the example documents: what a new user gets."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.corpora import ROOT, clara, rows

pytestmark = [pytest.mark.usefixtures("prefect_api"), pytest.mark.docling]

DOCUMENTS = ROOT / "examples" / "documents"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("examples") / "out"
    done = clara("ingest", DOCUMENTS, "--output", out, "--offline", "--json")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["outcome"] == "done"
    return out


@pytest.fixture(scope="module")
def documents(output: Path) -> dict[str, dict[str, Any]]:
    known = rows(output, "raw_knowledge")
    return {row["file_path"]: row for row in known if row["source_type"] == "document"}


def content(documents: dict[str, dict[str, Any]], name: str) -> str:
    return next(str(row["content"]) for path, row in documents.items() if path.endswith(name))


def test_every_good_file_is_there_and_every_bad_one_is_a_reject(
    output: Path, documents: dict[str, dict[str, Any]]
) -> None:
    images = {r["file_path"] for r in rows(output, "raw_knowledge") if r["source_type"] == "image"}
    files = {p.relative_to(DOCUMENTS).as_posix() for p in DOCUMENTS.rglob("*") if p.is_file()}
    rejects = {r["file_path"]: r["reason"] for r in rows(output, "rejects") if r["id"] is None}
    assert set(documents) | images | set(rejects) == files
    assert rejects["scans/damaged/broken-photo.jpg"].startswith("image_")
    assert rejects["scans/damaged/interrupted-copy.pdf"] == "pdf_broken"
    assert [r["reason"] for r in rows(output, "rejects")].count("duplicate") == 1


def test_tables_notes_charts_and_groups_are_text(documents: dict[str, dict[str, Any]]) -> None:
    manual = content(documents, "conventional-treatment.pdf")
    assert re.search(r"\| Flocculation +\| 20 to 45 minutes", manual)
    assert re.search(r"\| 5 °C +\| 149 +\| 26 +\| 1.9 +\| 2,200", manual)
    slides = content(documents, "barriers-against-pathogens.pptx")
    assert "Welcome. The talk compares three barriers" in slides
    assert re.search(r"\| 1 log \(90 %\) +\| 2.5 +\| 2.1 +\| 58", slides)
    assert "Ultrafiltration\n\n0.01 µm" in slides
    chinese = content(documents, "饮用水消毒操作手册.docx")
    assert re.search(r"\| 比色卡 +\| \[IMAGE_REF: extracted_assets/[0-9a-f]{16}\.jpg\]", chinese)
    assert "香港" in content(documents, "香港供水小史.pdf")


def test_code_keeps_its_lines(documents: dict[str, dict[str, Any]]) -> None:
    manual = content(documents, "conventional-treatment.pdf")
    assert "\n    detention_min = volume_m3 / flow_m3_h * 60\n" in manual


def test_scans_are_read(documents: dict[str, dict[str, Any]]) -> None:
    assert "Fill six beakers with one litre of raw water each" in content(
        documents, "jar-test-procedure.pdf"
    )
    assert "开启鼓风机" in content(documents, "反冲洗操作规程.pdf")
    assert documents["scans/反冲洗操作规程.pdf"]["profile"]["ocr"] == "rapidocr"
    assert documents["reports/生活饮用水卫生标准要点.pdf"]["profile"]["ocr"] is None


def test_every_reference_is_a_picture_that_is_described(output: Path) -> None:
    known = rows(output, "raw_knowledge")
    described = {row["image_id"] for row in known if row["source_type"] == "image"}
    referred = set(re.findall(r"extracted_assets/([0-9a-f]{16})\.jpg", json.dumps(known)))
    stored = {path.stem for path in (output / "extracted_assets").iterdir()}
    assert referred <= described
    assert stored == described
    chunks = "\n".join(row["chunk"] for row in rows(output, "clara_training_data"))
    assert "IMAGE_REF" not in chunks


def test_both_languages_are_asked_about(output: Path) -> None:
    pairs = [pair for row in rows(output, "clara_training_data") for pair in row["qa_pairs"]]
    asked = {(pair["type"], pair["question_language"]) for pair in pairs}
    assert {("fact", "en"), ("fact", "zh"), ("reasoning", "en"), ("reasoning", "zh")} <= asked
    assert {language for kind, language in asked if kind == "cross_lingual"} >= {"en", "zh"}
    assert len(pairs) > 150


def test_the_report_shows_chinese_and_a_gallery(output: Path) -> None:
    html = (output / "report.html").read_text(encoding="utf-8")
    assert "饮用水消毒操作手册" in html
    assert "data:image/jpeg;base64," in html
    assert not re.search(r"""(?:src|href)=["']?https?://""", html)

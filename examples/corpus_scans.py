"""Scanned pages and broken files: images of pages, a damaged JPEG and half a PDF."""

from __future__ import annotations

import io

import numpy as np
from corpus_fonts import SANS
from corpus_pdf import build_pdf, chinese_styles, english_styles, listing, table
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Paragraph, Spacer

DPI = 150

JAR_TEST = [
    "Fill six beakers with one litre of raw water each. Note its turbidity, pH and temperature.",
    "Add alum to the beakers: 10, 20, 30, 40, 50 and 60 mg/L.",
    "Stir at 100 revolutions a minute for one minute, so that the alum is spread evenly.",
    "Stir at 30 revolutions a minute for 20 minutes, so that flocs grow.",
    "Stop the paddles and let the flocs settle for 30 minutes.",
    "Draw a sample from 5 cm below the surface of each beaker and measure its turbidity.",
]
JAR_TEST_END = (
    "Choose the lowest dose that gives a settled turbidity below 2 NTU. Do not choose by the "
    "size of the flocs: large flocs can be light and settle badly. Repeat the test when the "
    "turbidity of the river doubles, when the water temperature falls by 5 °C, or when a new "
    "delivery of alum is opened."
)

JAR_TEST_REASONS = (
    "The test copies the plant in six beakers. The fast stirring stands for the rapid mixer, the "
    "slow stirring for the flocculation basin, and the rest for the sedimentation basin. The "
    "water must have the temperature of the river, because floc settles more slowly in cold "
    "water and a test in a warm room would give a dose that is too low."
)
JAR_TEST_TABLE = [
    ["Plant", "Beaker", "Speed", "Duration"],
    ["Rapid mixer", "Fast stirring", "100 rpm", "1 minute"],
    ["Flocculation basin", "Slow stirring", "30 rpm", "20 minutes"],
    ["Sedimentation basin", "Settling", "0 rpm", "30 minutes"],
]

BACKWASH_ZH = [
    "关闭进水阀，待水位降到滤料面以上约15厘米，再关闭出水阀。",
    "开启鼓风机，气洗3至5分钟，使滤料表面的泥膜松动。",
    "开启反冲洗水泵，水流由下向上，使滤层膨胀20%至30%。",
    "冲洗5至10分钟，到排水变清为止。",
    "停泵静置，让无烟煤和石英砂重新分层。",
    "开启初滤水排放阀，浑浊度低于0.3 NTU后恢复正常过滤。",
]
BACKWASH_ZH_END = (
    "冲洗强度不能过大，否则无烟煤会被水带走；也不能过小，否则泥球越积越多。"
    "冬季水温低，水的黏度大，同样的流量会使滤层膨胀得更高，因此冬季的冲洗流量应比夏季小。"
    "每次冲洗用水约占过滤水量的2%至5%。"
)
BACKWASH_ZH_TABLE = [
    ["条件", "数值", "原因"],
    ["水头损失", "达到2米", "滤料孔隙被泥沙堵塞"],
    ["滤后水浑浊度", "接近0.3 NTU", "悬浮物穿透滤层"],
    ["连续运行时间", "达到72小时", "旧的沉积物会结成泥球"],
    ["停运时间", "超过24小时", "滤层中的细菌大量繁殖"],
]


def jar_test_scan() -> bytes:
    """An English page without a text layer."""
    styles = english_styles()
    for style in styles.values():
        style.fontSize *= 1.2
        style.leading *= 1.25
    story: list[Flowable] = [
        Paragraph("Jar Test Procedure", styles["title"]),
        Paragraph("For the choice of the daily alum dose", styles["subtitle"]),
        listing(JAR_TEST, styles, numbered=True),
        Spacer(1, 4 * mm),
        Paragraph(JAR_TEST_END, styles["body"]),
        Paragraph("Why it is done this way", styles["h1"]),
        Paragraph(JAR_TEST_REASONS, styles["body"]),
        Spacer(1, 4 * mm),
        table(JAR_TEST_TABLE, [48, 44, 36, 40], styles, rules="grid"),
    ]
    page = build_pdf(
        story,
        "Jar Test Procedure",
        "",
        "",
        "Laboratory notice 7",
        lambda n: f"Sheet {n}",
        "Helvetica",
    )
    return scanned(page, degrees=0.7, seed=7)


def backwash_scan() -> bytes:
    """A Chinese page without a text layer."""
    styles = chinese_styles()
    for style in styles.values():
        style.fontSize *= 1.15
        style.leading *= 1.15
    story: list[Flowable] = [
        Paragraph("快滤池反冲洗操作规程", styles["title"]),
        Paragraph("出现下列任何一种情况时，应进行反冲洗：", styles["body"]),
        table(BACKWASH_ZH_TABLE, [50, 50, 68], styles, rules="grid"),
        Spacer(1, 5 * mm),
        Paragraph("操作步骤", styles["h1"]),
        listing(BACKWASH_ZH, styles, numbered=True),
        Spacer(1, 3 * mm),
        Paragraph(BACKWASH_ZH_END, styles["body"]),
    ]
    page = build_pdf(
        story, "快滤池反冲洗操作规程", "", "", "滤池车间　第3号", lambda n: f"第 {n} 页", SANS
    )
    return scanned(page, degrees=-0.6, seed=11)


def scanned(pdf: bytes, degrees: float, seed: int) -> bytes:
    """The first page of `pdf` as a scanner would give it: grey, a little askew, noisy, no text."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    bitmap = document[0].render(scale=DPI / 72, grayscale=True)
    page = bitmap.to_pil().convert("L")
    document.close()
    page = page.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=250)
    # RandomState's stream is frozen by numpy for good; the newer generators' is not.
    noise = np.random.RandomState(seed).randint(-9, 10, (page.height, page.width))
    shadow = np.linspace(0, 12, page.width).astype(np.int64)[None, :]
    pixels = np.asarray(page, np.int64) * 225 // 255 + 18 + noise - shadow
    jpeg = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8), "L").save(jpeg, "JPEG", quality=45)

    from reportlab.lib.utils import ImageReader

    output = io.BytesIO()
    canvas = Canvas(output, pagesize=A4, invariant=1)
    canvas.drawImage(ImageReader(io.BytesIO(jpeg.getvalue())), 0, 0, *A4)
    canvas.showPage()
    canvas.save()
    return output.getvalue()


def corrupt_jpeg(picture: Image.Image) -> bytes:
    """A JPEG whose tables are overwritten: it has the right name and the right first bytes."""
    buffer = io.BytesIO()
    picture.resize((320, 240)).save(buffer, "JPEG", quality=70)
    content = bytearray(buffer.getvalue())
    content[20:400] = np.random.RandomState(3).bytes(380)
    return bytes(content)


def truncated_pdf(pdf: bytes) -> bytes:
    """The first third of a PDF, as an interrupted copy leaves it."""
    return pdf[: len(pdf) // 3]

"""Chinese in the report is drawn by a real font, in every place: titles, charts, gallery, tables.

A font that lacks a character draws a box. So each Han character of the page is compared, pixel by
pixel, with what the browser draws for a code point that no font has; and on the page itself every
Han character is exchanged for another, which must change the pixels at its place.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tasks.reporting.fonts import find_font
from tasks.reporting.html import render_html
from tests.tasks.reporting.browser import Browser
from tests.tasks.reporting.builders import IMAGE_ID, chinese_facts, jpeg

pytestmark = pytest.mark.browser

HAN_PLACES = r"""
(() => {
  const places = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (parent.closest('title')) continue;
    const inside = parent.closest(
      'h1, aside, .bars, table, summary, figure, .crumbs, .pairs, .text');
    for (let i = 0; i < node.data.length; i++) {
      if (!/\p{Script=Han}/u.test(node.data[i])) continue;
      const range = document.createRange();
      range.setStart(node, i); range.setEnd(node, i + 1);
      const box = range.getBoundingClientRect();
      places.push({
        character: node.data[i],
        inside: inside ? inside.tagName.toLowerCase() : '',
        box: [box.left + scrollX, box.top + scrollY, box.right + scrollX, box.bottom + scrollY],
      });
    }
  }
  return places;
})()
"""
EXCHANGE = r"""
(() => {
  const next = %s, walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    node.data = node.data.replace(/\p{Script=Han}/gu, (c) => next[c] || c);
  }
})()
"""
# 32 px letters on a grid of 48 px; U+3FFFD is assigned to nothing, in no font.
SPECIMEN = r"""
(() => {
  const sheet = document.createElement('div');
  Object.assign(sheet.style, {position: 'absolute', left: 0, top: 0, zIndex: 9,
    width: '1200px', height: '900px', background: 'white', color: 'black'});
  [...%s, '\u{3FFFD}'].forEach((character, i) => {
    const cell = document.createElement('span');
    cell.textContent = character; cell.lang = 'zh-Hans';
    Object.assign(cell.style, {position: 'absolute', fontSize: '32px', lineHeight: '48px',
      left: 48 * (i %% 25) + 'px', top: 48 * Math.floor(i / 25) + 'px'});
    sheet.append(cell);
  });
  document.body.append(sheet);
})()
"""


def missing_characters(browser: Browser, characters: str) -> str:
    """Those characters that look like a code point without a glyph."""
    browser.evaluate(SPECIMEN % json.dumps(list(characters)))
    sheet = browser.screenshot()

    def cell(index: int) -> bytes:
        left, top = 48 * (index % 25), 48 * (index // 25)
        return sheet.crop((left, top, left + 48, top + 48)).tobytes()

    box = cell(len(characters))
    return "".join(c for index, c in enumerate(characters) if cell(index) == box)


def unchanged_places(browser: Browser) -> tuple[list[dict], list[dict]]:
    """All places of Han characters, and those whose pixels do not depend on the character."""
    places = browser.evaluate(HAN_PLACES)
    before = browser.screenshot()
    distinct = sorted({place["character"] for place in places})
    following = dict(zip(distinct, distinct[1:] + distinct[:1], strict=True))
    browser.evaluate(EXCHANGE % json.dumps(following))
    after = browser.screenshot()
    assert [p["box"] for p in browser.evaluate(HAN_PLACES)] == [p["box"] for p in places]
    return places, [place for place in places if not _differs(before, after, place["box"])]


def _differs(before: Image.Image, after: Image.Image, box: list[float]) -> bool:
    # Two pixels inside of the box: what a neighbour's stroke leaves at the border does not count.
    left, top, right, bottom = box
    inner = (round(left) + 2, round(top), round(right) - 2, round(bottom))
    change = ImageChops.difference(before.crop(inner), after.crop(inner)).convert("L")
    return sum(change.histogram()[64:]) >= 4


@pytest.mark.parametrize("width_px", [1200, 390])
def test_every_han_character_of_the_report_is_drawn(
    chromium: str, tmp_path: Path, width_px: int
) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_html(chinese_facts(), {IMAGE_ID: jpeg()}.get, font=None), "utf-8")

    with Browser(chromium, tmp_path / "browser") as browser:
        browser.open(page, width_px)
        places, unchanged = unchanged_places(browser)
        assert browser.evaluate("document.documentElement.scrollWidth") <= width_px
        browser.open(page)
        missing = missing_characters(browser, "".join(sorted({p["character"] for p in places})))

    kinds = {place["inside"] for place in places}
    assert {"h1", "aside", "ul", "table", "summary", "figure", "p", "ol", "div"} <= kinds
    assert len(places) > 150
    assert unchanged == []
    assert missing == "", "install a Chinese font (Debian: fonts-noto-cjk)"


@pytest.fixture
def bare_fonts(tmp_path: Path) -> dict[str, str]:
    """An environment in which the browser finds one Latin font and nothing else."""
    if sys.platform != "linux":
        pytest.skip("only fontconfig can be told to forget the fonts of the machine")
    package = importlib.util.find_spec("reportlab")
    assert package is not None and package.origin is not None
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    latin = Path(package.origin).parent / "fonts" / "Vera.ttf"
    (fonts / "latin.ttf").write_bytes(latin.read_bytes())
    configuration = tmp_path / "fonts.conf"
    configuration.write_text(
        f"<?xml version='1.0'?><fontconfig><dir>{fonts}</dir>"
        f"<cachedir>{tmp_path / 'cache'}</cachedir></fontconfig>"
    )
    return {"FONTCONFIG_FILE": str(configuration)}


def test_the_embedded_glyphs_serve_a_machine_without_a_chinese_font(
    chromium: str, tmp_path: Path, bare_fonts: dict[str, str]
) -> None:
    font = find_font()
    assert font is not None, "no embeddable Chinese font here (Debian: fonts-noto-cjk)"
    with_glyphs, without = tmp_path / "with.html", tmp_path / "without.html"
    with_glyphs.write_text(render_html(chinese_facts(), {}.get, font=font), "utf-8")
    without.write_text(render_html(chinese_facts(), {}.get, font=None), "utf-8")

    with Browser(chromium, tmp_path / "browser", bare_fonts) as browser:
        browser.open(with_glyphs)
        places, unchanged = unchanged_places(browser)
        characters = "".join(sorted({place["character"] for place in places}))
        browser.open(with_glyphs)
        missing = missing_characters(browser, characters)
        # The measure itself, proven: without the glyphs everything is a box, and is seen to be.
        browser.open(without)
        boxes, unchanged_boxes = unchanged_places(browser)
        browser.open(without)
        missing_without = missing_characters(browser, characters)

    assert (unchanged, missing) == ([], "")
    assert unchanged_boxes == boxes
    assert missing_without == characters

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tasks.records import Reject
from tasks.reporting import thumbnails
from tasks.reporting.fonts import EMBEDDABLE_FONTS, find_font, font_face
from tasks.reporting.html import render_html
from tasks.reporting.statistics import Duplicate, EngineFacts, OutputFile, RunFacts, StepFacts
from tests.tasks.reporting.builders import (
    IMAGE_ID,
    chinese_facts,
    document_row,
    facts_of,
    flagged,
    graded,
    image_row,
    ingest_run,
    jpeg,
    pair,
    spending_run,
    training_row,
)

VOID = {"meta", "img", "br", "link", "rect", "line", "input"}


class Page(HTMLParser):
    """Elements, attributes and text of a page, and proof that its tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.text.setdefault(self._open[-1], []).append(data)

    def everything(self) -> str:
        return "".join("".join(parts) for tag, parts in self.text.items() if tag != "style")


def _page(facts: RunFacts) -> Page:
    return Page(render_html(facts, {IMAGE_ID: jpeg()}.get, font=None))


HOSTILE = "</span></div><script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}<!--"


def _hostile_facts() -> RunFacts:
    path = f"a\nb/{HOSTILE}.pdf"
    return facts_of(
        documents=[document_row(path, images=[IMAGE_ID])],
        images=[image_row(path, HOSTILE)],
        training_rows=[
            training_row(
                path,
                f"x{HOSTILE}y",
                [pair(HOSTILE, HOSTILE, (1, 9))],
                summary=HOSTILE,
                headings=[HOSTILE],
            )
        ],
        rejects=[Reject(file_path=path, step=HOSTILE, reason=HOSTILE, detail=HOSTILE)],
        run=ingest_run(
            source=HOSTILE,
            output=HOSTILE,
            steps=(StepFacts(name=HOSTILE, seconds=1, done=1),),
            engines=(EngineFacts(need=HOSTILE, engine=HOSTILE, reason=HOSTILE),),
            files=(OutputFile(name=HOSTILE, rows=1),),
            options={HOSTILE: HOSTILE},
            versions={HOSTILE: HOSTILE},
            held_out=(path,),
            removed=(path,),
            duplicates=(Duplicate(file_path=path, same_as=path),),
            notices=(HOSTILE,),
        ),
    )


def test_nothing_of_a_document_becomes_markup() -> None:
    page = _page(_hostile_facts())

    tags = {tag for tag, _ in page.elements}
    assert "script" not in tags
    assert sum(tag == "img" for tag, _ in page.elements) == 1
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    assert page.everything().count("alert(1)") >= 20
    assert "49" not in "".join(page.text["bdi"])


def test_odd_characters_of_a_path_are_seen_and_do_not_act() -> None:
    odd = "line\nbreak\t‮fdp.exe 🚀\x1b[31m.pdf"
    page = _page(facts_of(documents=[document_row(odd)]))

    shown = "line\\nbreak\\t\\u202efdp.exe 🚀\\x1b[31m.pdf"
    assert shown in page.text["bdi"]
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", page.everything())


def test_the_page_loads_nothing_and_admits_only_its_own_style() -> None:
    html = render_html(chinese_facts(), {IMAGE_ID: jpeg()}.get)
    page = Page(html)

    for tag, attributes in page.elements:
        assert tag not in {"script", "link", "iframe", "object", "base", "form"}
        if tag == "img":
            assert attributes["src"].startswith("data:image/jpeg;base64,")
        if tag == "a":
            assert re.fullmatch(r"#\w+|\w+\.jsonl|extracted_assets/\w+\.jpg", attributes["href"])
    style = re.search("<style>(.*)</style>", html, re.DOTALL)
    assert style is not None
    assert re.findall(r"url\((?!data:)|@import|https?:", style[1]) == []
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(
        a["content"] for t, a in page.elements if "Content-Security" in a.get("http-equiv", "")
    )
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy


def test_evidence_is_marked_in_the_chunk() -> None:
    chunk = "🔧 <b>先接地线</b> & 再接电源。"
    start = chunk.index("先")
    row = training_row("a.pdf", chunk, [pair("q", "先接地线", (start, start + 4))], language="zh")

    html = render_html(facts_of([document_row("a.pdf")], training_rows=[row]), {}.get, font=None)

    assert "🔧 &lt;b&gt;<mark>先接地线</mark><sup>1</sup>&lt;/b&gt; &amp; 再接电源。" in html


def test_evidence_beyond_the_chunk_is_said_to_be_so() -> None:
    row = training_row("a.pdf", "short", [pair("q", "a", (2, 99))])

    page = _page(facts_of([document_row("a.pdf")], training_rows=[row]))

    assert "evidence lies outside of the chunk" in page.everything()
    assert "mark" not in page.text


def test_a_huge_chunk_is_cut_and_its_evidence_with_it() -> None:
    row = training_row("a.pdf", "x" * 50_000, [pair("q", "a", (3_990, 4_100))])

    page = _page(facts_of([document_row("a.pdf")], training_rows=[row]))

    assert "".join(page.text["mark"]) == "x" * 10
    assert "46,000 more characters" in page.everything()


@pytest.mark.parametrize(
    ("text", "tag"), [("阀门断电关闭", "zh-Hans"), ("閥門斷電關閉", "zh-Hant"), ("valve", None)]
)
def test_text_names_its_script(text: str, tag: str | None) -> None:
    page = _page(facts_of([document_row("a.pdf")], training_rows=[training_row("a.pdf", text)]))

    (chunk,) = [a for t, a in page.elements if t == "div" and a.get("class") == "text"]
    assert chunk.get("lang") == tag


def test_an_empty_run_has_a_page() -> None:
    page = _page(facts_of())

    assert "Nothing was rejected." in page.everything()
    assert "0 documents became 0 chunks" in page.everything()


def test_the_same_facts_give_the_same_page() -> None:
    pages = {render_html(chinese_facts(), {IMAGE_ID: jpeg()}.get) for _ in range(2)}

    assert len(pages) == 1


def test_a_picture_that_is_missing_or_broken_leaves_a_note() -> None:
    facts = facts_of([document_row("a.pdf", images=[IMAGE_ID])], [image_row("a.pdf", "a valve")])

    for data in (None, b"", b"\xff\xd8\xff not a picture", jpeg()[:200]):
        html = render_html(facts, lambda _, data=data: data, font=None)
        assert "Picture not embedded here" in html
        assert "a valve" in html


def test_thumbnails_are_small_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    made = thumbnails.make_thumbnails(["a", "b", "a"], lambda _: jpeg(1600, 900))
    assert list(made) == ["a", "b"]
    assert (made["a"].width_px, made["a"].height_px) == (320, 180)

    monkeypatch.setattr(thumbnails, "MAXIMUM_TOTAL_BYTES", len(made["a"].data_uri) + 1)
    assert list(thumbnails.make_thumbnails("abc", lambda _: jpeg(1600, 900))) == ["a"]
    monkeypatch.setattr(thumbnails, "MAXIMUM_COUNT", 0)
    assert thumbnails.make_thumbnails("abc", lambda _: jpeg()) == {}


def test_a_broken_font_embeds_nothing_and_the_best_font_is_found(tmp_path: Path) -> None:
    best, worse = EMBEDDABLE_FONTS[0], EMBEDDABLE_FONTS[-1]
    (tmp_path / "nested").mkdir()
    (tmp_path / worse).write_bytes(b"no font")
    assert find_font([tmp_path, tmp_path / "absent"]) == tmp_path / worse
    (tmp_path / "nested" / best).write_bytes(b"no font")

    found = find_font([tmp_path])

    assert found == tmp_path / "nested" / best
    assert font_face("中文", found) == ""
    assert font_face("中文", tmp_path / "gone.otf") == ""
    assert font_face("no Chinese", found) == ""


def test_calls_and_cost_are_shown_where_there_were_any() -> None:
    shown = _page(facts_of(run=spending_run())).everything()

    for text in ("Calls and cost of this run", "1,200", "2,000,000", "9.00 USD", "qwen|turbo"):
        assert text in shown
    assert "What the answers in the data set took" in shown
    assert "12.01 USD" in shown
    unpriced = _page(facts_of(run=spending_run(priced=False))).everything()
    assert "unknown" in unpriced
    assert "--price-input" in unpriced
    nothing = _page(facts_of()).everything()
    assert "cost" not in nothing
    assert "data set took" not in nothing


def test_grades_and_flags_are_shown_where_there_are_any() -> None:
    row = flagged(training_row("a<b>.pdf", "text", [graded(pair("q", "a"), 5, 3)], id="0123"))
    facts = facts_of([document_row("a<b>.pdf")], training_rows=[row])

    page = _page(facts)

    shown = page.everything()
    assert "Grades of the judge: faithfulness" in shown
    assert "judged 5 faithful, 3 answerable" in shown
    assert "1 chunk gives orders to a model" in shown
    assert page.text["bdi"].count("addresses_model") == 1
    assert "0123" in page.text["bdi"]
    plain = _page(facts_of([document_row("a.pdf")], training_rows=[training_row("a.pdf", "text")]))
    assert "judge" not in plain.everything()
    assert "orders" not in plain.everything()


def test_more_flagged_chunks_than_are_named_are_counted() -> None:
    rows = [flagged(training_row("a.pdf", "text", id=f"chunk-{n}")) for n in range(30)]

    shown = _page(facts_of(training_rows=rows)).everything()

    assert "and 10 more" in shown
    assert "chunk-19" in shown
    assert "chunk-20" not in shown

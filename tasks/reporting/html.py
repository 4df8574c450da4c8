"""report.html: one file that shows a run, with nothing to load and no script.

The page is drawn twice over: first its body, then, knowing which Chinese characters the body
holds, the style sheet with the glyphs for them. The content security policy admits that one style
sheet (by hash) and data URIs, so nothing that a document smuggles in can load or run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tasks.records import Evidence
from tasks.reporting import labels
from tasks.reporting.calls import NOW_HEADERS, TOTAL_HEADERS, call_tables
from tasks.reporting.charts import BarChart, bar_chart, column_chart
from tasks.reporting.display import language_tag, one_line, readable
from tasks.reporting.evidence import Piece, is_inside, pieces
from tasks.reporting.fonts import find_font, font_face
from tasks.reporting.gallery import GalleryChunk
from tasks.reporting.marks import flagged_sentence
from tasks.reporting.statistics import RunFacts
from tasks.reporting.thumbnails import make_thumbnails

LANGUAGE_NAMES: Mapping[str, str] = {
    "en": "English",
    "zh": "Chinese",
    "mixed": "mixed",
    "other": "other",
}
TYPE_NAMES: Mapping[str, str] = {
    "fact": "fact",
    "reasoning": "reasoning",
    "cross_lingual": "cross-lingual",
}
CHUNK_LIMIT = 4_000
LIST_LIMIT = 50
REJECT_ROW_LIMIT = 150


def render_html(
    facts: RunFacts,
    picture_bytes: Callable[[str], bytes | None],
    *,
    font: Path | Literal["find"] | None = "find",
) -> str:
    """The report as one HTML document, usually below 3 MB.

    `picture_bytes(image_id)` gives the JPEG of a picture, or None where it is missing. `font` is
    the Chinese font to embed: "find" looks for one on this machine, None embeds none.
    The same facts, pictures and font give the same text.
    """
    environment = _environment()
    body = environment.get_template("body.html.jinja").render(
        facts=facts,
        run=facts.run,
        charts=_charts(facts),
        calls=call_tables(facts.run.usage, facts.run.cost),
        now_headers=NOW_HEADERS,
        total_headers=TOTAL_HEADERS,
        flagged_sentence=flagged_sentence,
        thumbnails=make_thumbnails(_wanted_pictures(facts), picture_bytes),
        language_names=LANGUAGE_NAMES,
        type_names=TYPE_NAMES,
        list_limit=LIST_LIMIT,
        reject_row_limit=REJECT_ROW_LIMIT,
        chunk_limit=CHUNK_LIMIT,
    )
    chosen = find_font() if font == "find" else font
    shown = _visible_text(body)
    style = (
        _style_sheet()
        + font_face(shown, chosen)
        + font_face(_traditional_text(shown), chosen, "zh-Hant")
    )
    return environment.get_template("page.html.jinja").render(
        title=one_line(f"Ingest report: {facts.run.source}", 200),
        body=Markup(body),
        style=Markup(style),
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii"),
    )


def chunk_pieces(chunk: GalleryChunk) -> tuple[Piece, ...]:
    """The chunk's text, cut to what the page shows, with the evidence of its pairs marked."""
    text = readable(chunk.text)
    shown = text[:CHUNK_LIMIT]

    def visible(span: Evidence | None) -> Evidence | None:
        if span is None or not is_inside(span, text):
            return None
        return Evidence(start=span.start, end=min(span.end, len(shown)))

    return pieces(shown, [visible(pair.evidence) for pair in chunk.pairs])


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tasks.reporting", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        prose=_prose,
        path=_path,
        lang_attribute=_lang_attribute,
        number=labels.number,
        duration=labels.duration,
        size=labels.size,
        moment=labels.moment,
        pieces=chunk_pieces,
        setting=labels.setting,
    )
    environment.tests.update(
        asset=lambda image_id: re.fullmatch(r"[0-9a-f]{16}", image_id) is not None,
        stray=lambda pair, text: pair.evidence is not None and not is_inside(pair.evidence, text),
    )
    environment.globals.update(plural=labels.plural)
    return environment


def _lang_attribute(text: str) -> Markup:
    tag = language_tag(text)
    return Markup(' lang="{}"').format(tag) if tag else Markup("")


def _prose(text: str, limit: int | None = None) -> Markup:
    """Text with line breaks, escaped; Chinese inside a span that names its script."""
    return _spanned(readable(text, limit))


def _path(text: str, limit: int | None = 400) -> Markup:
    """A path or a name on one line, escaped, isolated from the direction of what surrounds it."""
    return Markup("<bdi{}>{}</bdi>").format(_lang_attribute(text), one_line(text, limit))


def _spanned(text: str) -> Markup:
    attribute = _lang_attribute(text)
    return Markup("<span{}>{}</span>").format(attribute, text) if attribute else escape(text)


def _charts(facts: RunFacts) -> dict[str, object]:
    steps = {step.name: step for step in facts.run.steps}

    def note_step(name: str, _: Mapping[str, float]) -> str:
        step = steps[name]
        return f"{step.done:,} done now · {step.reused:,} reused" if step.done + step.reused else ""

    return {
        "steps": bar_chart(
            "Wall time of each step",
            [(step.name, {"": step.seconds}) for step in facts.run.steps],
            write=labels.duration,
            note=note_step,
        ),
        "kinds": _counts("Documents by file type", facts.documents_by_kind),
        "languages": _counts("Documents by language", _named(facts.documents_by_language)),
        "chunk_lengths": column_chart(
            "Length of chunks", facts.chunk_lengths, series=LANGUAGE_NAMES
        ),
        "questions": bar_chart(
            "Questions by type and language",
            [(TYPE_NAMES[name], by) for name, by in facts.pairs_by_type.items()]
            if facts.pairs
            else [],
            series=LANGUAGE_NAMES,
            note=_note_languages,
        ),
        "pairs_per_chunk": _counts(
            "Chunks by number of pairs",
            {labels.plural(many, "pair"): chunks for many, chunks in facts.pairs_per_chunk.items()},
        ),
        "grades": [
            _counts(f"Grades of the judge: {name}", {str(g): count for g, count in by.items()})
            for name, by in facts.grades.items()
        ],
        "rejects": _counts(
            "Rejects by step and reason",
            {f"{group.step} · {group.reason}": group.count for group in facts.reject_groups[:30]},
        ),
    }


def _counts(title: str, counts: Mapping[str, int]) -> BarChart:
    return bar_chart(title, [(name, {"": count}) for name, count in counts.items()])


def _named(by_language: Mapping[str, int]) -> dict[str, int]:
    return {LANGUAGE_NAMES[name]: count for name, count in by_language.items()}


def _note_languages(_: str, values: Mapping[str, float]) -> str:
    return " · ".join(f"{LANGUAGE_NAMES[n]} {count:,.0f}" for n, count in values.items() if count)


def _wanted_pictures(facts: RunFacts) -> list[str]:
    """First pictures of all documents before second ones: a bound then leaves none bare."""
    depth = max((len(document.pictures) for document in facts.gallery), default=0)
    return [
        document.pictures[position].image_id
        for position in range(depth)
        for document in facts.gallery
        if len(document.pictures) > position
    ]


def _visible_text(body: str) -> str:
    """The body without its data URIs (long, and never Chinese)."""
    return re.sub(r'"data:[^"]*"', '""', body)


def _traditional_text(body: str) -> str:
    """What stands in elements of traditional Chinese; none of them holds another of its name."""
    elements = re.finditer(r'<(\w+)\b[^>]*\blang="zh-Hant"[^>]*>(.*?)</\1>', body, re.DOTALL)
    return "".join(element[2] for element in elements)


def _style_sheet() -> str:
    return (Path(__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")

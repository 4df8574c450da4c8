"""Questions about a picture's description: which words stand in it, never what size it has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate, Frame
from tasks.synthesis.chinese import blanks as chinese_blanks
from tasks.synthesis.english import blanks as english_blanks
from tasks.synthesis.labels import has_han
from tasks.synthesis.passage import Passage, Span
from tasks.synthesis.topic import Topic

# What tasks/description/ocr.py writes: caption, kind and size, text.
_KIND = (
    r"(?:The picture is an area of one colour, [^.\n]{3,24} pixels\."
    r"|The picture is a flat graphic of"
    r" [^.\n]{3,24} pixels\.|The picture has (?:many shades of colour, as a photograph has, and )?"
    r"[^.\n]{3,24} pixels\.|这幅图片[^。\n]{0,30}大小为[^。\n]{3,24}像素。)"
)
_DESCRIPTION = re.compile(
    r"(?:Picture titled “(?P<title_en>[^”\n]{2,200})”\.\s?"
    r"|图片标题：“(?P<title_zh>[^”\n]{2,200})”。\s?)?"
    + _KIND
    + r"(?:\s?(?:Text in it, in reading order: |图中文字按阅读顺序为：)(?P<words>[^\n]+))?"
)
_CAPTION = re.compile(
    r"(?P<label>(?:Figure|Fig\.|Table|Chart|图|圖"
    r"|表)\s*[\dA-Z]+(?:[.\-–]\d+)*)\s*[.:：\u3000 ]\s*(?P<caption>\S[^\n]{5,160})"
)
_LONGEST = 200


def description_spans(passage: Passage) -> list[Span]:
    """Where descriptions stand: no other template reads them."""
    return [Span(*match.span()) for match in _DESCRIPTION.finditer(passage.text)]


def picture_candidates(passage: Passage, topic: Topic) -> Iterator[Candidate]:
    text = passage.text
    for match in _DESCRIPTION.finditer(text):
        words = match["words"]
        if not words:
            continue
        start, end = match.span("words")
        while end > start and text[end - 1] in " 。.":
            end -= 1
        labels = _labels(text, start, end)
        title = match["title_en"] or match["title_zh"] or ""
        numbered = _CAPTION.fullmatch(title)
        title = (numbered["caption"] if numbered else title) or _caption_after(text, match.end())
        zh = has_han(words)
        shown, span = title, Span(start, end)
        if not title and len(labels) >= 3 and 4 <= len(labels[0].of(text)) <= 60:
            # The first line of a chart or a diagram is its title.
            shown, span = labels[0].of(text), Span(labels[1].start, end)
        if not shown or len(labels) < 2:
            continue
        shown = shown.strip(" .。:：")
        if span.end - span.start <= _LONGEST and _telling(span.of(text)):
            yield from _listed(shown, span, zh)
        yield from _single(text, labels, shown, zh)
        yield from _sentences(text, labels, shown, zh)


def _listed(title: str, span: Span, zh: bool) -> Iterator[Candidate]:
    frame = Frame("labels", title)
    if zh and has_han(title):
        question = f"题为“{title}”的图中标有哪些文字？"
        yield Candidate("fact", question, span, "zh", 0.7, "picture", frame)
    elif not zh and not has_han(title):
        question = f"Which labels appear in the picture titled “{title}”?"
        yield Candidate("fact", question, span, "en", 0.7, "picture", frame)


def _single(text: str, labels: list[Span], title: str, zh: bool) -> Iterator[Candidate]:
    """A label that explains another: "承托层：砾石", "0.3 mg/L: minimum"."""
    for label in labels:
        words = label.of(text)
        match = re.fullmatch(r"(?P<k>[^:：]{2,30})[:：]\s*(?P<v>[^:：]{2,60})", words)
        if match is None or not _telling(match["v"]) or not _telling(match["k"]):
            continue
        span = Span(label.start + match.start("v"), label.start + match.end("v"))
        frame = Frame("label", match["k"], topic=title)
        if zh and has_han(title):
            question = f"在题为“{title}”的图中，“{match['k']}”旁注明了什么？"
            yield Candidate("fact", question, span, "zh", 0.62, "picture", frame)
        elif not zh and not has_han(title):
            question = f"In the picture titled “{title}”, what stands beside “{match['k']}”?"
            yield Candidate("fact", question, span, "en", 0.62, "picture", frame)


def _sentences(text: str, labels: list[Span], title: str, zh: bool) -> Iterator[Candidate]:
    """A label that says something: "Wait 30 minutes, the minimum contact time"."""
    topic = Topic(title)
    for label in labels:
        words = label.of(text)
        if words in title or words.endswith(("?", "？")):
            continue
        if zh and has_han(words):
            yield from chinese_blanks.of_label(text, label, topic)
        elif not zh and not has_han(words) and len(words.split()) >= 5:
            yield from english_blanks.of_label(text, label, topic)


def _labels(text: str, start: int, end: int) -> list[Span]:
    found: list[Span] = []
    for match in re.finditer(r"[^;；]+", text[start:end]):
        left = start + match.start() + len(match[0]) - len(match[0].lstrip())
        found.append(Span(left, start + match.start() + len(match[0].rstrip())))
    return found


def _caption_after(text: str, end: int) -> str:
    match = re.match(r"\s*", text[end:])
    found = _CAPTION.match(text, end + (match.end() if match else 0))
    return found["caption"].strip(" .。") if found else ""


def _telling(text: str) -> bool:
    """Words, and few bare numbers: the scale of an axis tells nothing."""
    labels = [label.strip() for label in re.split(r"[;；]", text)]
    bare = sum(not any(c.isalpha() for c in label) for label in labels)
    return 3 * bare < len(labels) and sum(c.isalpha() for c in text) > 0.4 * len(text)

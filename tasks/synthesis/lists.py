"""Lists that a sentence with a colon introduces: what the items are, asked by that sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate, Frame
from tasks.synthesis.labels import has_han, without_full_stop
from tasks.synthesis.passage import Passage, Span, Unit
from tasks.synthesis.rules import dangling_pronoun
from tasks.synthesis.topic import Topic

_LONGEST, _ITEMS_MOST = 240, 8
_INTRO_EN = re.compile(
    r"(?:the|there are|its?)?\s*(?:following|(?:two|three|four|five|six|seven|several|main)\b)?\s*"
    r"(?P<n>[a-z][a-z -]{4,60}?) (?:are|include|is|were)(?: the following| these)?(?: \w+ \w+)?:$",
    re.IGNORECASE,
)
_INLINE_ZH = re.compile(
    r"(?P<n>[^，。；：]{3,26}?)(?:还)?(?:有|包括|为|是|分为|如下|包括以下几[个种项])[：:](?P<a>[^：:]{6,160})"
)


def list_candidates(passage: Passage, topic: Topic) -> Iterator[Candidate]:
    """ "The main parts are:" and its items; "其他指标还有：甲；乙；丙。" in one sentence."""
    yield from _inline(passage, topic)
    yield from _years(passage, topic)
    yield from _assigned(passage, topic)
    units = passage.units
    for index, unit in enumerate(units):
        if unit.kind != "sentence" or has_han(unit.span.of(passage.text)):
            continue
        intro = _INTRO_EN.fullmatch(unit.span.of(passage.text).strip())
        items = _items(units, index + 1)
        if intro is None or not 2 <= len(items) <= _ITEMS_MOST or not topic.nearest:
            continue
        span = Span(items[0].span.start, items[-1].span.end)
        noun = intro["n"].strip().lower()
        if span.end - span.start > _LONGEST or dangling_pronoun(noun) or has_han(topic.nearest):
            continue
        question = f"In the context of {topic.context}, what are the {noun}?"
        yield Candidate("fact", question, span, "en", 0.72, "list")


def _items(units: list[Unit], first: int) -> list[Unit]:
    found: list[Unit] = []
    for unit in units[first:]:
        if unit.kind != "item":
            break
        found.append(unit)
    return found


def _inline(passage: Passage, topic: Topic) -> Iterator[Candidate]:
    for unit in passage.units:
        raw = unit.span.of(passage.text)
        if raw.startswith(("这幅图片", "图片标题", "图中文字")) or "图中文字按阅读顺序" in raw:
            continue
        yield from _counted(raw, unit, topic)
        if unit.kind not in ("sentence", "pair") or not has_han(raw):
            continue
        match = _INLINE_ZH.fullmatch(raw.rstrip("。"))
        if match is None or len(re.findall(r"[；、，]", match["a"])) < 1:
            continue
        name = match["n"]
        if re.match(r"其中|这|那|该|此|它|如|例如|即|我|你|本", name) or not topic.nearest:
            continue
        name = re.sub(r"^其他", "其他", name)
        start = unit.span.start + match.start("a")
        question = f"就{topic.nearest}而言，{name}有哪些？"
        yield Candidate("fact", question, Span(start, start + len(match["a"])), "zh", 0.72, "list")


_COUNTED_ZH = re.compile(
    r"(?P<v>新增|增加|删除|修改|取消|调整|提出|设置|列出|规定)了?(?P<n>[\d一二两三四五六七八九十]+[项个种类条])"
    r"(?P<w>[^，。；：]{2,16})[:：，](?:即|包括|例如|分别是)?(?P<a>[^。；：]{4,120}?(?:和|及|与)[^。；：]{2,30}?)[。；]"
)


def _counted(raw: str, unit: Unit, topic: Topic) -> Iterator[Candidate]:
    """ "增加4项指标：甲、乙、丙和丁。": which four were added?"""
    match = _COUNTED_ZH.match(raw)
    if match is None or "、" not in match["a"] or not topic.nearest:
        return
    part = "例如" in match[0][: match.start("a") - match.start()]
    asked = "包括哪些" if part else "是哪些"
    # "修改8项指标的限值，包括...": what is listed are the things, not their limits.
    if "的" in match["w"]:
        return
    question = f"就{topic.nearest}而言，{match['v']}的{match['n']}{match['w']}{asked}？"
    start = unit.span.start + match.start("a")
    yield Candidate("fact", question, Span(start, start + len(match["a"])), "zh", 0.85, "list")


_YEARS = r"(?:1[5-9]|20)\d\d(?:\s?[–-]\s?(?:\d{4}|\d\d|present))?"
_DATED = re.compile(rf"(?P<t>[^;()\n|=]{{3,60}}?) \((?:born |b\. )?(?P<y>{_YEARS})\)(?=\s*(?:;|$))")
_DATED_FIRST = re.compile(rf"(?P<y>{_YEARS})\s*[-–:]\s+(?P<t>[^;()\n|=]{{3,60}}?)(?=\s*(?:;|\(|$))")


def _years(passage: Passage, topic: Topic) -> Iterator[Candidate]:
    """Lists of works and people, each with a year: "Sweet Tea (2001); Blues Singer (2003)"."""
    if not topic.nearest or has_han(topic.nearest):
        return
    start = 0
    for line in passage.text.split("\n"):
        items = [*_split(line)]
        for pattern in (_DATED, _DATED_FIRST):
            found = [(left, pattern.fullmatch(item)) for left, item in items]
            dated = [(left, match) for left, match in found if match is not None]
            if len(dated) < 3:
                continue
            titles = [match["t"] for _, match in dated]
            for left, match in dated:
                title = re.sub(r"^\W+", "", match["t"].strip(" -–:.,"))
                if titles.count(match["t"]) > 1 or not re.search(r"[^\W\d]{3}", title):
                    continue
                if has_han(title) or match["y"] in title or ".." in title:
                    continue
                many = "years are" if len(match["y"]) > 4 else "year is"
                question = f"In the context of {topic.context}, which {many} given for “{title}”?"
                at = start + left
                answer = Span(at + match.start("y"), at + match.end("y"))
                frame = Frame("dated", title, topic=topic.nearest)
                yield Candidate("fact", question, answer, "en", 0.6, "dated", frame)
        start += len(line) + 1


def _split(line: str) -> Iterator[tuple[int, str]]:
    for match in re.finditer(r"[^;]+", line):
        item = match[0].strip()
        lead = re.match(r"[-*•]\s+|\d{1,2}[.)]\s*", item)
        cut = lead.end() if lead else 0
        yield match.start() + match[0].index(item) + cut, item[cut:].rstrip(".")


_DIGIT = re.compile(r"\d")
_FEWEST_PLACES = 3
_KEY = r"(?P<k>[\"“]?[A-Z0-9][^;|=\n]{2,60}?)"
_ASSIGNED = tuple(
    re.compile(rf"{_KEY}{between}(?P<v>[^;|=\n]{{2,{longest}}})")
    for between, longest in ((r" as ", 60), (r"\s*:\s+", 80), (r"\s+[–-]\s+", 160), (r",\s+", 60))
)


def _assigned(passage: Passage, topic: Topic) -> Iterator[Candidate]:
    """Lists in one line that give each entry one thing: "Monarch: A ; Prime Minister: B ; ..."."""
    if not topic.nearest or has_han(topic.nearest):
        return
    start = 0
    for line in passage.text.split("\n"):
        items = [*_split(line)] if line.count(" ; ") >= 2 else []
        for pattern in _ASSIGNED if "||" not in line else ():
            found = [(left, pattern.fullmatch(item.strip())) for left, item in items]
            fits = [(left, match) for left, match in found if match is not None]
            if len(fits) < 3 or 2 * len(fits) < len(items):
                continue
            keys = [match["k"] for _, match in fits]
            if pattern is _ASSIGNED[-1] and (
                len(fits) < _FEWEST_PLACES or len(fits) < len(items) - 1
            ):
                continue
            for left, match in fits:
                key = match["k"].strip(" \"“”'.,:")
                if keys.count(match["k"]) > 1 or not _entry(key) or not _entry(match["v"], 2):
                    continue
                at = start + left
                value = without_full_stop(
                    passage.text, Span(at + match.start("v"), at + match.end("v"))
                )
                both = key[-1:] + match["v"][:1]
                if both.isdigit() or (pattern is _ASSIGNED[-1] and _DIGIT.search(match[0])):
                    continue
                question = f"In the context of {topic.context}, what is given for “{key}”?"
                frame = Frame("given", key, topic=topic.nearest)
                yield Candidate("fact", question, value, "en", 0.5, "assigned", frame)
            break
        start += len(line) + 1


def _entry(text: str, letters: int = 3) -> bool:
    balanced = all(text.count(a) == text.count(b) for a, b in ("()", "[]", "“”"))
    even = text.count('"') % 2 == 0 and ".." not in text and "http" not in text
    digits = bool(re.fullmatch(r"[\d:.,]+", text)) and letters < 3
    return (
        balanced
        and even
        and not has_han(text)
        and (digits or sum(c.isalpha() for c in text) >= letters)
    )

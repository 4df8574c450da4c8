"""Questions about key-value lines and lines that a year opens."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate, Frame
from tasks.synthesis.chinese.sentence import good_subject
from tasks.synthesis.labels import (
    answerable,
    has_han,
    plain,
    without_full_stop,
)
from tasks.synthesis.passage import Passage, Span
from tasks.synthesis.tables import ask_attribute, ask_in_context
from tasks.synthesis.topic import Topic
from tasks.text import is_han

_NOT_A_KEY = re.compile(
    r"(?:notes?|warnings?|caution|important|tips?|examples?|see(?: also)?|sources?|hint|danger"
    r"|figures?|fig\.?|tables?|chart|e\.g|i\.e|question|answer|q|a|http\w*|step|attention|todo"
    r"|text(?: in the picture)?|size|image|picture"
    r"|注意?|注意事项|警告|提示|说明|例如|比如|备注|示例|例|参见|参考|来源|小心|重要|问|答|图|表"
    r"|即|如下|其中|文字|图中文字|图片)\s*[\d.\-A-Z]*",
    re.IGNORECASE,
)


def pair_candidates(passage: Passage, topic: Topic) -> Iterator[Candidate]:
    """ "Rated voltage: 230 V" asked for the entity that the document or section names."""
    yield from _timeline(passage, topic)
    owner = topic.entity if topic.owns else topic.nearest
    for unit in passage.units:
        if unit.kind != "pair" or unit.key is None or unit.value is None:
            continue
        key, value = plain(unit.key.of(passage.text)), unit.value.of(passage.text)
        if _NOT_A_KEY.fullmatch(key) or not answerable(value) or not owner:
            continue
        if len(key) < 2 or value.startswith(("The picture ", "这幅图片")):
            continue
        if has_han(key) and not good_subject(key):
            continue
        if has_han(owner) and not has_han(key + value):
            continue
        # What follows the first sentence is no value of the key any more.
        if re.search(r"[。！]\s*\S", value):
            continue
        if re.search(r"[>=→]|^[在是]|: ", value):
            continue
        if owner.lower() in key.lower() or key.lower() in owner.lower():
            continue
        words = len(value.split()) + sum(is_han(c) for c in value) / 2
        if words > 12 or value.endswith((":", "：", ",", "，", "、", ";")):
            continue
        answer = without_full_stop(passage.text, unit.value)
        if topic.owns:
            yield ask_attribute(key, owner, answer, value, 0.9, "pair")
        else:
            yield ask_in_context(key, topic, answer, value)


_YEAR_ITEM = re.compile(
    r"(?P<year>(?:1[0-9]|20)\d\d)(?P<nian>年)?\s*[:：–—]\s*(?P<what>\S.{14,240})"
)


def _timeline(passage: Passage, topic: Topic) -> Iterator[Candidate]:
    """ "1804: John Gibb builds a filter": what happened in 1804?"""
    if not topic.nearest:
        return
    lines = [(m.start(), m.end()) for m in re.finditer(r"[^\n]+", passage.text)]
    for start, end in lines:
        line = passage.text[start:end]
        lead = re.match(r"\s*(?:[-*•]\s+)?", line)
        match = _YEAR_ITEM.fullmatch(line, lead.end() if lead else 0)
        if match is None:
            continue
        answer = without_full_stop(passage.text, Span(start + match.start("what"), end))
        frame = Frame("year", match["year"], topic=topic.nearest)
        if has_han(match["what"]):
            question = f"就{topic.nearest}而言，{match['year']}年发生了什么？"
            yield Candidate("fact", question, answer, "zh", 0.78, "timeline", frame)
        else:
            question = f"In the context of {topic.context}, what happened in {match['year']}?"
            yield Candidate("fact", question, answer, "en", 0.78, "timeline", frame)

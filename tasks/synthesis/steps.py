"""Questions about the steps of a procedure: numbered items under a heading that promises steps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate, Frame
from tasks.synthesis.labels import has_han
from tasks.synthesis.passage import Passage, Span
from tasks.synthesis.topic import Topic

_NUMBERED = re.compile(r"\s*(?P<n>\d{1,2})[.)、]\s*(?P<text>\S.*)$")
_PROCEDURE = re.compile(
    r"step|procedure|how to|instruction|guide|installation|setup|assembly|backwash|maintenance"
    r"|cleaning|operation|步骤|流程|规程|程序|操作|安装|方法|维护|清洗|指南",
    re.IGNORECASE,
)
_LONGEST = 240


def step_candidates(passage: Passage, topic: Topic) -> Iterator[Candidate]:
    name = topic.title if _PROCEDURE.search(topic.title) else ""
    if topic.section and _PROCEDURE.search(topic.section):
        name = (
            topic.section
            if len(topic.section) > 6 or not topic.title
            else (
                f"{topic.title}{topic.section}"
                if has_han(topic.section)
                else f"{topic.title}, {topic.section}"
            )
        )
    if not name:
        return
    found = list(_items(passage.text))
    if len(found) < 3:
        return
    for number, span in found:
        text = span.of(passage.text)
        if not 8 <= len(text) <= _LONGEST or text.endswith((":", "：")):
            continue
        frame = Frame("step", str(number), topic=name)
        if has_han(text):
            question = f"{name}的第{number}步是什么？"
            yield Candidate("fact", question, span, "zh", 0.7, "step", frame)
        elif not has_han(name):
            question = f"What is step {number} of “{name}”?"
            yield Candidate("fact", question, span, "en", 0.7, "step", frame)


def _items(text: str) -> Iterator[tuple[int, Span]]:
    """Number and text of each item of the passage's numbered lines, if they count upwards."""
    last = None
    start = 0
    for line in text.split("\n"):
        match = _NUMBERED.match(line)
        if match is not None:
            number = int(match["n"])
            if last is not None and number != last + 1:
                return
            last = number
            yield number, Span(start + match.start("text"), start + match.end("text"))
        start += len(line) + 1

"""Answers of a well-behaved model, for the loopback endpoint: about the sheets of `corpora`.

They read the passage out of the prompt as a model would, so they know nothing of the pipeline
but its prompts' marks.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.support.llm_peer import default_answer, fill

_FENCED = re.compile(r"<(passage-[0-9a-f]+)>\n(.*?)\n</\1>", re.DOTALL)
_SHEET = re.compile(
    r"The (?P<name>\w+ K\d+) was built in (?P<year>\d+) in Lyon\. The rated pressure of the "
    r"\w+ K\d+ is (?P<bar>\d+) bar\..*?steel grade (?P<steel>S\d+).*?The mass of the "
    r"\w+ K\d+ is (?P<mass>\d+) kilograms",
    re.DOTALL,
)
_SHEET_ZH = re.compile(
    r"第(?P<number>\d+)号水厂建于(?P<year>\d+)年.*?日供水能力为(?P<capacity>\d+)万立方米", re.DOTALL
)


def text_of(body: dict[str, Any]) -> str:
    """All text of a request."""
    parts = []
    for message in body["messages"]:
        content = message["content"]
        if isinstance(content, str):
            parts.append(content)
        else:
            parts += [part["text"] for part in content if part["type"] == "text"]
    return "\n".join(parts)


def has_image(body: dict[str, Any]) -> bool:
    """Whether a request shows a picture."""
    return any(
        part["type"] == "image_url"
        for message in body["messages"]
        if not isinstance(message["content"], str)
        for part in message["content"]
    )


def passage_of(body: dict[str, Any]) -> str | None:
    """The passage that a request asks about."""
    found = _FENCED.search(text_of(body))
    return found[2] if found else None


def _schema_of(body: dict[str, Any]) -> dict[str, Any]:
    shape = (body.get("response_format") or {}).get("json_schema") or {}
    schema: dict[str, Any] = shape.get("schema", {})
    return schema


def answer(body: dict[str, Any]) -> str:
    """What the model says: a description, a summary with pairs, or something harmless."""
    if has_image(body):
        return "A drawing of a pump beside a tank. An arrow leads from the tank to the pump."
    passage = passage_of(body)
    if passage is None:
        return str(json.dumps(fill(_schema_of(body))) if _schema_of(body) else default_answer(body))
    pairs = _english_pairs(passage) or _chinese_pairs(passage) or []
    return json.dumps({"dense_summary": _summary(passage), "pairs": pairs}, ensure_ascii=False)


def _summary(passage: str) -> str:
    """Its first sentences, some two thirds of it."""
    kept = ""
    for sentence in re.split(r"(?<=[.。])\s*", passage.strip()):
        longer = f"{kept} {sentence}".strip() if sentence.isascii() else kept + sentence
        if len(longer) > 0.78 * len(passage):
            break
        kept = longer
    return kept


def _pair(kind: str, question: str, answer: str, quote: str, own: str | None = None) -> Any:
    return {
        "type": kind,
        "question": question,
        "question_in_passage_language": own,
        "answer": answer,
        "quote": quote,
    }


def _english_pairs(passage: str) -> list[Any]:
    found = _SHEET.search(passage)
    if not found:
        return []
    name, bar, mass = found["name"], found["bar"], found["mass"]
    return [
        _pair(
            "fact",
            f"What is the rated pressure of the {name}?",
            f"{bar} bar",
            f"The rated pressure of the {name} is {bar} bar.",
        ),
        _pair(
            "reasoning",
            f"Why does the {name} need a new gasket regularly?",
            f"Its shaft of steel grade {found['steel']} runs hot.",
            f"because its shaft of steel grade {found['steel']} runs hot",
        ),
        _pair(
            "cross_lingual",
            f"设备 {name} 的质量是多少？",
            f"{mass} kilograms",
            f"The mass of the {name} is {mass} kilograms",
            f"What is the mass of the {name}?",
        ),
    ]


def _chinese_pairs(passage: str) -> list[Any]:
    found = _SHEET_ZH.search(passage)
    if not found:
        return []
    number, capacity = found["number"], found["capacity"]
    return [
        _pair(
            "fact",
            f"第{number}号水厂的日供水能力是多少？",
            f"{capacity}万立方米",
            f"该水厂的日供水能力为{capacity}万立方米",
        ),
        _pair(
            "reasoning",
            f"第{number}号水厂为什么采用两级过滤工艺？",
            "因为原水浊度较高",
            "由于原水浊度较高",
        ),
        _pair(
            "cross_lingual",
            f"When was waterworks number {number} built?",
            f"{found['year']}年",
            f"第{number}号水厂建于{found['year']}年",
            f"第{number}号水厂建于哪一年？",
        ),
    ]

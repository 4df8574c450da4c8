"""Passages in both languages, with an answer to each that breaks no rule."""

from __future__ import annotations

import copy
from typing import Any

from tasks.records import Language, TextChunk

ENGLISH = (
    "The Marlin 20 is a drinking water filter that Tavira Instruments introduced in May 2018. Its "
    "cartridge holds 1.5 kg of activated carbon and lasts 12 months, or 15,000 litres. Dr. Helen "
    "Brandt showed that it removes 99.5 % of the chlorine. Water above 38 °C softens the carbon "
    "block, so hot water shortens the life of the cartridge. The filter must be flushed for 5 "
    "minutes after each change, because fine carbon dust would otherwise reach the tap."
)
CHINESE = (
    "云岭净水厂位于青河上游，2003年3月建成投产，日供水能力为1.5万立方米。水厂由滨江水务集团管理，厂长是王芳女士。"
    "原水先加入聚合氯化铝，静置30分钟后进入砂滤池。夏季藻类增多，砂滤池容易堵塞，因此每天要反冲洗两次，"
    "冬季只需每三天反冲洗一次。出厂水的浊度不超过0.3NTU，余氯保持在0.5毫克每升。2016年，水厂增设了活性炭滤池，"
    "投资1200万元，用来去除土腥味。化验室每小时检测一次浊度，结果写入《水质日报》，保存十年。"
)


def chunk(text: str, language: Language, **more: Any) -> TextChunk:
    return TextChunk(text=text, language=language, tokens=len(text), **more)


def pair(
    kind: str,
    question: str,
    answer: str,
    quote: str,
    counterpart: str | None = None,
) -> dict[str, Any]:
    """A pair as a model writes it."""
    return {
        "type": kind,
        "question": question,
        "question_in_passage_language": counterpart,
        "answer": answer,
        "quote": quote,
    }


_ENGLISH_ANSWER = {
    "dense_summary": (
        "The Marlin 20 water filter came from Tavira Instruments in May 2018. Its cartridge (1.5 "
        "kg of activated carbon) lasts 12 months or 15,000 litres and removes 99.5 % of the "
        "chlorine, as Dr. Helen Brandt showed. Water above 38 °C softens the carbon block. "
        "After each change it is flushed for 5 minutes."
    ),
    "pairs": [
        pair(
            "fact",
            "How long does the cartridge of the Marlin 20 last?",
            "12 months, or 15,000 litres.",
            "lasts 12 months, or 15,000 litres",
        ),
        pair(
            "reasoning",
            "Why must the Marlin 20 be flushed after its cartridge is changed?",
            "Because fine carbon dust would otherwise reach the tap.",
            "The filter must be flushed for 5 minutes after each change, because fine carbon dust "
            "would otherwise reach the tap.",
        ),
        pair(
            "cross_lingual",
            "Marlin 20 净水器能去除百分之多少的氯？",
            "99.5 % of the chlorine.",
            "it removes 99.5 % of the chlorine",
            "What percentage of the chlorine does the Marlin 20 filter remove?",
        ),
    ],
}
_CHINESE_ANSWER = {
    "dense_summary": (
        "云岭净水厂位于青河上游，2003年3月投产，日供水1.5万立方米，由滨江水务集团管理，厂长王芳女士。原水加聚合氯化铝，"
        "静置30分钟后进砂滤池。夏季藻类多，每天反冲洗两次，冬季三天一次。出厂水浊度不超过0.3NTU，余氯0.5毫克每升。"
        "2016年投资1200万元增设活性炭滤池去除土腥味。"
    ),
    "pairs": [
        pair(
            "fact",
            "云岭净水厂的日供水能力是多少？",
            "1.5万立方米。",
            "日供水能力为1.5万立方米",
        ),
        pair(
            "reasoning",
            "为什么云岭净水厂的砂滤池夏季每天要反冲洗两次？",
            "因为夏季藻类增多，砂滤池容易堵塞。",
            "夏季藻类增多，砂滤池容易堵塞，因此每天要反冲洗两次",
        ),
        pair(
            "cross_lingual",
            "How much was invested in the activated carbon filter of the Yunling (云岭) waterworks "
            "in 2016?",
            "1200万元。",
            "2016年，水厂增设了活性炭滤池，投资1200万元",
            "2016年云岭净水厂的活性炭滤池投资了多少？",
        ),
    ],
}


def english_answer() -> dict[str, Any]:
    return copy.deepcopy(_ENGLISH_ANSWER)


def chinese_answer() -> dict[str, Any]:
    return copy.deepcopy(_CHINESE_ANSWER)

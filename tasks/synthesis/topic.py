"""What a chunk is about, from its headings: the name that makes a question stand alone."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from tasks.synthesis.wordlist import words

_NUMBERING = re.compile(
    r"^\s*(?:(?:chapter|section|part|appendix|step)\s+[\dA-Z]+\s*[.:]?\s*"
    r"|附录\s*[A-Z\d一二三四五六七八九十]+\s*[.、:：]?\s*"
    r"|第\s*[\d一二三四五六七八九十百]+\s*[章节部分篇条]\s*"
    r"|[一二三四五六七八九十]+、\s*"
    r"|[1-3]?\d(?:\.\d+)*[.、)]?\s+|\d+(?:\.\d+)+[.、)]?\s*|[A-Z](?:\.\d+)+\.?\s+|[IVX]+\.\s+)+",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"[*`]+|\\(?=[_*`\[\]])")
_GENERIC = frozenset(
    words("""
        introduction overview contents table of contents abstract summary conclusion
        conclusions references appendix notes note general background details description
        example examples usage features specifications specification technical data
        technical specifications maintenance safety installation operation troubleshooting
        results discussion methods history see also external links preface foreword index
        faq about bibliography further reading 前言 简介 介绍 概述 概要 概览 目录 摘要 总结
        小结 结论 参考文献 附录 说明 备注 示例 例子 用法 规格 技术规格 技术参数 技术数据
        参数 维护 保养 安全 安装 操作 使用方法 故障排除 结果 讨论 方法 历史 背景 序言 索引
        常见问题 特点 功能 关于
    """)
) | frozenset(
    {"table of contents", "technical data", "technical specifications", "see also"}
    | {"external links", "further reading", "frequently asked questions"}
)
_DOCUMENT_WORDS = re.compile(
    r"\s*(?:(?:user|operating|owner's|service|installation|product|quick start|reference)\s+)*"
    r"(?:manual|guide|handbook|instructions|data ?sheet|brochure|faq)$"
    r"|(?:产品|用户|使用|操作|安装|快速|维护|参考)*(?:手册|说明书|指南|数据表|说明)$",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"(?:how|what|when|where|which|who|why)\b|如何|怎样|怎么|为什么", re.IGNORECASE
)
# "For the choice of the dose", "From raw water to clear water": no name of anything.
_PHRASE = re.compile(
    r"(?:for|in|on|at|from|to|with|by|of|after|before|about|if|as|under|over|choosing|using)\b",
    re.IGNORECASE,
)
_FAQ = re.compile(r"常[见问].{0,4}(?:问题|问答)|问与答|Q ?& ?A", re.IGNORECASE)
_MAX_CHARACTERS = 70


@dataclass(frozen=True)
class Topic:
    """`title` names the document, `section` the place in it; either may be empty."""

    title: str = ""
    section: str = ""

    @property
    def entity(self) -> str:
        """What the document is about: "AquaPure 300" of "AquaPure 300 User Manual"."""
        return _DOCUMENT_WORDS.sub("", self.title).strip(" -–—:：《》") or self.title

    @property
    def owns(self) -> bool:
        """Whether "the weight of ENTITY" makes sense: a product's name, not a subject of study."""
        words = self.entity.split()
        named = self.entity != self.title or any(c.isdigit() for c in self.entity)
        return bool(self.entity) and len(words) <= 5 and named and not _QUESTION.match(self.entity)

    @property
    def context(self) -> str:
        """`nearest` as it stands inside a sentence; a title that is a clause is quoted."""
        clause = _QUESTION.match(self.nearest) or _PHRASE.match(self.nearest)
        return f"“{self.nearest}”" if clause else self.nearest

    @property
    def nearest(self) -> str:
        return self.section or self.title


def clean_heading(heading: str) -> str:
    text = _MARKUP.sub("", html.unescape(heading))
    text = _NUMBERING.sub("", text)
    return " ".join(text.split()).strip(" .:：-–—#")


def _usable(heading: str) -> bool:
    if not 2 <= len(heading) <= _MAX_CHARACTERS or heading.lower() in _GENERIC:
        return False
    if _FAQ.search(heading):
        return False
    if re.search(r"[?？。|<>\[\]{}`]|IMAGE|://|上一页|下一页", heading):
        return False
    return any(character.isalpha() for character in heading)


def topic_of(headings: tuple[str, ...]) -> Topic:
    """Outermost and innermost heading that name something (not "Overview", not a question)."""
    usable = [text for text in (clean_heading(h) for h in headings) if _usable(text)]
    if not usable:
        return Topic()
    title = usable[0]
    section = usable[-1] if len(usable) > 1 and usable[-1] != title else ""
    return Topic(title, section)

"""A model's answer made into a description: without markup, markers of ours, and small talk."""

from __future__ import annotations

import re

# The labels that the prompt asks for. What stands below the first was copied from the picture.
COPIED_LABELS = (
    "Title|Visible text|Table|Data"
    "|标题|標題|图中文字|圖中文字|可见文字|可見文字|表格|数据|數據|資料"
)
OWN_LABELS = "Summary|Process|概述|摘要|总结|總結|流程"
_LABEL = rf"(?:{COPIED_LABELS}|{OWN_LABELS})[ \t]*[:：]"
_NOTHING = r"(?:none|n/a|not applicable|nothing|no (?:visible )?text|无|無|没有|沒有|不适用|不適用)"
_FLAGS = re.IGNORECASE | re.MULTILINE
_EMPTY_PARAGRAPH = re.compile(
    rf"^[ \t]*{_LABEL}[ \t]*(?:{_NOTHING}[ \t]*[.。]?[ \t]*$|(?=\n\s*(?:{_LABEL}))|(?=\s*\Z))",
    _FLAGS,
)
_LABEL_ALONE = re.compile(rf"^[ \t]*({_LABEL})[ \t]*\n\s*(?=\S)", _FLAGS)

# What the rest of the pipeline takes for its own markup. A picture may show such text, and a
# model that copies it word for word must not plant a reference in the data.
_MARKER_WORD = r"IMAGE[ _](?:REF|DESCRIPTION)\b"
_MARKER = re.compile(rf"\[[ \t]*{_MARKER_WORD}[^\[\]\n]{{0,500}}\]", re.IGNORECASE)
_BROKEN_MARKER = re.compile(rf"\[(?=\s{{0,20}}{_MARKER_WORD})", re.IGNORECASE)
_LIST_MARKER = re.compile(r"^[ \t]*-{3}[ \t]*Extracted Images[ \t]*-{3}[ \t]*$", re.MULTILINE)

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029]")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*$", re.MULTILINE)
_RULE = re.compile(r"^[ \t]*(?:-{3,}|\*{3,}|_{3,}|={3,})[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^[ \t]*#{1,6}[ \t]+(?=\S)", re.MULTILINE)
_QUOTE = re.compile(r"^[ \t]*>[ \t]+", re.MULTILINE)
_BULLET = re.compile(r"^([ \t]*)[*+•][ \t]+(?=\S)", re.MULTILINE)
_BOLD = re.compile(r"\*\*(?=[^\s*])([^*\n]{1,500}?)(?<=\S)\*\*")
_ITALIC = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]{1,500}?)(?<=\S)\*(?![\w*])")
_CODE = re.compile(r"`([^`\n]{1,500})`")
_MANY_BREAKS = re.compile(r"\n{3,}")

_WHAT = r"(?:description|transcription|transcript|summary|analysis|breakdown|overview|answer)"
_WHAT_ZH = "描述|说明|說明|内容|內容|分析|转写|轉寫|介绍|介紹|概述|总结|總結"
_YES = (
    r"(?:(?:(?:sure|certainly|of course|absolutely|okay|ok|great)\b"
    r"|好的|当然可以|当然|當然|没问题|沒問題)[ \t]*[,.!:，。！：]*\s*)"
)
_END = r"(?:[:：]\s*|[.。]?[ \t]*\n\s*)"
_OPENING = re.compile(
    rf"{_YES}?(?:"
    rf"(?:here(?:['’]s| is| are)|below is|the following is)\b[^\n:.]{{0,80}}\b{_WHAT}\b"
    rf"[^\n:.]{{0,60}}{_END}"
    rf"|(?:(?:根据|根據)(?:您|你)?(?:所)?(?:提供|上传|上傳|给出|給出)的[^\n：:。，]{{0,20}}[，,]\s*)?"
    rf"(?:以下|下面)(?:就)?(?:是|为|為)[^\n：:。]{{0,40}}(?:{_WHAT_ZH})[^\n：:。]{{0,12}}{_END}"
    rf"|[这這]是[^\n：:。]{{0,20}}(?:描述|说明|說明){_END}"
    rf"|[图圖](?:片|像)(?:的)?(?:内容|內容)?描述(?:如下)?{_END}"
    rf"|(?:image|picture) {_WHAT}{_END}"
    rf")|{_YES}\n\s*",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:(?:please )?(?:let me know if|feel free to)|i hope (?:this|that|it)\b|hope this helps"
    r"|if you (?:need|have|would like|want)\b[^\n]{0,120}(?:let me know|feel free|happy to help)"
    r"|希望(?:这|這|以上|对|對)[^\n]{0,60}(?:帮助|幫助|有用)"
    r"|如(?:果)?(?:您|你)(?:还|還)?(?:需要|有|想)[^\n]{0,120}(?:告诉我|告訴我|随时|隨時|提供))"
    r"[^\n]{0,200}",
    re.IGNORECASE,
)


def description_of(answer: str) -> str:
    """The answer as paragraphs of plain text; empty where nothing is left of it."""
    text = answer.encode("utf-8", "replace").decode("utf-8")
    text = _tidy(_CONTROL.sub("", _LINE_END.sub("\n", text)))
    text = _without_markers(_without_talk(_without_markup(text).strip()))
    text = _LABEL_ALONE.sub(_label_before_words, _EMPTY_PARAGRAPH.sub("", text))
    return _tidy(text)


def _label_before_words(alone: re.Match[str]) -> str:
    return alone[1] if alone[1].endswith("：") else f"{alone[1]} "


def _tidy(text: str) -> str:
    """No blanks at the ends of lines, and one blank line at most."""
    return _MANY_BREAKS.sub("\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()


def _without_markup(text: str) -> str:
    for mark in (_FENCE, _LIST_MARKER, _RULE, _QUOTE):
        text = mark.sub("", text)
    text = _BOLD.sub(r"\1", _BULLET.sub(r"\1- ", text))
    text = _ITALIC.sub(r"\1", _HEADING.sub("", text))
    return _CODE.sub(r"\1", text)


def _without_markers(text: str) -> str:
    """Without whole markers; what is left of a nested or broken one is no marker any more."""
    return _BROKEN_MARKER.sub("(", _MARKER.sub("", text))


def _without_talk(text: str) -> str:
    """Without "Here is the description:" before it and "Let me know if ..." after it."""
    if opening := _OPENING.match(text):
        text = text[opening.end() :].lstrip()
    before, border, last = text.rpartition("\n\n")
    return before.rstrip() if border and _CLOSING.fullmatch(last.strip()) else text

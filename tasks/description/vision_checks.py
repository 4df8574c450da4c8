"""What is wrong with a description that a model wrote, and what it is told about it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

from tasks.description.vision_text import COPIED_LABELS, OWN_LABELS
from tasks.records import Record
from tasks.text import count_han, language_of, weighted_length

Written = Literal["en", "zh"]

NAMES: dict[Written, str] = {"en": "English", "zh": "Chinese"}

# Two Han characters, or six letters and digits, beside the labels.
_SHORTEST = 6
# A refusal is short; a description that begins with an excuse and goes on is one all the same.
_LONGEST_REFUSAL = 600
_REFUSAL_EN = re.compile(
    r"(?:i['’]?m (?:very |really |so )?sorry|i am (?:very |really |so )?sorry|sorry, (?:but )?i\b"
    r"|i apologi[sz]e|unfortunately, i\b|as an ai\b"
    r"|i(?:['’]m| am)? (?:cannot|can['’]?t|can not|unable|not able|do not|don['’]t|won['’]t)\b"
    r"|(?:there is )?no (?:image|picture) (?:was |is |has been )?(?:provided|attached|visible)?)"
    r"[^\n]{0,300}",
    re.IGNORECASE,
)
_INABILITY_EN = re.compile(
    r"\b(?:cannot|can['’]?t|can not|unable|not able|won['’]t|do(?:n['’]t| not) (?:see|have)"
    r"|no (?:image|picture))\b",
    re.IGNORECASE,
)
_NOT_ABLE_ZH = "无法|無法|不能|没法|沒法|没有办法|沒有辦法|不便|不支持|没有(?:看到|收到|能力)"
_REFUSAL_ZH = re.compile(
    r"(?:非常|很|十分)?(?:抱歉|对不起|對不起|不好意思|遗憾|遺憾)[^\n]{0,80}?"
    rf"(?:{_NOT_ABLE_ZH})"
    rf"|作为(?:一个|一名)?(?:AI|人工智能|语言模型|文本模型)[^\n。]{{0,40}}?(?:{_NOT_ABLE_ZH})"
    rf"|我(?:目前|暂时|现在|实在)?(?:还)?(?:{_NOT_ABLE_ZH})"
    r"|(?:无法|無法|不能)(?:查看|识别|識別|看到|处理|處理|描述|提供|协助|帮助)"
)

_LABELLED = re.compile(
    rf"^[ \t]*(?:(?P<copied>{COPIED_LABELS})|(?:{OWN_LABELS}))[ \t]*[:：]", re.IGNORECASE
)
_QUOTED = re.compile(
    r"“[^”\n]{0,500}”|「[^」\n]{0,500}」|『[^』\n]{0,500}』|\"[^\"\n]{0,500}\"|《[^》\n]{0,200}》"
)
# Fewer letters than these, a Han character counted as three, are no evidence of a language.
_EVIDENCE = 16

# A table may say the same in a few of its rows, and a form in many of its fields.
_REPEATS_MIN, _REPEATED_SHARE = 12, 0.5
_LOOP_REPEATS_MIN, _LOOP_LENGTH_MIN, _WORDLESS_LOOP_LENGTH_MIN = 12, 300, 900
_LOOP_PERIOD_MAX = 240
_SENTENCE = re.compile(r"[^\n.!?。！？]+")


class Fault(Record):
    """`complaint`: what the model is told when it is asked again; None: asking is of no use."""

    reason: str
    detail: str
    complaint: str | None = None


def fault_of(text: str, language: Written | None) -> Fault | None:
    """What is wrong with a cleaned description; `language` is None where any will do."""
    if _is_refusal(text):
        quoted = " ".join(text.split())[:120]
        return Fault(
            reason="description_refused", detail=f"The model refused to describe it: “{quoted}”."
        )
    if weighted_length("".join(c for c in _without_labels(text) if c.isalnum())) < _SHORTEST:
        return Fault(
            reason="description_empty", detail=f"The model's answer says nothing: “{text}”."
        )
    if _runs_away(text):
        return Fault(
            reason="description_repetitive",
            detail="The model's answer says the same again and again.",
            complaint="it says the same again and again. Say everything once",
        )
    if language is not None and _is_foreign(text, language):
        name = NAMES[language]
        return Fault(
            reason="description_language",
            detail=f"The model's description is not written in {name}, as its document is.",
            complaint=f"it is not written in {name}. Write it in {name}, the labels as well; only "
            "words that stand in the picture keep their own language",
        )
    return None


def once_only(text: str) -> str:
    """The text up to where it begins to repeat itself, so that it can be quoted."""
    seen: set[str] = set()
    kept = []
    for line in text[:4000].split("\n"):
        words = " ".join(line.split())
        if words and words in seen:
            break
        seen.add(words)
        kept.append(line[:300])
    return "\n".join(kept)[:1200].strip()


def _is_refusal(text: str) -> bool:
    if weighted_length(text) > _LONGEST_REFUSAL:
        return False
    english = _REFUSAL_EN.match(text)
    if english is not None and _INABILITY_EN.search(english[0]):
        return True
    return _REFUSAL_ZH.match(text) is not None


def _is_foreign(text: str, language: Written) -> bool:
    """Whether what the model says in its own words is in another language.

    What it copied is in the picture's language: quoted words, the title, cells and values.
    """
    own = _QUOTED.sub(" ", "\n".join(_own_lines(text)))
    own = "".join(character for character in own if not character.isdigit())
    if weighted_length("".join(c for c in own if c.isalpha())) < _EVIDENCE:
        return False
    return language_of(own) not in (language, "mixed")


def _without_labels(text: str) -> str:
    return "\n".join(_LABELLED.sub("", line, count=1) for line in text.split("\n"))


def _own_lines(text: str) -> list[str]:
    lines = []
    copied = False
    for line in text.split("\n"):
        if label := _LABELLED.match(line):
            copied = label["copied"] is not None
            line = line[label.end() :]
        if not copied:
            lines.append(line)
    return lines


def _runs_away(text: str) -> bool:
    return _repeats_a_sentence(text) or _ends_in_a_loop(text)


def _repeats_a_sentence(text: str) -> bool:
    """Whether one sentence, many times over, is much of the text."""
    sentences = [" ".join(part.split()) for part in _SENTENCE.findall(text)]
    counts = Counter(sentence for sentence in sentences if count_han(sentence) + len(sentence) > 6)
    if not counts:
        return False
    sentence, times = counts.most_common(1)[0]
    return times >= _REPEATS_MIN and times * len(sentence) >= _REPEATED_SHARE * len(text)


def _ends_in_a_loop(text: str) -> bool:
    """Whether the end is one piece again and again, as where a model does not find its end."""
    for period in range(1, min(_LOOP_PERIOD_MAX, len(text) // 2) + 1):
        if text[-period:] != text[-2 * period : -period]:
            continue
        length = 2 * period
        while length < len(text) and text[-length - 1] == text[period - length - 1]:
            length += 1
        wordless = not any(character.isalpha() for character in text[-period:])
        least = _WORDLESS_LOOP_LENGTH_MIN if wordless else _LOOP_LENGTH_MIN
        if length >= least and length >= _LOOP_REPEATS_MIN * period:
            return True
    return False

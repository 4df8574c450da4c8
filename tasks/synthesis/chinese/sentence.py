"""A Chinese sentence made ready for the templates: its clauses, and what may be a subject."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tasks.synthesis.passage import Span, Unit
from tasks.synthesis.topic import Topic
from tasks.text import is_han

_MIN_CHARACTERS, _MAX_CHARACTERS = 8, 140
_UNREADABLE = re.compile(r"\]\(|\||https?:|www\.|==|[{}<>\\�]|\[IMAGE|[?？…]|\.\.\.")
_FRONT = re.compile(
    r"(?:然而|此外|另外|不过|但是|但|并且|而且|同时|例如|比如|实际上|事实上|一般来说|通常|总之|当然"
    r"|换句话说|也就是说|目前|首先|其次|最后|接着|然后|随后|因此|所以|因而|于是)[，,]\s*"
)
_BACKWARD = re.compile(
    r"^(?:它|他|她|其|该|此|这|那|您|你|我|咱|本文|本章|本节|本书|上述|以上|以下|下面|上面|前者|后者|之"
    r"|有些|有的|有人|另|如果|若|当|如|虽然|尽管|即使|只有|只要|除非|无论|不论|不管|因为|由于|为了|为"
    r"|在|对|从|将|把|用|按|根据|通过|随着|除了|与|和|及|以|并|而|且|或|也|还|就|都|才|又|再|请|要"
    r"|可|不|没|所有这些|所以|因此|但|然而|同样|同时|例如|比如|其中|即|甚至|包括|使用|使|让|某|大家"
    r"|人们|自|至|于|到|向|被|由|每当|一旦|直到|是|会|能|应|需|必须|已|正|这里|那里|此时|最后|首先)"
)
# What such a subject is said to be names nothing: "the most important point is ...".
_EMPTY_SUBJECT = re.compile(
    r"很|非常|一个|一种|一些|(?:之一|原因|问题|目的|方法|方式|办法|知识点|关键|重点|结果|例子|情况|部分|后者|前者"
    r"|选择|差别|区别|缺点|优点|好处|坏处|特点|做法|步骤|注意|提示|警告|上一页|下一页|事情|事实|地方|时候|其他|其它)$|^(?:因|允许|使用|提供|支持|包括|包含|需要|显示|确定|大(?:部分|多数)的?人|第[一二三四五六七八九十]|现在|目前|之前|以前|如今|最低|最高|一次|注意|提示|警告|选择|只|首|下|上|每|手动|自动|直接|单独|产生|主要|全部|所有|任何|各|专门|另|更多)|另[个一]|有趣"
)
_DANGLING = re.compile(
    r"其中|两者|二者|双方|它|(?<!其)他(?!们?人)|她|该(?!死)|此(?!外)|这|那(?!么)|本(?:文|章|节|书|手册)|上述|以上|以下|如下|前者"
    r"|后者|上面|下面|我们|上图|下图|上表|下表|前文|后文|前面|后面|刚才"
)
_SELF = re.compile(r"^(?:本|该)(?:产品|设备|机器|机|软件|系统|装置|仪器|型号|公司|项目|程序|工具)")
_OPENERS = {"（": "）", "(": ")", "[": "]", "【": "】"}
_NOUN_TAGS = ("n", "eng", "l", "j", "b", "i", "x", "m", "vn", "an", "s", "f", "t", "g", "nz", "q")


@dataclass(frozen=True)
class ChineseSentence:
    """`body` is the text without end mark; `body[i]` stands at `start + i` of the chunk."""

    body: str
    start: int
    clauses: tuple[tuple[int, int], ...]
    topic: Topic

    def clause(self, index: int) -> str:
        left, right = self.clauses[index]
        return self.body[left:right]

    def span(self, left: int, right: int) -> Span:
        while left < right and self.body[left] in " ，,、：:“”":
            left += 1
        while right > left and self.body[right - 1] in " ，,、；;":
            right -= 1
        return Span(self.start + left, self.start + right)


def prepare(text: str, unit: Unit, topic: Topic) -> ChineseSentence | None:
    raw = unit.span.of(text)
    complete = raw.endswith(("。", "！", "；", "”", "）", "."))
    if not complete and unit.kind != "item":
        return None
    body = raw.rstrip("。！；. ")
    start = unit.span.start
    if front := _FRONT.match(body):
        body, start = body[front.end() :], start + front.end()
    if not _MIN_CHARACTERS <= len(body) <= _MAX_CHARACTERS or _UNREADABLE.search(body):
        return None
    if body.endswith(("：", ":", "，", "、")) or not balanced(body):
        return None
    if sum(is_han(c) for c in body) < max(5, 0.3 * len(body)):
        return None
    return ChineseSentence(body, start, _clauses(body), topic)


def _clauses(body: str) -> tuple[tuple[int, int], ...]:
    """Comma-separated clauses, commas inside brackets not counted."""
    spans: list[tuple[int, int]] = []
    depth, left = 0, 0
    for index, character in enumerate(body):
        if character in "（([【“《":
            depth += 1
        elif character in "）)]】”》":
            depth -= 1
        elif depth == 0 and character in "，,；;" and not body[index - 1 : index].isdigit():
            spans.append((left, index))
            left = index + 1
    spans.append((left, len(body)))
    return tuple((a, b) for a, b in spans if b > a)


def balanced(text: str) -> bool:
    pairs = (("（", "）"), ("(", ")"), ("“", "”"), ("《", "》"), ("【", "】"), ("[", "]"))
    return all(text.count(a) == text.count(b) for a, b in pairs) and (
        text.count('"') % 2 == 0 and text.count("`") % 2 == 0
    )


def without_brackets(text: str) -> str:
    """For questions: remarks in brackets are left out, code and emphasis lose their marks."""
    text = re.sub(r"（[^（）]*）|\([^()]*\)|\[\d+\]", "", text)
    return re.sub(r"\*\*|`", "", text).strip(" ，,；;：:、")


@lru_cache(maxsize=20_000)
def tags(text: str) -> tuple[tuple[str, str], ...]:
    """Words of a Chinese text with their parts of speech (jieba's tag set)."""
    import rjieba

    found = rjieba.tag(simplified(text))
    if sum(len(word) for word, _ in found) != len(text):
        return tuple(rjieba.tag(text))
    words: list[tuple[str, str]] = []
    start = 0
    for word, tag in found:
        words.append((text[start : start + len(word)], tag))
        start += len(word)
    return tuple(words)


@lru_cache(maxsize=1)
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


def simplified(text: str) -> str:
    """For the tagger, whose dictionary is simplified; characters stay one for one."""
    return str(_converter().convert(text))


def good_subject(text: str) -> bool:
    """A noun phrase that names something by itself, as far as words and tags can tell."""
    plain = without_brackets(text)
    if not 2 <= len(plain) <= 24 or _BACKWARD.match(plain) or _DANGLING.search(plain):
        return False
    if _EMPTY_SUBJECT.search(plain):
        return False
    if re.search(r"[，。；：！？、“”\"]", plain) or plain.endswith(
        ("的", "地", "得", "了", "时", "后")
    ):
        return False
    words = [(w, t) for w, t in tags(plain) if w.strip()]
    if (
        not words
        or not words[-1][1].startswith(_NOUN_TAGS)
        or words[0][1] in ("c", "d", "p", "r", "u")
    ):
        return False
    # "过滤周期" is a noun, "选择所有英语国家" is not: a verb may open a short compound only.
    if words[0][1].startswith("v") and (len(words) == 1 or len(plain) > 6):
        return False
    # Verbs are welcome only as part of a noun ("安装程序"), at most one of them.
    verbs = [w for w, t in words if t == "v"]
    if any(t in ("r", "c", "d", "y", "p") and w not in ("和", "与") for w, t in words):
        return False
    return len(verbs) <= 1


def stands_alone(text: str) -> bool:
    """Whether a clause can be asked about with nothing before it."""
    return not _DANGLING.search(text)


def own_subject(subject: str, topic: Topic) -> str:
    """ "本机" becomes the entity that the document names, where it names one."""
    match = _SELF.match(subject)
    if match and topic.entity:
        return topic.entity + subject[match.end() :]
    return subject


def with_topic(question: str, subject: str, topic: Topic, *, short: bool = False) -> str:
    """Says which document is meant where the subject alone is too general to be found."""
    nearest = topic.entity if topic.entity and topic.entity not in question else topic.nearest
    if not nearest or nearest in question:
        return question
    general = sum(is_han(c) for c in subject) <= 4 and not re.search(r"[A-Za-z]{2,}", subject)
    general = general or (short and len(question) <= 14)
    return f"就{nearest}而言，{question}" if general else question

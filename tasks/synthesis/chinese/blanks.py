"""Which Chinese sentences can be quoted alone, and which of their spans are worth a blank."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate
from tasks.synthesis.chinese.sentence import balanced, tags
from tasks.synthesis.cloze import Blank, BlankKind, Statement, ask_across, ask_completion
from tasks.synthesis.passage import Span, Unit
from tasks.synthesis.topic import Topic
from tasks.text import is_han

_FEWEST, _MOST, _CLIP_FROM, _BESIDE_HAN, _BESIDE_MOST = 10, 80, 60, 5, 22
_UNREADABLE = re.compile(r"\]\(|\||https?:|www\.|==|[{}<>\\�]|\[IMAGE|[?？…]|\.\.\.|\*\*|`")
_FRONT = re.compile(
    r"(?:然而|此外|另外|不过|但是|但|并且|而且|同时|例如|比如|实际上|事实上|总之|当然|换句话说|也就是说"
    r"|其次|最后|首先|接着|然后|随后|因此|所以|因而|于是)[，,]?\s*"
)
_POINTS_BACK = re.compile(
    r"(?:[图表圖]\s?\d|本(?:手册|资料|文档|书|文|章|节|页|表)|后[一两二三几]|前[一两二三几]|[二三]者|它|他|她|其|该|此|这|那|前者|后者|两者|二者|上述|以上|以下|下面|上面|本文|本章|本节|本书|有些|有的"
    r"|另|否则|而|并|且|也|还|就|都|才|又|再|反之|为此|对此|不然|结果|同样|甚至|或|我|你|您|咱|即|之)"
)
_POINTS_INSIDE = re.compile(
    r"上述|以上[^0-9]|以下(?=[几的步方情两三四五：])|如下|上图|下图|上表|下表|前文|后文|见第|如图|[该此][^外时]|(?<!因)此(?!外|时)"
    r"|这|那[个些种样]|我们|它们?(?!人)|(?<!其)他们"
)
_NUMERAL = r"(?:\d[\d,.]*|[一二两三四五六七八九十百千]{1,5})"
_MEASURE = (
    r"(?:(?:平方|立方|毫|厘|千|公|兆|纳|微)*(?:小时|分钟|字节|摄氏度|世纪|年代|个月|公顷|英里|海里|美元|港元|人民币|[年天日秒分米里克吨升伏瓦安赫度倍元岁周吋尺磅])"
    r"|%|％|‰|°[CF]?|℃|[µμmckMG]?(?:g|m|L|l|V|W|A|Hz|Pa|mol|B)(?:[²³]|\d)?(?:/[A-Za-z³²]+)?|NTU|CFU(?:/\d*\s?mL)?|[A-Za-z]{1,3}/[A-Za-z]{1,3}"
    r"|[个种名台座项类次位人户条件层级艘辆家所届章页步组套款门枚颗株头匹])"
)
_FIGURE = re.compile(
    rf"(?<![\d.A-Za-z第])(?:{_NUMERAL}\s?[万亿]?)(?:[%％℃]?\s?(?:至|到|~|～|—|–|-)\s?(?:{_NUMERAL}\s?[万亿]?))?(?:多|余|几)?\s?(?:{_MEASURE}(?:每{_MEASURE})?)(?![\w²³/%])".replace(
        r"(?![\w²³/%])", r"(?![A-Za-z0-9²³/%])"
    )
)
_SMALL = re.compile(r"[一两二三]\s?[个种名台座项类次位人户条件层级家所步组套款门]$|[一]")
_DATE = re.compile(
    r"(?:公元前?\s?)?\d{3,4}\s?年(?:代|初|底|末)?(?:\s?\d{1,2}\s?月(?:\s?\d{1,2}\s?[日号])?)?"
    r"(?:\s?[至到]\s?\d{3,4}\s?年(?:代|初|底|末)?)?|\d{1,2}\s?世纪(?:\s?\d{2}\s?年代)?(?:初|末|中叶)?"
)
_YEAR = re.compile(r"\d{4}\s?年")
_QUOTED = re.compile(r"《([^《》]{2,24})》|“([^“”]{2,16})”|「([^「」]{2,16})」")
_LATIN = re.compile(
    r"(?<![A-Za-z0-9])[A-Z][A-Za-z][A-Za-z0-9.+#-]*(?: [A-Z][A-Za-z0-9.+#-]*){0,3}(?![A-Za-z0-9])"
)
_VERBS = (
    "称为|称作|叫做|命名为|定义为|指的是|是指|生成|产生|形成|变成|变为|转化为|转变为|分解为|分解成|分解出|放出|释放出|释放|位于|用于|用来"
    "|适用于|来自|来源于|取决于|依赖于|属于|包括|包含|采用|使用|利用|通过|防止|避免|预防|减少|增加|提高|降低|去除|除去|消除|杀灭"
    "|导致|引起|造成|促进|影响|需要|要求|应该?|必须|可以|能够|提供|支持|具有|拥有|加入|投加|注入|改为|改成|设有|建有|负责|获得|担任|意味着|表示"
    "|等于|成为|作为|发现|保持|维持|达到|防|是|为|以|用|由|令|使"
)
_OBJECT = re.compile(rf"(?P<v>{_VERBS})(?P<a>[^，。；：、]{{3,24}})$")
_LAST_OF_LIST = re.compile(
    r"、[^，。；：、]{1,12}(?:和|及|與|与|以及|或)(?P<a>[^，。；：、的]{2,10})(?=$|[，；])"
)
_TRIVIAL = re.compile(
    r"(?:很|非常|比较|较|更|最|一样|不同|一些|许多|大量|很多|多|少|大|小|高|低|好|差|快|慢|这|那|它|他|她|其|此|该|的|了|不|没|有|什么"
    r"|重要|必要|可能|可以|困难|方便|容易|简单|自己|人们|大家|时候|目前|现在|因为|所以)+的?"
)


def completions(text: str, unit: Unit, topic: Topic) -> Iterator[Candidate]:
    """One completion question of the sentence, and one in English with a few of its words."""
    span = _alone(text, unit)
    if span is None:
        return
    found = sorted(blanks(text, span), key=lambda blank: (-blank.weight, blank.span.start))
    for blank in found:
        clipped = _clipped(text, span, blank)
        if clipped is None:
            continue
        statement = Statement(text, clipped)
        made = ask_completion(statement, blank, topic, "zh")
        if made is None:
            continue
        yield made
        part = _beside(text, clipped, blank)
        if part is not None:
            across = ask_across(statement, blank, part, topic, "en")
            if across is not None:
                yield across
        return


def of_label(text: str, label: Span, topic: Topic) -> Iterator[Candidate]:
    """A completion question of a label in a picture, which needs no full stop."""
    raw = label.of(text)
    if sum(is_han(c) for c in raw) < _FEWEST or _POINTS_BACK.match(raw) or not balanced(raw):
        return
    for blank in sorted(blanks(text, label), key=lambda b: (-b.weight, b.span.start)):
        if blank.span.start == label.start:
            continue
        if made := ask_completion(Statement(text, label), blank, topic, "zh"):
            yield made
            return


def _alone(text: str, unit: Unit) -> Span | None:
    raw = unit.span.of(text)
    if not raw.endswith(("。", "！", "；", "”", "）")):
        return None
    body = raw.rstrip("。！； ")
    start = unit.span.start
    if front := _FRONT.match(body):
        body, start = body[front.end() :], start + front.end()
    if number := re.match(r"\d{1,2}[.、．]\s*", body):
        body, start = body[number.end() :], start + number.end()
    if _POINTS_BACK.match(body) and "：" in body:
        # "The two differ: X is ..." says who is meant after its colon.
        after = body.index("：") + 1
        body, start = body[after:], start + after
    if _POINTS_BACK.match(body) or _POINTS_INSIDE.search(body) or _UNREADABLE.search(body):
        return None
    if not balanced(body) or body.endswith(("：", ":", "，", "、")) or "\n" in body:
        return None
    han = sum(is_han(c) for c in body)
    return Span(start, start + len(body)) if han >= _FEWEST and han >= 0.4 * len(body) else None


def _clipped(text: str, span: Span, blank: Blank) -> Span | None:
    """A long sentence ends at the next border after the blank, or begins after a semicolon."""
    raw = span.of(text)
    left, right = 0, len(raw)
    if len(raw) > _CLIP_FROM:
        begins = raw.rfind("；", 0, blank.span.start - span.start)
        if begins >= 0 and not _POINTS_BACK.match(raw[begins + 1 :]):
            left = begins + 1
        for border in re.finditer(r"[；，]", raw[blank.span.end - span.start :]):
            end = blank.span.end - span.start + border.start()
            if sum(is_han(c) for c in raw[left:end]) >= 2 * _FEWEST and balanced(raw[left:end]):
                right = end
                break
    shown = raw[left:right]
    if not balanced(shown) or not _FEWEST <= sum(is_han(c) for c in shown) <= _MOST:
        return None
    return Span(span.start + left, span.start + right)


def _beside(text: str, span: Span, blank: Blank) -> Span | None:
    """The clause around the blank; with the clause before it where it is short."""
    before = text[span.start : blank.span.start]
    borders = [m.end() for m in re.finditer(r"[，、；：。]", before)]
    starts = [start for start in (0, *borders) if len(before) - start <= _BESIDE_MOST]
    after = re.match(
        r"[^，。；：、“”《》（）()\s]{1,8}(?=$|[，。；：、])", _rest(text, span, blank)
    )
    tail = after[0] if after else ""
    for start in reversed(starts):
        shown = before[start:] + tail
        if sum(is_han(c) for c in shown) < _BESIDE_HAN or not balanced(shown):
            continue
        if len(before) - start < 2 or re.search(r"(?:[时后前]|时候)$", shown):
            return None
        lead = re.match(r"而是|才(?!能)|则|又|也|并", shown)
        start += lead.end() if lead else 0
        return Span(span.start + start, blank.span.end + len(tail))
    return None


def _rest(text: str, span: Span, blank: Blank) -> str:
    return text[blank.span.end : span.end]


def blanks(text: str, span: Span) -> Iterator[Blank]:
    """Spans worth asking for, each with its kind and weight."""
    raw = span.of(text)
    taken: list[tuple[int, int]] = []

    def blank(left: int, right: int, kind: BlankKind, weight: float) -> Blank:
        return Blank(Span(span.start + left, span.start + right), kind, weight)

    for match in _DATE.finditer(raw):
        taken.append(match.span())
        yield blank(*match.span(), "year" if _YEAR.fullmatch(match[0]) else "date", 0.64)
    for match in _FIGURE.finditer(raw):
        if any(a < match.end() and match.start() < b for a, b in taken):
            continue
        if raw[match.end() :].startswith(("之", "又", "比")) or match[0] == "百分":
            continue
        if raw[match.end() :].startswith(("之", "又")) or raw[: match.start()].endswith("分之"):
            continue
        if _SMALL.fullmatch(match[0]) or re.match(r"一[^\d]?$", match[0]):
            continue
        weight = 0.66 if any(c.isdigit() for c in match[0]) else 0.56
        yield blank(*match.span(), "figure", weight)
    for match in _QUOTED.finditer(raw):
        group = next(i for i in (1, 2, 3) if match[i] is not None)
        yield blank(*match.span(group), "name", 0.55)
    for match in _LATIN.finditer(raw):
        if len(match[0]) >= 3 and not any(a <= match.start() < b for a, b in taken):
            yield blank(*match.span(), "name", 0.46)
    for match in _LAST_OF_LIST.finditer(raw):
        if _noun(match["a"]):
            yield blank(*match.span("a"), "words", 0.5)
    yield from (blank(*found) for found in _objects(raw))


def _objects(raw: str) -> Iterator[tuple[int, int, BlankKind, float]]:
    """What follows the last verb of a clause, to the clause's end."""
    left = 0
    for piece in re.split(r"([，；：])", raw):
        match = _object_of(piece)
        if match is not None:
            verb, answer, start = match
            strong = len(verb) > 1
            last = left + len(piece) == len(raw)
            weight = 0.5 + (0.04 if strong else 0) + (0.02 if last else 0)
            yield left + start, left + start + len(answer), "words", weight
        left += len(piece)


def _object_of(clause: str) -> tuple[str, str, int] | None:
    words: list[tuple[str, str, int]] = []
    position = 0
    for word, tag in tags(clause):
        words.append((word, tag, position))
        position += len(word)
    verbs = _VERBS.split("|")
    for word, tag, start in reversed(words):
        if not (tag.startswith("v") or word in ("为", "由", "以")) or start < 2:
            continue
        # One character is often half of a word that the tagger cut: 灭|活.
        if len(word) == 1 and word not in ("是", "为", "用"):
            continue
        end = start + len(word)
        answer = clause[end:]
        if answer.startswith(("了", "着", "过")):
            end, answer = end + 1, answer[1:]
        if word not in verbs and tag != "v":
            continue
        if 3 <= len(answer) <= 20 and _noun(answer) and not _TRIVIAL.fullmatch(answer):
            if re.match(r"[的地得时后前以之到在于从向成出入]", answer) or not balanced(answer):
                return None
            # "use ozone's plants before they ...": the answer goes on past its noun.
            if any(
                t in ("d", "v", "p", "c", "r") and w not in ("和", "与", "及", "或")
                for w, t in tags(answer)
            ):
                return None
            if word == "为" and "以" in clause[:start]:
                return None
            return word, answer, end
        if len(answer) > 20:
            return None
    return None


def _noun(text: str) -> bool:
    words = [(w, t) for w, t in tags(text) if w.strip()]
    if not words or _TRIVIAL.fullmatch(text):
        return False
    if words[0][1][0] in "upcy" or words[-1][0] in (
        "时",
        "后",
        "前",
        "的",
        "了",
        "之一",
        "中",
        "上",
        "里",
    ):
        return False
    return words[-1][1][0] in "nelbjixgsm" or words[-1][1] in ("vn", "an", "eng")

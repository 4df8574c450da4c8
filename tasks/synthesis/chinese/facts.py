"""Fact questions from Chinese sentences.

Chinese asks in place: the words of the answer give way to 什么, 谁, 哪里, 多少 or 何时 and the
order of the sentence stays. What has to be right is the subject, and that is checked by words
and by parts of speech.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate, Frame
from tasks.synthesis.chinese.conditions import conditional, the_more
from tasks.synthesis.chinese.phrases import ask, subject_of
from tasks.synthesis.chinese.sentence import (
    ChineseSentence,
    own_subject,
    stands_alone,
    tags,
    without_brackets,
)

_ADVERBS = (
    r"(?:通常|主要|还|也|都|一般|默认|将|会|必须|应该?|可以?|能够?|已经?|同时|往往|仅|只|最多|至少|目前|现在|总是"
    r"|不仅|就|需要?)*"
)
_PERSON_END = re.compile(
    r"(?:家|员|者|师|手|导演|演员|教授|总统|皇帝|国王|诗人|院士|博士|主席|经理|工程师|黑客|创始人)$"
)
_DEFINITION = re.compile(
    r"(?P<s>[^，。；：]{2,24}?)(?:[，,]?(?:就)?是指|指的是|[，,]?(?:就)?是)(?P<a>[^，。；]{4,})"
)
_ONE = re.compile(r"一[种个款名位座部家项类套条支所间本份组门张台]")
_DATE = re.compile(
    r"(?:公元前?\s?)?(?:\d{3,4}|[一二]?[〇○零一二三四五六七八九]{3,4})\s?年(?:代|初|底|末)?"
    r"(?:\s?\d{1,2}\s?月(?:\s?\d{1,2}\s?[日号])?)?|\d{1,2}\s?世纪(?:\s?\d{2}\s?年代)?"
)
_QUANTITY = re.compile(
    r"(?P<v>调整为|降到|降低到|降至|收紧到|放宽到|提高到|升到|增加到|减少到|限制在|控制在|不得低于|不得高于"
    r"|不得超过|不低于|不高于|不小于|不大于|达到了|约为|为|是|达到|达|不超过|超过|至少|最多|共有|拥有|含有"
    r"|包含|包括|设有|重|长|高|宽|约|有|占)"
    r"\s*(?P<n>\d[\d,.]*\s?(?:万|亿|千|百)?|[一二两三四五六七八九十百千]+(?=[个种名台座项类次位]))"
    r"\s*(?P<u>(?:平方|立方|毫|厘|千|公|兆|纳|微)?(?:个月|小时|分钟|字节|摄氏度|[个种名台座项类次位年天日秒元米里克吨升伏瓦安赫度倍人页章条件套级层])"
    r"(?:特|培|兹|时)?"
    r"|[A-Za-z%°℃µΩ/²³]+)?"
)
_FILLERS = re.compile(
    r"(?:通常|一般|大约|约|共|总共|默认|必须|应该?|可以?|仅|只|须|要求|要|时间|以)+$"
)
_PLACE = re.compile(
    r"(?P<v>位于|坐落于|坐落在|地处|位於|总部设在|出生于|生于)(?P<a>[^，。；]{2,24})"
)
_AGENT = re.compile(
    r"由(?P<a>[^，。；的]{2,20}?)(?P<v>创立|创建|创办|开发|设计|提供|维护|撰写|编写|制造|生产|组成|构成"
    r"|负责|管理|发布|主持|领导|资助|翻译|执行|控制|触发|启动|创作|建造|发明|提出|完成|生成|决定)"
)
_OBJECT = re.compile(
    rf"(?P<s>[^，。；：]{{2,24}}?)(?P<adv>{_ADVERBS})"
    r"(?P<v>包括|包含|支持|提供|采用|使用|需要|具有|负责|被称为|称为|称作|叫做|用于|用来|适用于|表示|意味着"
    r"|依赖于|取决于|属于|分为|允许|代表|对应于|致力于|拥有|显示|存放|存储|保存|包含了|包括了|提供了)"
    r"(?:了)?(?P<a>[^，。；：]{2,})"
)
_ASK = {
    "包括": "包括哪些内容",
    "包含": "包含哪些内容",
    "分为": "分为哪些部分",
    "用于": "用于什么",
    "用来": "用来做什么",
    "允许": "允许什么",
    "属于": "属于什么",
}


def fact_candidates(sentence: ChineseSentence) -> Iterator[Candidate]:
    """Every fact question that the templates dare to ask of the sentence."""
    yield from _definition(sentence)
    yield from _object(sentence)
    yield from conditional(sentence)
    yield from the_more(sentence)
    for left, right in sentence.clauses:
        for template in (_when, _quantity, _where, _agent):
            yield from template(sentence, left, right)


def _definition(sentence: ChineseSentence) -> Iterator[Candidate]:
    match = _DEFINITION.match(sentence.body)
    if match is None:
        return
    subject = subject_of(sentence, match["s"])
    answer = match["a"]
    if not subject or (
        not re.search(_ONE, answer[:3])
        and "的" not in answer
        and ("指" not in match[0][len(match["s"]) :][:3])
    ):
        return
    if not subject or re.match(
        r"(?:为了|因为|由于|在|从|由|以|不|否|对|通过|根据|非常|很|最)", answer
    ):
        return
    if answer.endswith("的") or not _closed_noun(answer) or not stands_alone(answer):
        return
    person = bool(_PERSON_END.search(answer)) and bool(_ONE.match(answer))
    who = "谁" if person else "什么"
    left, right = match.span("a")
    clause_right = next(b for a, b in sentence.clauses if a <= left < b)
    if clause_right - left < 8:
        # "a service, which helps ...": the class alone says nothing.
        clause_right = len(sentence.body)
        if clause_right - left < 8:
            return
    yield from ask(
        sentence,
        f"{subject}是{who}",
        subject,
        (left, max(right, clause_right)),
        0.92 if _ONE.match(answer) else 0.78,
        "definition",
        Frame("person" if person else "definition", subject),
    )


def _closed_noun(text: str) -> bool:
    """The last word of a complement is a noun, not a particle or a verb that goes on."""
    words = [(w, t) for w, t in tags(without_brackets(text)) if w.strip()]
    return bool(words) and words[-1][1][0] in "nelbjixvgqs" and words[-1][0] not in ("了", "时")


def _when(sentence: ChineseSentence, left: int, right: int) -> Iterator[Candidate]:
    clause = sentence.body[left:right]
    found = list(_DATE.finditer(clause))
    if len(found) != 1:
        return
    match = found[0]
    before, after = clause[: match.start()], clause[match.end() :]
    bare = match[0].rstrip()
    year_only = bare.endswith("年") and "月" not in bare
    answer = (left + match.start(), left + match.end())
    subject_text = re.sub(
        r"(?:最早|首次|正式|最初)?(?:于|在|自|从|始于|创办于|成立于)?$", "", before
    )
    if before.endswith(("于", "在")) and len(before) > 2:
        subject = subject_of(sentence, _noun_before_verb(subject_text))
        if not subject or re.match(r"^[^年]*(?:之前|之后|以前|以后|前|后|至|到|-|–)", after):
            return
        when = "哪一年" if year_only else ("何时" if before.endswith("于") else "什么时候")
        verb = next((w for w, t in tags(after.strip()) if t.startswith("v")), "")
        body = own_subject(before, sentence.topic) + when + after
        yield from ask(sentence, body, subject, answer, 0.9, "when", Frame("when", subject, verb))
    elif not before.strip() and right == left + len(clause):
        rest = after.strip()
        if not rest:
            following = [(a, b) for a, b in sentence.clauses if a > right]
            if not following:
                return
            rest = sentence.body[slice(*following[0])].strip()
        elif rest[0] in "，,前后至到以之-–起来":
            return
        head = _noun_before_verb(rest)
        subject = subject_of(sentence, head)
        if not subject or len(rest) - len(head) < 2 or len(rest) > 40:
            return
        asked = "哪一年" if year_only else "什么时候"
        yield from ask(sentence, f"{rest}是在{asked}", subject, answer, 0.82, "when")


def _noun_before_verb(text: str) -> str:
    """The words before the first verb, preposition or adverb."""
    kept = ""
    for word, tag in tags(text):
        if kept and tag in ("v", "p", "d", "c", "zg", "vd", "ad"):
            break
        kept += word
    return kept.strip()


def _quantity(sentence: ChineseSentence, left: int, right: int) -> Iterator[Candidate]:
    clause = sentence.body[left:right]
    # "at pH 7, X is 5": half of the fact stands before the comma, or before a colon.
    if re.search(r"(?:时|后|前|下|中|里|上|的话|内)[，,]\s*$|如果|[：:]", sentence.body[:left]):
        return
    found = list(_QUANTITY.finditer(clause))
    if len(found) != 1 or _DATE.search(clause):
        return
    match = found[0]
    before, after = clause[: match.start()], clause[match.end() :]
    unit = match["u"] or ""
    changes = re.search(r"把|将|由|从", before)
    head = before
    if changes and match["v"][-1] in "为到至在":
        head = before[: changes.start()] or before[changes.end() :]
    subject = subject_of(sentence, _FILLERS.sub("", head))
    if not subject or (not unit and after) or re.match(r"[-–~至到的版代时后.]", after):
        return
    if match["v"] == "是" and (after or not unit or match["n"][0] == "一"):
        return
    if match["n"].strip() == "一" or re.search(r"\d", after):
        return
    ask_unit = unit if unit and not unit[0].isascii() else ""
    topic = sentence.topic
    shown = subject
    simple = len(subject) <= 6 and match["v"] in (
        "为",
        "约为",
        "是",
        "达",
        "达到",
        "不超过",
        "超过",
    )
    latin = re.search(r"[A-Za-z]{2,}", subject)
    if topic.owns and simple and topic.entity not in subject and not latin:
        shown = f"{topic.entity}的{subject}"
    said = f"{before}{match['v']}" if head != before else f"{shown}{match['v']}"
    question = f"{said}多少{ask_unit}{after}"
    answer = (left + match.start("n"), left + match.end())
    frame = None
    if shown != subject:
        frame = Frame("value", topic.entity, subject, True)
    elif "的" in subject[1:-1]:
        owner, _, attribute = subject.rpartition("的")
        frame = Frame("value", owner, attribute, True)
    yield from ask(sentence, question, shown, answer, 0.9, "quantity", frame)


def _where(sentence: ChineseSentence, left: int, right: int) -> Iterator[Candidate]:
    match = _PLACE.search(sentence.body, left, right)
    if match is None or match["a"].lstrip()[:1].isdigit():
        return
    subject = subject_of(sentence, sentence.body[left : match.start()])
    if not subject:
        return
    verb = {"出生于": "出生在", "生于": "出生在", "地处": "位于", "位於": "位于"}.get(
        match["v"], match["v"]
    )
    yield from ask(
        sentence,
        f"{subject}{verb}哪里",
        subject,
        match.span("a"),
        0.9,
        "where",
        Frame("where", subject, "出生" if "生" in match["v"] else "位于"),
    )


def _agent(sentence: ChineseSentence, left: int, right: int) -> Iterator[Candidate]:
    match = _AGENT.search(sentence.body, left, right)
    if match is None:
        return
    subject_text = re.sub(
        r"(?:最初|主要|通常|一般|目前|都|也|将|可以?|应该?|是)+$",
        "",
        sentence.body[left : match.start()],
    )
    subject = subject_of(sentence, subject_text)
    if not subject or not stands_alone(match["a"]):
        return
    person = any(t.startswith(("nr", "nt")) for _, t in tags(match["a"])) or re.search(
        r"(?:公司|团队|者|员|人|组织|项目|社区|机构|大学|政府|部门|委员会)$", match["a"]
    )
    who = "谁" if person and match["v"] not in ("组成", "构成") else "什么"
    after = sentence.body[match.end() : right]
    if len(after) > 12:
        return
    frame = Frame("contains", subject, "由…组成") if match["v"] in ("组成", "构成") else None
    question = sentence.body[left : match.start()].replace(subject_text, subject, 1)
    yield from ask(
        sentence,
        f"{question}由{who}{match['v']}{after}",
        subject,
        match.span("a"),
        0.85,
        "agent",
        frame,
    )


def _object(sentence: ChineseSentence) -> Iterator[Candidate]:
    match = _OBJECT.match(sentence.body)
    if match is None:
        return
    subject = subject_of(sentence, match["s"])
    answer = match["a"]
    verb = match["v"].rstrip("了")
    if not subject or re.match(
        r"(?:的|者|率|量|方法|说明|情况|时|中|过|一下|以|在|对|从|由|用|将|把|为|到|出)", answer
    ):
        return
    if len(answer) < 4 or re.fullmatch(
        r"一些.{1,6}|一[种个].{1,4}|.{0,4}(?:机制|方式|方法|功能)", answer
    ):
        return
    if verb in ("使用", "采用") and re.search(r"让|使|获取|进行|作为|将|把|为|提供", answer):
        return
    tail = ""
    if means := re.match(r"(?P<m>.{2,24}?)(?P<t>来[^自源到了看说].{2,24})$", answer):
        if verb not in ("使用", "采用", "需要"):
            return
        answer, tail = means["m"], means["t"]
    if verb in ("使用", "需要", "支持", "提供", "采用") and not _closed_noun(answer):
        return
    if answer.endswith(("的", "时", "后", "中", "等等")) or not stands_alone(answer):
        return
    asked = _ASK.get(verb, f"{verb}什么")
    # "requires setting a list": what is required is no thing, and not asked in English.
    noun = next((t for w, t in tags(answer) if w.strip()), "")[:1] != "v"
    listed = "、" in answer
    if listed and verb in ("支持", "提供", "使用", "采用", "具有", "需要", "拥有"):
        asked = f"{verb}哪些内容" if verb == "提供" else f"{verb}哪些"
        asked = asked if verb == "提供" else f"{verb}什么"
    yield from ask(
        sentence,
        f"{subject}{match['adv']}{asked}{tail}",
        subject,
        (match.start("a"), match.start("a") + len(answer)),
        0.8,
        "object",
        Frame("contains", subject, verb) if not match["adv"] and not tail and noun else None,
    )

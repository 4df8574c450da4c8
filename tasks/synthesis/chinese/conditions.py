"""Chinese questions about conditions, occasions, goals and "the more ..., the more ..."."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate
from tasks.synthesis.chinese.phrases import ask
from tasks.synthesis.chinese.sentence import (
    ChineseSentence,
    good_subject,
    stands_alone,
    tags,
    without_brackets,
)

_GOAL = re.compile(r"^(?:如果|若|如|当)?(?:您|你|用户)?(?:要|想要?|需要?|欲)(?P<g>[^，,]{3,30})$")
_WHEN_CLAUSE = re.compile(r"^(?:当|在)?(?P<c>(?![此这那同平有届及按])[^，,]{5,30})时(?:候)?$")
_ORDER = re.compile(
    r"^(?:您|你)?(?:就)?(?:请|可以?|应该?|需要?|必须|使用|运行|执行|按|点击|用|在|将|把|先)"
)
_IF = re.compile(r"^(?:如果|假如|若|一旦)(?P<c>(?!可能|有|不)[^，,]{6,40})$")
_MORE = re.compile(r"^(?P<s>[^，越]{2,16})越(?P<x>[^，越]{1,8})$")


def the_more(sentence: ChineseSentence) -> Iterator[Candidate]:
    """ "A越X，B越Y": B会怎么样？"""
    if len(sentence.clauses) < 2:
        return
    one = _MORE.match(without_brackets(sentence.clause(0)))
    left, right = sentence.clauses[1]
    other = _MORE.match(sentence.body[left:right].strip())
    if one is None or other is None or not good_subject(one["s"]):
        return
    question = f"{one['s']}越{one['x']}，{other['s']}会怎么样"
    start = sentence.body.index("越", left)
    yield from ask(sentence, question, one["s"], (start, right), 0.8, "more")


def conditional(sentence: ChineseSentence) -> Iterator[Candidate]:
    """ "要 A，请 B" asks how to A; "如果 A，则 B" asks what then."""
    if len(sentence.clauses) < 2:
        return
    first = without_brackets(sentence.clause(0))
    rest = (sentence.clauses[1][0], len(sentence.body))
    raw = sentence.body[slice(*rest)]
    opening = re.match(r"\s*(?:那么|那|则|就)?[，,]?\s*", raw)
    body = raw[opening.end() :] if opening else raw
    rest = (rest[1] - len(body), rest[1])
    if not stands_alone(first) or not stands_alone(body) or not 4 <= len(body) <= 90:
        return
    if "的话" in body or body.startswith(("然后", "之后")) or body.endswith(("：", ":")):
        return
    if re.match(r"(?:而且|并且|且|或|例如|比如|但|不过|如果|以及|又|也|还|因为|甚至|包括)", body):
        return
    if occasion := _WHEN_CLAUSE.match(first):
        first_tag = next((t for w, t in tags(body) if w.strip()), "")
        ordered = re.match(r"(?:应|须|需|先|可|请|必须|不要|不得|要)", body) is not None
        ordered = ordered or first_tag == "v"
        asked = "应该怎么做" if ordered else "会怎么样"
        yield from ask(
            sentence,
            f"{occasion['c'].removesuffix('的')}时，{asked}",
            occasion["c"],
            rest,
            0.74,
            "occasion",
        )
        return
    goal = _GOAL.match(first)
    if goal and _ORDER.match(body):
        wish = re.sub(r"的话$", "", goal["g"])
        if re.search(r"更多|详细|详情|参见", wish):
            return
        yield from ask(sentence, f"如何{wish}", wish, rest, 0.88, "procedure")
    elif condition := _IF.match(first):
        told = re.match(
            r"(?:您|你)?(?:就)?(?:请|应|需|可以|可|必须|不要|记住|最好|务必|能够|要|不应|不能)",
            body,
        )
        wish = re.sub(r"(?:的话|时)$", "", condition["c"])
        asked = "应该怎么做" if told else "会怎么样"
        yield from ask(sentence, f"如果{wish}，{asked}", wish, rest, 0.76, "condition")

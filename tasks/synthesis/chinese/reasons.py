"""Chinese questions about a stated cause, purpose, consequence or comparison."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate
from tasks.synthesis.chinese.sentence import (
    ChineseSentence,
    balanced,
    good_subject,
    own_subject,
    stands_alone,
    tags,
    with_topic,
    without_brackets,
)

_CAUSE_FIRST = re.compile(r"^(?:因为|由于)(?P<c>.{3,})$")
_RESULT_WORD = re.compile(r"^(?:所以|因此|因而|故而|故|于是)[，,]?")
_CAUSE_LATER = re.compile(
    r"^(?:这)?(?:主要)?(?:(?:是)?(?:因为|由于)|是为了|(?:其)?(?:主要)?原因(?:是|在于))(?P<c>.{3,})$"
)
_LED_TO = re.compile(
    r"^(?:从而|进而)?(?:这)?(?:会|将|可能|就)?(?P<v>导致|造成|引起|使得|致使)(?:了)?(?P<r>.{3,})$"
)
_PURPOSE_FIRST = re.compile(r"^为了(?P<p>.{3,})$")
_PURPOSE_LATER = re.compile(
    r"^(?:以便|以免|以防|以确保|以避免|以保证|以防止|从而避免|从而保证)(?P<p>.{2,})$"
)
_THAN = re.compile(
    r"^(?P<a>[^，。；比]{2,20})比(?P<b>[^，。；]{2,20}?)(?P<m>更加?|还要?|要)(?P<d>[^，。；]{1,12})$"
)
_ORDER_WORDS = re.compile(r"^(?:您|你)?(?:就)?(?:请|建议|务必)")
_MODAL = re.compile(r"^(?:应该?|需要?|必须|不能|不得|不要|不应|一定要|最好)")
_NO_CAUSE = re.compile(r"(?:想象|例如|比如|但|而|并|如果|不过|然而|请|那么|这|那|它|其)")
_MAX_QUESTION = 45


def reason_candidates(
    sentence: ChineseSentence, previous: ChineseSentence | None
) -> Iterator[Candidate]:
    yield from _cause_first(sentence)
    yield from _later(sentence)
    yield from _purpose_first(sentence)
    yield from _than(sentence)
    yield from _therefore(sentence, previous)


def _result(sentence: ChineseSentence, index: int) -> str:
    """A clause, and with it the next one where the first only says when."""
    text = sentence.clause(index).strip()
    if text.endswith(("时", "后", "前", "下", "中")) and index + 1 < len(sentence.clauses):
        return f"{text}，{sentence.clause(index + 1).strip()}"
    return text


def _why(result: str, sentence: ChineseSentence) -> str:
    """ "为什么……？" of a result that says who or what it is about; empty if it does not."""
    text = without_brackets(_RESULT_WORD.sub("", result.strip()))
    if not stands_alone(text) or not 4 <= len(text) <= _MAX_QUESTION or not balanced(text):
        return ""
    if text.endswith(("时", "后", "前")) or "越" in text:
        return ""
    if re.match(r"(?:会|将|可能|能|就|则|缺点|优点|好处|想象)", text):
        return ""
    if _ORDER_WORDS.match(text):
        text = _ORDER_WORDS.sub("", text)
        return with_topic(f"为什么要{text}", "", sentence.topic) + "？" if len(text) > 4 else ""
    if re.match(r"^(?:您|你)", text):
        text = text[1:]
    if _MODAL.match(text):
        return with_topic(f"为什么{text}", "", sentence.topic) + "？" if len(text) > 6 else ""
    text = own_subject(text, sentence.topic)
    head = _head(text)
    first = next((tag for word, tag in tags(text) if word.strip()), "")
    if first.startswith("v") and head == next(w for w, _ in tags(text) if w.strip()):
        if re.match(r".{2,4}(?:不|应|必须|可|会|需|能)", text):
            return with_topic(f"为什么{text}", "", sentence.topic) + "？"
        # No subject: a thing that one does.
        return with_topic(f"为什么要{text}", "", sentence.topic) + "？" if len(text) > 5 else ""
    if not good_subject(head) or len(text) - len(head) < 2:
        return ""
    return with_topic(f"为什么{text}", head, sentence.topic) + "？"


def _head(text: str) -> str:
    kept = ""
    for word, tag in tags(text):
        if kept and tag in ("v", "d", "p", "c", "zg", "ad", "a", "vd"):
            break
        kept += word
    return kept.strip()


def _candidate(
    sentence: ChineseSentence, question: str, left: int, right: int, weight: float, source: str
) -> Iterator[Candidate]:
    cause = sentence.body[left:right].strip()
    if _NO_CAUSE.match(cause):
        return
    if question and right - left >= 4:
        yield Candidate("reasoning", question, sentence.span(left, right), "zh", weight, source)


def _cause_first(sentence: ChineseSentence) -> Iterator[Candidate]:
    cause = _CAUSE_FIRST.match(sentence.clause(0).strip())
    if cause is None or len(sentence.clauses) < 2:
        return
    index = 1
    for later in range(1, len(sentence.clauses)):
        if _RESULT_WORD.match(sentence.clause(later).strip()):
            index = later
            break
    question = _why(_result(sentence, index), sentence)
    left, right = sentence.clauses[0][0], sentence.clauses[index - 1][1]
    yield from _candidate(sentence, question, left, right, 0.92, "because")


def _later(sentence: ChineseSentence) -> Iterator[Candidate]:
    for index in range(1, len(sentence.clauses)):
        text = sentence.clause(index).strip()
        left, right = sentence.clauses[index][0], len(sentence.body)
        before = sentence.body[sentence.clauses[0][0] : sentence.clauses[index - 1][1]]
        last = sentence.clause(index - 1)
        # "..., 就会消失": under a condition that the clause itself does not name.
        last = "" if re.search(r"就|则|才|便|也", last) else last
        if _CAUSE_LATER.match(text) or _PURPOSE_LATER.match(text):
            question = _why(before, sentence) or (_why(last, sentence) if index > 1 else "")
            # The answer is the cause, not the words "the reason is".
            said = re.match(
                r"\s*(?:这)?(?:主要)?(?:(?:其)?(?:主要)?原因(?:是|在于)|是)", sentence.body[left:]
            )
            left += said.end() if said else 0
            yield from _candidate(sentence, question, left, right, 0.9, "because-later")
            return
        if led := _LED_TO.match(text):
            result = without_brackets(led["r"])
            if not stands_alone(result) or not 4 <= len(result) <= _MAX_QUESTION:
                return
            if not stands_alone(before) or before.startswith(("如果", "若", "当")):
                return
            question = (
                with_topic(f"什么原因会{led['v']}{result}", result[:6], sentence.topic) + "？"
            )
            yield from _candidate(sentence, question, 0, left - 1, 0.8, "led-to")
            return
        if _RESULT_WORD.match(text) and not _CAUSE_FIRST.match(sentence.clause(0).strip()):
            if stands_alone(before):
                question = _why(_result(sentence, index), sentence)
                yield from _candidate(sentence, question, 0, left - 1, 0.88, "therefore")
            return


def _purpose_first(sentence: ChineseSentence) -> Iterator[Candidate]:
    if len(sentence.clauses) < 2 or not _PURPOSE_FIRST.match(sentence.clause(0).strip()):
        return
    question = _why(sentence.clause(1), sentence)
    if question and stands_alone(sentence.clause(0)):
        yield from _candidate(sentence, question, *sentence.clauses[0], 0.85, "purpose")


def _than(sentence: ChineseSentence) -> Iterator[Candidate]:
    for left, right in sentence.clauses:
        match = _THAN.match(sentence.body[left:right])
        if match is None:
            continue
        first, second = without_brackets(match["a"]), without_brackets(match["b"])
        if not good_subject(first) or not stands_alone(second) or match["d"].startswith("的"):
            return
        question = f"{first}和{second}相比，哪一个更{match['d']}？"
        yield from _candidate(
            sentence, question, left + match.start("a"), left + match.end("a"), 0.85, "comparison"
        )
        return


def _therefore(sentence: ChineseSentence, previous: ChineseSentence | None) -> Iterator[Candidate]:
    if previous is None or not _RESULT_WORD.match(sentence.body):
        return
    if not stands_alone(previous.body) or len(previous.body) < 8:
        return
    question = _why(_result(sentence, 0), sentence)
    if question:
        span = previous.span(0, len(previous.body))
        yield Candidate("reasoning", question, span, "zh", 0.75, "therefore-sentence")

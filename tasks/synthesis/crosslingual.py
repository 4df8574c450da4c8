"""The same fact asked in the other language; the answer stays a span of the passage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tasks.synthesis.candidates import AskedIn, Candidate, Frame
from tasks.synthesis.chinese.sentence import tags
from tasks.synthesis.dictionary import to_chinese, to_english
from tasks.synthesis.glossary import CONTAINS_EN, CONTAINS_ZH, WHEN_EN, WHEN_ZH, WHERE_ZH
from tasks.synthesis.labels import has_han
from tasks.synthesis.wordlist import words

_EVENT = re.compile(
    r"festival|games|champion|cup|conference|meeting|election|exhibition|concert|race|会|赛|选举|展|节",
    re.IGNORECASE,
)
_NO_TERM = frozenset(
    [
        "its",
        "his",
        "her",
        "their",
        "our",
        "your",
        "some",
        "any",
        "each",
        "every",
        "all",
        "both",
        "this",
        "that",
    ]
)
_NAME_WORDS = frozenset(words("the of and in for de von van la to on at &"))
# A translated subject beats a carried one, a carried attribute is the least.
_CARRIED, _CARRIED_ATTRIBUTE = 0.8, 0.6
_NEUTRAL = ("matrix", "step", "year", "labels", "label", "dated", "given")


def crosslingual_candidates(facts: Iterable[Candidate]) -> Iterator[Candidate]:
    for fact in facts:
        if fact.frame is None:
            continue
        into: AskedIn = "zh" if fact.asked_in == "en" else "en"
        if fact.frame.kind in _NEUTRAL:
            made = _neutral(fact.frame, into)
        else:
            made = _in_chinese(fact.frame) if into == "zh" else _in_english(fact.frame)
        if made is None:
            continue
        question, factor = made
        if fact.frame.kind not in _NEUTRAL:
            question = _same_context(fact.question, question)
        yield Candidate(
            "cross_lingual",
            question,
            fact.answer,
            into,
            fact.weight * factor,
            f"cross-{fact.source}",
        )


_CONTEXT = re.compile(
    r"In the context of “?(?P<en>.+?)”?, (?=what|who|when|where|how|which|since|until)"
    r"|就“?(?P<zh>.+?)”?而言，"
)


def _same_context(fact: str, question: str) -> str:
    """A nameless subject ("the method") takes its context along into the other language."""
    found = _CONTEXT.match(fact)
    if found is None:
        return question
    if found["en"]:
        return f"就“{found['en']}”而言，{question}"
    return f"In the context of “{found['zh']}”, {question[:1].lower()}{question[1:]}"


def _is_name(text: str) -> bool:
    words = [word for word in re.findall(r"[\w'’.&-]+", text)]
    return (
        len(text.strip()) > 1
        and bool(words)
        and all(word[0].isupper() or word[0].isdigit() or word in _NAME_WORDS for word in words)
        and any(word[0].isupper() or word[0].isdigit() for word in words)
    )


def _subject_zh(text: str) -> tuple[str, float] | None:
    bare = re.sub(r"^(?:the|a|an)\s+", "", text, flags=re.IGNORECASE)
    if has_han(bare):
        return bare, 1.0
    if _is_name(bare):
        return f"{bare} ", 1.0
    owner = re.fullmatch(r"(?P<o>.+?)(?:'s|’s|s')\s+(?P<n>.+)", bare)
    if owner and _is_name(owner["o"]) and (noun := to_chinese(owner["n"])):
        return f"{owner['o']} 的{noun}", 1.0
    if translated := to_chinese(bare):
        return translated, 0.95
    # One common word without its sentence says too little; a whole sentence part is no term.
    if not 2 <= len(bare.split()) <= 5 or bare.split()[0].lower() in _NO_TERM:
        return None
    return f"“{bare}”", _CARRIED


def _neutral(frame: Frame, into: AskedIn) -> tuple[str, float] | None:
    """Questions whose own words are few and whose terms are carried in quotation marks."""
    lead = ""
    if frame.topic:
        lead = (
            f"就“{frame.topic}”而言，" if into == "zh" else f"In the context of “{frame.topic}”, "
        )
    if frame.kind == "dated":
        if into == "zh":
            return f"{lead}“{frame.subject}”对应的年份是什么？", 0.8
        return f"{lead}which year is given for “{frame.subject}”?", 0.8
    if frame.kind == "given":
        if into == "zh":
            return f"{lead}“{frame.subject}”对应的内容是什么？", 0.7
        return f"{lead}what is given for “{frame.subject}”?", 0.7
    if frame.kind == "labels":
        if into == "zh":
            return f"题为“{frame.subject}”的图中标有哪些文字？", 0.85
        return f"Which labels appear in the picture titled “{frame.subject}”?", 0.85
    if frame.kind == "label":
        if into == "zh":
            return f"在题为“{frame.topic}”的图中，“{frame.subject}”旁注明了什么？", 0.75
        return f"In the picture titled “{frame.topic}”, what stands beside “{frame.subject}”?", 0.75
    if frame.kind == "matrix":
        if into == "zh":
            asked = "数值是多少" if frame.number else "内容是什么"
            return f"{lead}“{frame.subject}”对应“{frame.relation}”的{asked}？", 0.75
        what = "what" if lead else "What"
        noun = "value" if frame.number else "entry"
        asked = f"{what} is the {noun} for “{frame.subject}” under “{frame.relation}”?"
        return lead + asked, 0.75
    if frame.kind == "year":
        if into == "zh":
            return f"{lead}{frame.subject}年发生了什么？", 0.85
        return f"{lead}{'what' if lead else 'What'} happened in {frame.subject}?", 0.85
    if into == "zh":
        return f"“{frame.topic}”的第{frame.subject}步是什么？", 0.85
    return f"What is step {frame.subject} of “{frame.topic}”?", 0.85


def _in_chinese(frame: Frame) -> tuple[str, float] | None:
    known = _subject_zh(frame.subject)
    if known is None:
        return None
    subject, factor = known
    if frame.kind == "definition":
        return f"{subject}是什么？", factor * 0.9
    if frame.kind == "person":
        return f"{subject}是谁？", factor
    if frame.kind == "when":
        verb = WHEN_ZH.get(frame.relation)
        return (f"{subject}是什么时候{verb}的？", factor) if verb else None
    if frame.kind == "where":
        if frame.relation == "held" and not _EVENT.search(subject):
            return None
        pattern = WHERE_ZH.get(frame.relation)
        return (pattern.format(s=subject), factor) if pattern else None
    if frame.kind == "contains":
        pattern = CONTAINS_ZH.get(frame.relation)
        return (pattern.format(s=subject), factor * 0.9) if pattern else None
    attribute = to_chinese(frame.relation, own=True)
    carried = _CARRIED_ATTRIBUTE if attribute is None else 1.0
    shown = attribute or f"“{frame.relation}”"
    if frame.kind == "count":
        return f"{subject}有多少{'个' if attribute is None else ''}{shown}？", factor * carried
    asked = "是多少" if frame.number else "是什么"
    return f"{subject}的{shown}{asked}？", factor * carried


def _is_chinese_name(text: str) -> bool:
    found = [(word, tag) for word, tag in tags(text) if word.strip()]
    return len(found) <= 3 and any(t.startswith(("nr", "ns", "nt", "nz", "eng")) for _, t in found)


def _subject_en(text: str) -> tuple[str, str, float] | None:
    """With article for the middle of a question, without, and how well it is known."""
    if not has_han(text):
        return text, text, 1.0
    possessive = re.fullmatch(r"(?P<o>[A-Za-z][\w .+-]*?)\s*的\s*(?P<n>\S+)", text)
    if possessive and (noun := to_english(possessive["n"])):
        return f"the {noun} of {possessive['o']}", noun, 0.95
    translated = to_english(text)
    if translated is None:
        # A term is carried as it stands; a longer part of a sentence is no term.
        short = _is_chinese_name(text) or len(text) <= 10
        return (f"“{text}”", f"“{text}”", _CARRIED) if short else None
    if translated[0].isupper():
        return translated, translated, 1.0
    return f"the {translated}", translated, 0.95


def _in_english(frame: Frame) -> tuple[str, float] | None:
    known = _subject_en(frame.subject)
    if known is None:
        return None
    subject, bare, factor = known
    if frame.kind == "person":
        return f"Who is {subject}?", factor
    if frame.kind == "definition":
        if subject.startswith("the "):
            return f"What is meant by “{bare}” ({frame.subject})?", factor
        return f"What is {subject}?", factor * 0.95
    if frame.kind == "where":
        verb = "Where was {s} born?" if frame.relation == "出生" else "Where is {s} located?"
        return verb.format(s=subject), factor
    if frame.kind in ("when", "contains"):
        pattern = (WHEN_EN if frame.kind == "when" else CONTAINS_EN).get(frame.relation)
        return (pattern.format(s=subject), factor * 0.95) if pattern else None
    attribute = to_english(frame.relation)
    carried = _CARRIED_ATTRIBUTE if attribute is None else 1.0
    shown = attribute or f"“{frame.relation}”"
    return f"What is the {shown} of {subject}?", factor * carried

"""Orders to a model in English, in text in plain form.

A pattern alone is not enough: "the controller will ignore all previous commands" says the words
and orders nobody. So what is an order only as an order must stand where one stands: where a
clause begins, or behind "please", "you must" and the like, and not behind a negation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from re import Match, Pattern
from typing import NamedTuple

from clara_model.text.scripts import HAN_CLASS
from tasks.text.orders_context import clause_before, sentence_before

# Between two words of a pattern: blanks and punctuation, or nothing where letters were spaced.
_GAP = r"[\W_]{0,6}"


class _Order(NamedTuple):
    """A pattern, and stems of which each text that it fits holds one: looking for those is ten
    times as fast, and most texts have none."""

    pattern: Pattern[str]
    stems: tuple[str, ...]

    def found(self, text: str) -> Iterator[Match[str]]:
        if any(stem in text for stem in self.stems):
            yield from self.pattern.finditer(text)


def _words(pattern: str, *stems: str) -> _Order:
    """A pattern whose blanks stand for gaps, and whose words are whole ones."""
    spaced = pattern.replace(" ", _GAP)
    return _Order(re.compile(rf"(?<![a-z0-9])(?:{spaced})(?![a-z0-9])"), stems)


_MODEL = (
    "(?:ai|a i|artificial intelligence|assistant|chat ?bot|bot|language model|llm|gpt|chatgpt"
    "|dan|jailbroken|unrestricted|unfiltered|uncensored|unbound|hacker|pirate)"
)
_AN_AI = (
    "(?:an? )?(?:large )?(?:language model|llm|chat ?bot|ai|artificial intelligence)"
    "(?: language)?(?: model| assistant| agent| system)?"
)
_DROP = (
    "(?:ignore|disregard|forget|override|overlook"
    "|(?:do not|don t|never|stop|no longer) (?:follow|following|obey|obeying|listen to"
    "|listening to|adhere to|comply with)|pay no attention to)"
)
_DROP_STEMS = (
    "ignore", "disregard", "forget", "override", "overlook", "follow", "obey", "listen", "adher",
    "comply", "attention",
)  # fmt: skip
_ANY = "(?:all|any|every|each|of|the|those|these|that|this|my|our|and|or|other|such|safety) "
_EARLIER = (
    "(?:previous|previously given|prior|preceding|foregoing|above|earlier|existing|original"
    "|initial|past|former|system|your|developer) "
)
_TOLD = (
    "(?:instructions?|prompts?|directions|directives?|commands?|orders|guidelines?|guardrails"
    "|rules|constraints|programming|training|system messages?)"
)
_THEN = (
    "(?:above|given (?:to you|above|before|earlier|previously)|you (?:were|have been|ve been"
    "|had been) (?:given|told)|you (?:have |ve )?received|so far|up to (?:now|this point)"
    "|prior to this|before this|from (?:the |your )?(?:system|developer|user|operator)"
    "|in (?:the |your )?(?:system )?prompt)"
)
_SECRET = "(?:system |initial |hidden |secret |original |internal |full |exact |entire |whole )"
_TELL = (
    "(?:reveal|disclose|leak|print(?: out)?|show|output|display|repeat|recite|expose|dump|share"
    "|tell|give|send|write(?: out| down)?|return|translate|summari[sz]e|quote)(?: me| us)?"
)

# Said like this, it is an order wherever it stands.
_EVERYWHERE = (
    # The marks of chat templates.
    _Order(
        re.compile(
            r"<\s?\|\s?(?:im_(?:start|end|sep)|system|user|assistant|tool|end|endof(?:text|turn)"
            r"|e[om][tm]_id|(?:start|end)_(?:header_id|of_(?:role|turn|text))|begin_of_text"
            r"|(?:begin|end)[\u2581_ ]of[\u2581_ ]sentence)\s?\|\s?>"
        ),
        ("|",),
    ),
    _Order(re.compile(r"<\s?<\s?/?\s?sys\s?>\s?>|</?(?:start|end)_of_turn>"), ("<",)),
    _Order(
        re.compile(
            r"\[\s?/\s?inst\s?\]"
            r"|\[\s?inst\s?\](?!\s?(?:button|key|knob|switch|menu|page|键|按))"
        ),
        ("[",),
    ),
    _words(
        rf"as {_AN_AI}(?: that \w{{1,20}})? you (?:must|should|shall|will|have to|need to|are)",
        "you",
    ),
    _words(rf"if you are {_AN_AI}", "you"),
    _words(
        r"you (?:are|re) now (?:(?!with|to|by|using|from|for|about|via|in)\w{1,20}[\W_]{1,6}){0,4}"
        rf"{_MODEL}",
        "now",
    ),
    _words(
        "you (?:are|re) now .{0,80}?(?:only|always|must|will|shall) (?:respond|reply|speak|output"
        "|obey|comply|answer (?:in|as|with|every|all))",
        "now",
    ),
    _words(rf"you (?:are|re) no longer {_AN_AI}", "longer"),
    _words(
        "you (?:are|re) no longer (?:bound|restricted|limited) by (?:(?:your|the|any|its) )?"
        "(?:\\w{1,20} )?(?:rules|guidelines|instructions|polic(?:y|ies)|programming|training)",
        "longer",
    ),
    _words(
        "from now on (?:you (?:are|will|must|should|shall|only|to|re going to) )?(?:only )?"
        "(?:respond|reply|obey|output|pretend|behave as|act as|speak only|answer (?:only|in|as"
        "|with|every|all))",
        "now",
    ),
    _words(
        "(?:note|message|attention|dear|instructions?|notice)(?: to| for)?(?: the| all| any)? "
        "(?:ai|llm|language model|chat ?bot)(?: assistants?| models?| agents?| systems?)?s? "
        "(?:reading|processing|parsing|summari[sz]ing|analy[sz]ing|evaluating|reviewing|that|who)",
        "note",
        "message",
        "attention",
        "dear",
        "instruction",
        "notice",
    ),
    _words(
        "(?:ai|llm|language|chat) ?(?:assistants?|models?|agents?|bots?) (?:reading|processing"
        "|parsing|summari[sz]ing|analy[sz]ing) this",
        "reading",
        "processing",
        "parsing",
        "summari",
        "analy",
    ),
    _words("your (?:(?:own|full|hidden|secret|initial|original|exact) )?system prompt", "prompt"),
    _Order(re.compile(r"(?:^|\n)[\W_]*(?:new |updated |real )?system prompt ?[:=]"), ("prompt",)),
    _words(r"dan .{0,40}?do anything now", "anything"),
)
# Said like this, it is an order only where an order stands.
_AS_AN_ORDER = (
    _words(
        f"{_DROP} (?:{_ANY}){{0,6}}(?:{_EARLIER})(?:{_ANY}|{_EARLIER}){{0,3}}{_TOLD}", *_DROP_STEMS
    ),
    _words(f"{_DROP} (?:{_ANY}){{0,6}}{_TOLD} (?:that )?(?:{_THEN})", *_DROP_STEMS),
    _words(f"{_DROP} (?:all|any|every)(?: of)?(?: the| your| these| those)? {_TOLD}", *_DROP_STEMS),
    _words(
        "(?:ignore|disregard|forget) (?:everything|anything|whatever) (?:else )?(?:that )?"
        "(?:(?:was|is|has been|you|have|ve|were|been|said|written|i|we|came|stands) ){0,4}"
        "(?:above|before|previous|previously|prior|earlier|so far|told|know|learned|instructed)"
        "(?! about)",
        "ignore",
        "disregard",
        "forget",
    ),
    _words(f"{_TELL} your (?:{_SECRET}){{0,3}}prompts?", "prompt"),
    _words(
        f"{_TELL} your (?:{_SECRET}){{1,3}}(?:instructions?|messages?|rules|guidelines)", "your"
    ),
    _words(f"{_TELL} the (?:system|hidden|secret|initial) prompts?", "prompt"),
    _words(
        "(?:repeat|print|output|recite) (?:everything|all the (?:words|text)|the (?:words|text)) "
        "above",
        "above",
    ),
    _words(
        "(?:act|behave|respond|answer|speak)(?: to everything)? as (?:if you (?:are|were) |though "
        r"you (?:are|were) )?(?:an? )?(?:\w{1,20}[\W_]{1,6}){0,3}?(?:ai|language model|llm"
        "|chat ?bot|dan|unrestricted|unfiltered|uncensored|jailbroken)",
        "act",
        "behave",
        "respond",
        "answer",
        "speak",
    ),
    _words(
        r"pretend (?:that )?(?:to be|you are|you re) (?:an? )?(?:\w{1,20}[\W_]{1,6}){0,3}?"
        f"{_MODEL}",
        "pretend",
    ),
    _words(
        "pretend (?:that )?(?:to have|you have) no (?:restrictions|rules|guidelines|limitations"
        "|filters)",
        "pretend",
    ),
)
# "Ignore the above": whole, and not in a sentence that says when.
_ALL_ABOVE = _words("(?:ignore|disregard|forget) (?:all )?(?:of )?(?:the |what is )?above", "above")
_CLAUSE_ENDS = re.compile(r"[\W_]*$|\s?[.,;:!?\n]|[\W_]+(?:and|instead|then|but|now)\b")
_CONDITION = re.compile(r"\b(?:if|when|where|unless|once|in case|until|as soon as|whenever)\b")

_CLAUSE_BREAK = re.compile(rf"[.!?;:,\"“”‘()\[\]{{}}\n–—*#>|/{HAN_CLASS}]|(?<!\w)[-'`]")
_NEGATION = {"not", "never", "cannot", "t", "dont", "without", "avoid", "nor", "rarely", "mustn"}
_BEFORE_AN_ORDER = {
    "please", "now", "then", "and", "just", "kindly", "simply", "first", "also", "immediately",
    "instead", "so", "but", "or", "always", "hereby", "completely", "totally", "fully",
    "entirely", "you", "next", "finally", "ai", "assistant", "model", "llm", "chatbot", "bot",
}  # fmt: skip
_MODALS = {"must", "shall", "should", "will", "can", "may", "could", "would", "to"}
_WHO = {"you", "ai", "assistant", "model", "llm", "chatbot"}
_ASKED = {"need", "have", "want", "instructed", "asked", "told", "ordered", "required", "going"}
_ASIDE = {"if", "when", "should", "unless", "because", "though", "where", "once", "did", "do"}
_WORD = re.compile(r"[^\W_]+")


def english_orders(text: str) -> bool:
    """Whether a text in plain form (`plain_form`) gives orders to a model, or holds the marks
    that chat templates put around them."""
    if any(True for order in _EVERYWHERE for _ in order.found(text)):
        return True
    for order in _AS_AN_ORDER:
        if any(_stands_as_order(text, found) for found in order.found(text)):
            return True
    return any(
        _CLAUSE_ENDS.match(text, found.end())
        and _stands_as_order(text, found)
        and not _CONDITION.search(sentence_before(text, found))
        for found in _ALL_ABOVE.found(text)
    )


def _stands_as_order(text: str, found: Match[str]) -> bool:
    words = _WORD.findall(clause_before(text, found, _CLAUSE_BREAK))
    if not words:
        return True
    last, others = words[-1], words[-3:-1]
    if last in _NEGATION:
        return False
    if last == "you":
        return not _ASIDE.intersection(others[-1:])
    if last in _MODALS:
        asked = last == "to" and _ASKED.intersection(others)
        return bool(asked or (_WHO.intersection(others) and not _ASIDE.intersection(others)))
    return last in _BEFORE_AN_ORDER

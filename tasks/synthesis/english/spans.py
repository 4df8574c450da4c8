"""Which spans of an English sentence are worth a blank: figures, dates, names, phrases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from tasks.synthesis.cloze import Blank, BlankKind, Statement
from tasks.synthesis.english.lexicon import DETERMINERS, FINITE, MONTHS
from tasks.synthesis.english.sentence import DATE, Sentence
from tasks.synthesis.passage import Span
from tasks.synthesis.wordlist import words

_RANGE = r"(?:\s*(?:to|and|or|[–-])\s*[$€£]?\d[\d,]*(?:\.\d+)?)?"
_UNIT = (
    r"(?:\s?(?:%|‰|°\s?[CF]?|[µmck]?[mgLlWVAJ]\b(?:[²³]|\d)?(?:/\w+)*|mg/L|NTU|k?Hz|[MGk]Hz"
    r"|bar\b|[kM]?Pa\b"
    r"|(?:milli|centi|kilo|micro|nano)?(?:met(?:er|re)|gram|lit(?:er|re)|watt|volt|ampere)s?\b"
    r"|(?:square |cubic )?(?:feet|foot|ft|inch(?:es)?|miles?|acres?|hectares?|kilomet(?:er|re)s?"
    r"|met(?:er|re)s?)\b"
    r"|(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?|tonnes?|tons?|pounds?"
    r"|per ?cent|degrees?|dollars?|euros?|million|billion|thousand)\b(?: (?:people|dollars|euros"
    r"|years|per cent|percent))?))*"
)
_FIGURE = re.compile(
    rf"(?<![\w.,/#-])(?P<money>[$€£]|US\$)?\d[\d,]*(?:\.\d+)?(?![\w-]"
    rf"|[.,]\d){_RANGE}{_UNIT}(?![\w%/²³·^-]|[.,]\d)"
    rf"|(?<![\w.,/#-])\d[\d,]*(?:\.\d+)?(?:{_RANGE})(?:%|°C|m²|m³|km|kg|mg|ml|mL|mm|cm|kW|kV"
    rf"|MW)(?![\w/-])"
)
_NO_FIGURE_BEFORE = re.compile(
    r"(?:figure|fig\.?|table|section|chapter|no\.?|number|step|version|type|class|route|highway"
    r"|volume|part|page|article|pH|grade|level|room|channel|interstate|season|episode|world war"
    r"|iso|gb|ip|model|u-|under-)\s*$",
    re.IGNORECASE,
)
_SPELLED = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|twenty|thirty|forty|fifty|sixty|hundred)\b(?=\s+[a-z]{3,})"
)
_DATE_SPAN = re.compile(
    rf"(?<![\w/–-])(?:{DATE}(?:\s*(?:to|until|and|through|[–-])\s*{DATE})?)(?![\w–/-])"
)
_YEAR = re.compile(r"(?:1[0-9]|20)\d\d")
_QUOTED = re.compile(r"“([^”]{3,60})”|\"([^\"]{3,60})\"|\*([^*]{3,60})\*")
_NAME_WORD = r"(?:[A-Z][\w'’&-]*[a-z0-9&]|[A-Z]{2,}[\w-]*|[A-Z]\.)"
_NAME = re.compile(
    rf"(?<![\w'’.-])(?<![A-Z]\. )(?P<n>{_NAME_WORD}(?:\s+(?:(?:of(?:\s+the)?|de(?:\s+la|\s+los)?"
    rf"|van(?:\s+de[rn]?)?|von|du|la)\s+)?(?:{_NAME_WORD}|\d{{1,4}}(?![\w,.]\d)))*)(?!['’][a-z]"
    rf"|[\w-])"
)
_NAME_AFTER = re.compile(
    r"\b(?:in|at|by|for|from|to|with|of|on|near|against|called|named|as|under|and|the|into|"
    r"joined|married|won|is|was|are|were|via|than|over|include|includes)\s+(?:the\s+)?$"
)
_STRONG_TAIL = re.compile(
    r"\b(?:such as|includ(?:e|es|ed|ing)|contains?|provides?|offers?|requires?|supports?"
    r"|known as|called|named|because(?: of)?|in order to|due to|consists? of|made (?:of|from)"
    r"|used (?:to|for|as)|instead of|rather than|depends? on|leads? to|caused by|composed of"
    r"|served as"
    r"|works? as|worked as|so that|by|without|unless|until|if|when|not)\s+"
)
_TAIL = re.compile(
    r"\b(?:to|into|for|with|from|of|as|at|than|on|in|between|under|through|during|after|before"
    r"|against|across|towards?|within|inside|throughout|upon|along|via|over|around|near|among|including)\s+"
)
# After the comma stands one more entry of a list, or something else begins.
_GOES_ON = re.compile(
    r",(?! (?:and |or )?[^,]{2,40}(?:,|$))"
    r"|,\s+(?:which|who|whose|it|he|she|they|the|this|but|so|while|because|where|when|with|as)\b"
)
_CLAUSAL = re.compile(r"because\s|so that|unless|until|if|when")
_FINITE_INSIDE = re.compile(r"\b(?:is|are|was|were|has|have|had|will|would|can|could|may|must)\b")
EMPTY_WORDS = frozenset(
    words("""
        a an the it its he she his her they them their this that these those and or of to in on at
        by for with as is are was were be been there here much many more most very some any all
        one other others not no so same time times way day year years well also only own first
        last end home people addition general place part life
    """)
)
BARE_PRONOUN = re.compile(r"\b(?:it|its|they|them|their|he|him|she|this|these|those|that)\b", re.I)


def blanks(statement: Statement, sentence: Sentence | None) -> Iterator[Blank]:
    """Spans worth asking for, each with its kind and weight."""
    text, start, end = statement.text, statement.span.start, statement.span.end
    raw = text[start:end]
    taken: list[tuple[int, int]] = []
    for match in _DATE_SPAN.finditer(raw):
        taken.append(match.span())
        before = raw[: match.start()]
        if not before or re.search(r"[(–-]\s*$", before) or _NO_FIGURE_BEFORE.search(before):
            continue
        kind: BlankKind = "year" if _YEAR.fullmatch(match[0]) else "date"
        yield Blank(Span(start + match.start(), start + match.end()), kind, 0.64)
    for match in _FIGURE.finditer(raw):
        overlap = any(a < match.end() and match.start() < b for a, b in taken)
        if overlap or not _good_figure(raw, match):
            continue
        unit = not re.fullmatch(r"[\d.,]+", match[0])
        weight = 0.66 if unit else 0.56
        yield Blank(_of(match, start), "figure", weight)
    for match in _SPELLED.finditer(raw):
        if re.search(r"\b(?:to|or|and)\s$", raw[: match.start()]):
            continue
        if match.start() and not re.match(r"\s+(?:of|or|to|and)\b", raw[match.end() :]):
            yield Blank(_of(match, start), "figure", 0.48)
    for match in _QUOTED.finditer(raw):
        group = next(i for i in (1, 2, 3) if match[i] is not None)
        # The nickname inside a name: Steve "Silk" Hurley.
        if re.match(r"\s+[A-Z]", raw[match.end() :]) and re.search(
            r"[A-Z]\S*\s$", raw[: match.start()]
        ):
            continue
        yield Blank(Span(start + match.start(group), start + match.end(group)), "name", 0.6)
    yield from _names(raw, start, taken)
    if sentence is not None:
        yield from _predicates(statement, sentence)
    yield from _tails(raw, start)


def _of(match: re.Match[str], offset: int) -> Span:
    end = match.end()
    while match.string[end - 1] in " ,.":
        end -= 1
    return Span(offset + match.start(), offset + end)


def _good_figure(raw: str, match: re.Match[str]) -> bool:
    if _NO_FIGURE_BEFORE.search(raw[: match.start()]) or match.start() == 0:
        return False
    if re.search(rf"(?:{MONTHS}|between \d+ and|\d\s*(?:to|[–-]|x|×))\s*$", raw[: match.start()]):
        return False
    # "5 to 15 metres", "2 x 3 m", "12 July": only a whole expression is a figure.
    if re.match(r"\s+[23]\b", raw[match.end() :]):
        return False
    if re.match(rf"\s*(?:[x×:+=]|(?:{MONTHS})\b|(?:to|or) \d)", raw[match.end() :]):
        return False
    return sum(c.isdigit() for c in match[0]) >= 2 or re.search(r"[A-Za-z%°]", match[0]) is not None


def _names(raw: str, start: int, taken: list[tuple[int, int]]) -> Iterator[Blank]:
    for match in _NAME.finditer(raw):
        name = match["n"]
        left, right = match.span("n")
        if left < 2 or re.search(r"[\"“‘(*]\s*$|[.!?:]\s*$", raw[:left]):
            continue
        if any(a < right and left < b for a, b in taken) or re.fullmatch(MONTHS, name):
            continue
        if re.match(r"\s+and\s+[A-Z]|,\s+[A-Z][\w]+(?:,| and)", raw[right:]):
            continue
        if re.search(r"[A-Z][\w.]+,? (?:and|&) (?:the )?$|[A-Z]\w+, $", raw[:left]):
            continue
        if name.endswith(("'s", "’s")):
            continue
        many = len(name.split()) > 1
        if len(name) < 4 or not (many or _NAME_AFTER.search(raw[:left])):
            continue
        # "the Shawnee village", "the British army": the name is half of a phrase.
        half = re.match(r"\s+[a-z]{3,}", raw[right:]) and re.search(
            r"\b(?:the|a|an)\s$", raw[:left]
        )
        weight = (0.6 if many else 0.54) - (0.12 if half else 0)
        yield Blank(Span(start + left, start + right), "name", weight)


def _predicates(statement: Statement, sentence: Sentence) -> Iterator[Blank]:
    """What follows "is a" or a verb, up to the border of the clause."""
    clause = sentence.clause
    if clause is None or clause.kind not in ("be", "main") or len(clause.predicate) < 2:
        return
    tokens = clause.predicate
    end = len(tokens)
    for index, token in enumerate(tokens):
        if token.text in (",", ";", ":", "-", "–", "—") or (
            index > 1 and token.low in ("which", "who", "that", "while", "because")
        ):
            end = index
            break
    head = tokens[0].low
    if clause.kind == "be" and head not in ("a", "an", "the", "one", "part", "to"):
        return
    if clause.kind == "main" and not (head in ("a", "an", "the", "all") or tokens[0].is_capital):
        return
    if not 2 <= end <= 12 or (
        end < len(tokens) and tokens[end].text == "," and _list_goes_on(tokens, end)
    ):
        return
    span = Span(tokens[0].start, tokens[end - 1].end)
    if span.end <= statement.span.end and _informative(span.of(statement.text)):
        yield Blank(span, "words", 0.58 if clause.kind == "be" else 0.5)


def _list_goes_on(tokens: tuple, end: int) -> bool:  # type: ignore[type-arg]
    return any(t.low in ("and", "or") for t in tokens[end : end + 6])


def _tails(raw: str, start: int) -> Iterator[Blank]:
    """The last phrase of the sentence, from a preposition or a conjunction on."""
    for pattern, weight, most in ((_STRONG_TAIL, 0.52, 18), (_TAIL, 0.44, 9)):
        found = list(pattern.finditer(raw))
        for match in reversed(found):
            tail = raw[match.end() :]
            count = len(tail.split())
            if count > most:
                break
            if count < 2 or len(raw[: match.start()].split()) < 4:
                continue
            # "requests made by A were ignored": the tail is more than what the word takes.
            clausal = _CLAUSAL.match(match[0])
            if not clausal and (_FINITE_INSIDE.search(tail) or _acts(tail)):
                continue
            if _GOES_ON.search(tail) or not _informative(tail):
                continue
            if re.match(
                r"(?:addition|order|fact|general|particular|turn|part|spite|which|whom|it|them"
                r"|him|her|this|that|their|his|its)\b",
                tail,
            ):
                continue
            if (
                any(tail.count(a) != tail.count(b) for a, b in ("()", "[]", "“”"))
                or tail.count('"') % 2
            ):
                continue
            yield Blank(Span(start + match.end(), start + len(raw)), "words", weight)
            break


def _acts(tail: str) -> bool:
    """A verb of the present that leads on to an object: "12 mJ/cm2 earns a credit"."""
    tokens = tail.lower().split()
    for word, after in pairwise(tokens):
        form = FINITE.get(word)
        if form is not None and form.tense == "present_s" and after in DETERMINERS:
            return True
    return False


def _informative(text: str) -> bool:
    """Two words that say something, or one long one."""
    telling = [w for w in re.findall(r"[\w'’-]+", text) if w.lower() not in EMPTY_WORDS]
    if BARE_PRONOUN.match(text):
        return False
    return len(telling) >= 2 or (len(telling) == 1 and len(telling[0]) >= 6)

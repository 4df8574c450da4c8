"""Which English sentences can be quoted alone, and which of their spans are worth a blank."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate
from tasks.synthesis.cloze import Blank, BlankKind, Statement, ask_across, ask_completion
from tasks.synthesis.english.clause import Token
from tasks.synthesis.english.lexicon import (
    BASES,
    BE,
    DETERMINERS,
    FINITE,
    FRONT_ADVERBS,
    HAVE,
    MODALS,
    MONTHS,
    PREPOSITIONS,
)
from tasks.synthesis.english.sentence import DATE, Reader, Sentence, prepare
from tasks.synthesis.passage import Span, Unit
from tasks.synthesis.rules import dangling_pronoun
from tasks.synthesis.topic import Topic
from tasks.synthesis.wordlist import words

_MIN_WORDS, _MAX_WORDS, _CLIP_FROM, _LONG_WORDS = 6, 40, 26, 90
_POINTS_BACK = re.compile(
    r"(?:this|these|those|that|such|it|its|he|she|his|her|they|their|them|we|our|i|my|you|here"
    r"|both|neither|another|others|one|the (?:former|latter|same|two|other|following|above)"
    r"|like|unlike|so|then|thus|therefore|hence|too|also|again|otherwise|instead|but|and|or|nor"
    r"|afterwards?|meanwhile|later|some of|many of|most of|all of|each of|see|note|as (?:such|well))\b",
    re.IGNORECASE,
)
_POINTS_INSIDE = re.compile(
    r"\b(?:this|these|those(?! (?:who|of|in|that|with|from|which))|the former|the latter|the following|the (?:text|passage|document|article|section)|(?:the|as|listed|mentioned|described|see) (?:above|below)|aforementioned"
    r"|as follows|respectively|you said|figure \d|table \d)\b",
    re.IGNORECASE,
)
_RANGE = r"(?:\s*(?:to|and|or|[–-])\s*[$€£]?\d[\d,]*(?:\.\d+)?)?"
_UNIT = (
    r"(?:\s?(?:%|‰|°\s?[CF]?|[µmck]?[mgLlWVAJ]\b(?:[²³]|\d)?(?:/\w+)*|mg/L|NTU|k?Hz|[MGk]Hz|bar\b|[kM]?Pa\b"
    r"|(?:milli|centi|kilo|micro|nano)?(?:met(?:er|re)|gram|lit(?:er|re)|watt|volt|ampere)s?\b"
    r"|(?:square |cubic )?(?:feet|foot|ft|inch(?:es)?|miles?|acres?|hectares?|kilomet(?:er|re)s?|met(?:er|re)s?)\b"
    r"|(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|decades?|tonnes?|tons?|pounds?"
    r"|per ?cent|degrees?|dollars?|euros?|million|billion|thousand)\b(?: (?:people|dollars|euros|years|per cent|percent))?))*"
)
_FIGURE = re.compile(
    rf"(?<![\w.,/#-])(?P<money>[$€£]|US\$)?\d[\d,]*(?:\.\d+)?(?![\w-]|[.,]\d){_RANGE}{_UNIT}(?![\w%/²³·^-]|[.,]\d)"
    rf"|(?<![\w.,/#-])\d[\d,]*(?:\.\d+)?(?:{_RANGE})(?:%|°C|m²|m³|km|kg|mg|ml|mL|mm|cm|kW|kV|MW)(?![\w/-])"
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
    rf"(?<![\w'’.-])(?<![A-Z]\. )(?P<n>{_NAME_WORD}(?:\s+(?:(?:of(?:\s+the)?|de(?:\s+la|\s+los)?|van(?:\s+de[rn]?)?|von|du|la)\s+)?(?:{_NAME_WORD}|\d{{1,4}}(?![\w,.]\d)))*)(?!['’][a-z]|[\w-])"
)
_NAME_AFTER = re.compile(
    r"\b(?:in|at|by|for|from|to|with|of|on|near|against|called|named|as|under|and|the|into|"
    r"joined|married|won|is|was|are|were|via|than|over|include|includes)\s+(?:the\s+)?$"
)
_STRONG_TAIL = re.compile(
    r"\b(?:such as|includ(?:e|es|ed|ing)|contains?|provides?|offers?|requires?|supports?|known as|called|named|because(?: of)?|in order to|due to|consists? of|made (?:of|from)"
    r"|used (?:to|for|as)|instead of|rather than|depends? on|leads? to|caused by|composed of|served as"
    r"|works? as|worked as|so that|by|without|unless|until|if|when|not)\s+"
)
_TAIL = re.compile(
    r"\b(?:to|into|for|with|from|of|as|at|than|on|in|between|under|through|during|after|before"
    r"|against|across|towards?|within|over|around|near|among|including)\s+"
)
_CONJOINED = re.compile(
    r",\s+(?:which|who|whose|where|while|although|though|but|because|so|then|with|and\s+\w+ed|and"
    r"\s+(?:the|it|he|she|they|was|is|has|then))\b|;|\s+(?:and\s+(?:is|was|are|were|has|had|became"
    r"|won|also)|while|because|although|whereas|who|which|after|before|until)\b"
)
# After the comma stands one more entry of a list, or something else begins.
_GOES_ON = re.compile(
    r",(?! (?:and |or )?[^,]{2,40}(?:,|$))"
    r"|,\s+(?:which|who|whose|it|he|she|they|the|this|but|so|while|because|where|when|with|as)\b"
)
_CLAUSAL = re.compile(r"because\s|so that|unless|until|if|when")
_FINITE_INSIDE = re.compile(r"\b(?:is|are|was|were|has|have|had|will|would|can|could|may|must)\b")
_EMPTY_WORDS = frozenset(
    words("""
        a an the it its he she his her they them their this that these those and or of to in on at
        by for with as is are was were be been there here much many more most very some any all
        one other others not no so same time times way day year years well also only own first
        last end home people addition general place part life
    """)
)
_OPENS_BADLY = frozenset(
    words("which that who and but of to the and or a an in on at by for with as that their his her")
)
_BARE_PRONOUN = re.compile(r"\b(?:it|its|they|them|their|he|him|she|this|these|those|that)\b", re.I)
# A second question of a sentence is asked where the chunk has too few sentences.
_BLANKS_MOST, _SECOND, _APART = 2, 0.2, 12
_BESIDE_WORDS, _VERB_DOUBTED, _MAIN_CLAUSE, _CAPTION_WORDS, _CARRIED_WORDS = 6, 8, 25, 11, 8


def long_sentence(text: str, unit: Unit) -> Sentence | None:
    """A sentence that no template reads for its length: a part of it may be quoted."""
    return prepare(text, unit.span, unit.kind, _LONG_WORDS)


def completions(sentence: Sentence, reader: Reader, before: str) -> Iterator[Candidate]:
    """One completion question of the sentence, and one in Chinese with a few of its words.

    `before` is whom a pronoun at its head stands for, "" where nothing says that.
    """
    statement = _statement(sentence, reader, before)
    if statement is None:
        return
    asked: list[Blank] = []
    for blank in sorted(blanks(statement, sentence), key=lambda b: (-b.weight, b.span.start)):
        if any(_near(blank.span, other.span) for other in asked):
            continue
        clipped = _clipped(statement, blank)
        made = ask_completion(clipped, blank, reader.topic, "en") if clipped else None
        if clipped is None or made is None:
            continue
        yield made if not asked else dataclasses.replace(made, weight=made.weight - _SECOND)
        if _carries(blank, clipped) and (part := _beside(clipped, blank)) is not None:
            across = ask_across(clipped, blank, part, reader.topic, "zh")
            if across is not None:
                yield across
        asked.append(blank)
        if len(asked) == _BLANKS_MOST:
            return


def _carries(blank: Blank, statement: Statement) -> bool:
    """Whether few words around it can tell what is asked: no "two" and no "Dutch"."""
    answer = blank.span.of(statement.text)
    if blank.kind == "words":
        return len(answer.split()) <= _CARRIED_WORDS
    return blank.kind != "figure" or bool(re.search(r"\d\D*\d|\d\s?\D", answer))


def _near(one: Span, other: Span) -> bool:
    return one.start < other.end + _APART and other.start < one.end + _APART


def _statement(sentence: Sentence, reader: Reader, before: str) -> Statement | None:
    text, tokens = sentence.text, sentence.tokens
    ended = sentence.span.of(text).rstrip('"”’)*').endswith((".", "!"))
    if not ended and sentence.clause is None:
        return None
    first = 0
    if tokens[0].low in FRONT_ADVERBS and len(tokens) > 2 and tokens[1].text == ",":
        first = 2
    # The end of the last token: the full stop stays outside of the quotation.
    start, end = tokens[first].start, tokens[-1].end
    tail = text[end : sentence.span.end]
    if close := re.match(r"[)\]”\"’*`]+", tail):
        end += close.end()
    raw = text[start:end]
    if any(raw.count(a) != raw.count(b) for a, b in (("(", ")"), ("[", "]"), ("“", "”"))):
        return None
    if (
        " ; " in raw
        or raw.count('"') % 2
        or raw.count("*") % 2
        or "|" in raw
        or "\n\n" in raw
        or "(," in raw
    ):
        return None
    head = tokens[first]
    low = head.low
    # Nothing says which company "the company" is.
    if not reader.topic.nearest and low in ("the", "my", "your") and not sentence.named:
        return None
    long = ended and len(tokens) > _CAPTION_WORDS
    if sentence.clause is None and not long and not _has_verb(tokens[first:]):
        return None
    if low in ("he", "she", "it", "his", "her", "its"):
        if sentence.replaced and sentence.clause is not None and sentence.clause.first == first:
            name = sentence.subject
            if low in ("his", "her", "its"):
                name = re.match(r".*?(?:'s|')(?=\s)", name + " ")[0] if "'" in name else ""
        elif before and (low in ("it", "its")) != reader.about_person:
            own = low in ("his", "her", "its")
            name = before + ("'s" if own else "")
        else:
            return None
        if not name or (
            _BARE_PRONOUN.search(text[head.end : end]) and low not in ("he", "she", "his", "her")
        ):
            return None
        statement = Statement(
            text, Span(start, end), Span(head.start, head.end), name[:1].upper() + name[1:]
        )
    elif _POINTS_BACK.match(raw) or _POINTS_INSIDE.search(raw):
        return None
    else:
        lowered = raw[:1].lower() + raw[1:] if reader.is_common(head) else raw
        lowered = re.sub(r"\bthe same\b", "one", lowered)
        if dangling_pronoun(lowered) or re.match(r"\w+ (?:can |may |will )?\w+ (?:them|it)\b", raw):
            return None
        statement = Statement(text, Span(start, end))
    if _POINTS_INSIDE.search(raw) or not len(raw.split()) >= _MIN_WORDS:
        return None
    return statement


def _has_verb(tokens: tuple[Token, ...]) -> bool:
    """A caption ("The five steps of treatment.") is no statement."""
    if tokens[0].low in BASES:
        return True
    for index, token in enumerate(tokens[1:-1], start=1):
        form = FINITE.get(token.low)
        if token.low in BE | HAVE | MODALS or (form is not None and form.tense == "past"):
            return True
        after = tokens[index + 1].low
        leads_on = after in DETERMINERS or (after in PREPOSITIONS and after != "of")
        if form is not None and leads_on and len(tokens) > _VERB_DOUBTED:
            return True
    return False


def _clipped(statement: Statement, blank: Blank) -> Statement | None:
    """A long sentence ends at the next border of a clause after the blank."""
    raw = statement.span.of(statement.text)
    if len(raw.split()) > _CLIP_FROM:
        offset = blank.span.end - statement.span.start
        if re.match(r"(?:As|When|If|While|Although|Though|Since|After|Before|Because|Once)\b", raw):
            # Its first half is no sentence: it ends after its main clause or not at all.
            offset = max(offset, raw.find(",") + _MAIN_CLAUSE)
        for border in _CONJOINED.finditer(raw, offset):
            shorter = raw[: border.start()]
            if (
                len(shorter.split()) >= _MIN_WORDS + 2
                and all(shorter.count(a) == shorter.count(b) for a, b in ("()", "[]", "“”"))
                and shorter.count('"') % 2 == 0
            ):
                end = statement.span.start + border.start()
                statement = Statement(
                    statement.text,
                    Span(statement.span.start, end),
                    statement.pronoun,
                    statement.stand_in,
                )
                break
    return statement if len(statement.span.of(statement.text).split()) <= _MAX_WORDS else None


def _beside(statement: Statement, blank: Blank) -> Span | None:
    """The blank with three words on its left, or after it where it opens the sentence."""
    text = statement.text
    left = text[statement.span.start : blank.span.start].split()
    pieces = left[-_BESIDE_WORDS:]
    for index, piece in enumerate(pieces):
        if re.search(r"[,;:()\"]$|^[(\"]", piece):
            pieces = pieces[index + 1 :]
            break
    opens = len(pieces) == len(left)
    verb = None
    for index in range(len(pieces) - 1, -1, -1):
        word = pieces[index].lower()
        form = FINITE.get(word)
        if word in BE | HAVE or (form is not None and form.tense == "past"):
            verb = index
            break
    # Words without a verb ("Academy of ____") do not say what is asked.
    if verb is None and not opens:
        return None
    if verb is not None and not opens:
        pieces = pieces[max(verb - 2, 0) :]
    while len(pieces) > 3 and pieces[0].lower() in _OPENS_BADLY:
        pieces = pieces[1:]
    telling = [p for p in pieces if len(p) > 3 and p.lower() not in _EMPTY_WORDS | {"about"}]
    if len(pieces) < 3 or not telling:
        return None
    start = text.rfind(" ".join(pieces), statement.span.start, blank.span.start)
    if start < 0 or (statement.pronoun is not None and start < statement.pronoun.end):
        return None
    end = blank.span.end
    after = re.match(r"\s[a-z]{4,}\b", text[end : statement.span.end])
    return Span(start, end + (after.end() if after else 0))


def of_label(text: str, label: Span, topic: Topic) -> Iterator[Candidate]:
    """A completion question of a label in a picture, which needs no full stop."""
    statement = Statement(text, label)
    if (
        "?" in label.of(text)
        or _POINTS_BACK.match(label.of(text))
        or _POINTS_INSIDE.search(label.of(text))
    ):
        return
    for blank in sorted(blanks(statement, None), key=lambda b: (-b.weight, b.span.start)):
        if made := ask_completion(statement, blank, topic, "en"):
            yield made
            return


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
    for pattern, weight, most in ((_STRONG_TAIL, 0.52, 18), (_TAIL, 0.44, 7)):
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
            if not clausal and _FINITE_INSIDE.search(tail):
                continue
            if _GOES_ON.search(tail) or not _informative(tail):
                continue
            if re.match(
                r"(?:addition|order|fact|general|particular|turn|part|spite|which|whom|it|them|him|her|this|that|their|his|its)\b",
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


def _informative(text: str) -> bool:
    """Two words that say something, or one long one."""
    telling = [w for w in re.findall(r"[\w'’-]+", text) if w.lower() not in _EMPTY_WORDS]
    if _BARE_PRONOUN.match(text):
        return False
    return len(telling) >= 2 or (len(telling) == 1 and len(telling[0]) >= 6)

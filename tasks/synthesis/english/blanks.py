"""Completion questions from English sentences: those that can be quoted alone."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from tasks.synthesis.candidates import Candidate
from tasks.synthesis.cloze import Blank, Statement, ask_across, ask_completion
from tasks.synthesis.english.clause import Token
from tasks.synthesis.english.lexicon import (
    BASES,
    BE,
    DETERMINERS,
    FINITE,
    FRONT_ADVERBS,
    HAVE,
    MODALS,
    PREPOSITIONS,
)
from tasks.synthesis.english.sentence import Reader, Sentence, prepare
from tasks.synthesis.english.spans import BARE_PRONOUN, EMPTY_WORDS, blanks
from tasks.synthesis.passage import Span, Unit
from tasks.synthesis.rules import dangling_pronoun
from tasks.synthesis.topic import Topic
from tasks.synthesis.wordlist import words

_MIN_WORDS, _MAX_WORDS, _CLIP_FROM, _LONG_WORDS = 6, 40, 26, 90
_POINTS_BACK = re.compile(
    r"(?:this|these|those|that|such|it|its|he|she|his|her|they|their|them|we|our|i|my|you|here"
    r"|both|neither|another|others|one|the (?:former|latter|same|two|other|following|above)"
    r"|like|unlike|so|then|thus|therefore|hence|too|also|again|otherwise|instead|but|and|or|nor"
    r"|afterwards?|meanwhile|later|some of|many of|most of|all of|each of|see|note|as (?:such"
    r"|well))\b",
    re.IGNORECASE,
)
_POINTS_INSIDE = re.compile(
    r"\b(?:this|these|those(?! (?:who|of|in|that|with|from|which))|the former|the latter"
    r"|the following|the (?:text|passage|document|article|section)|(?:the|as|listed|mentioned"
    r"|described|see) (?:above|below)|aforementioned"
    r"|as follows|respectively|you said|figure \d|table \d)\b",
    re.IGNORECASE,
)
_CONJOINED = re.compile(
    r",\s+(?:which|who|whose|where|while|although|though|but|because|so|then|with|and\s+\w+ed|and"
    r"\s+(?:the|it|he|she|they|was|is|has|then))\b|;|\s+(?:and\s+(?:is|was|are|were|has|had|became"
    r"|won|also)|while|because|although|whereas|who|which|after|before|until)\b"
)
_OPENS_BADLY = frozenset(
    words("which that who and but of to the and or a an in on at by for with as that their his her")
)
# A second question of a sentence is asked where the chunk has too few sentences.
_BLANKS_MOST, _SECOND, _APART = 2, 0.2, 12
_BESIDE_WORDS, _VERB_DOUBTED, _MAIN_CLAUSE, _CAPTION_WORDS, _CARRIED_WORDS = 6, 8, 25, 8, 8

_CROSSED_WORDS = 16


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
        part = _from_the_start(clipped, _beside(clipped, blank))
        if part is not None and _carries(blank, clipped):
            across = ask_across(clipped, blank, part, reader.topic, "zh")
            if across is not None:
                yield across
        asked.append(blank)
        if len(asked) == _BLANKS_MOST:
            return


def _from_the_start(statement: Statement, part: Span | None) -> Span | None:
    """The part with the statement's beginning: "Council were held on ____" would not say what."""
    if part is None:
        return None
    whole = Span(statement.span.start, part.end)
    return whole if len(whole.of(statement.text).split()) <= _CROSSED_WORDS else None


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
                # "Hydrotec's filter": the owner alone stands in for the pronoun.
                owner = re.match(r".*?(?:'s|')(?=\s)", name)
                name = owner[0] if owner else ""
        elif before and (low in ("it", "its")) != reader.about_person:
            own = low in ("his", "her", "its")
            name = before + ("'s" if own else "")
        else:
            return None
        if not name or (
            BARE_PRONOUN.search(text[head.end : end]) and low not in ("he", "she", "his", "her")
        ):
            return None
        statement = Statement(
            text, Span(start, end), Span(head.start, head.end), name[:1].upper() + name[1:]
        )
    elif _POINTS_BACK.match(raw) or _POINTS_INSIDE.search(raw):
        return None
    else:
        lowered = raw[:1].lower() + raw[1:] if reader.is_common(head) else raw
        lowered = re.sub(
            r"\bthe same\b|\bthose(?= (?:who|of|in|that|with|from|which)\b)", "one", lowered
        )
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
    if verb is None:
        return None
    if verb is not None and not opens:
        pieces = pieces[max(verb - 2, 0) :]
    while len(pieces) > 3 and pieces[0].lower() in _OPENS_BADLY:
        pieces = pieces[1:]
    telling = [p for p in pieces if len(p) > 3 and p.lower() not in EMPTY_WORDS | {"about"}]
    if len(pieces) < 3 or not telling or pieces[-1].lower() in ("and", "or", "but"):
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

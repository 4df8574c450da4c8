"""Where sentences and clauses end, in English and Chinese.

A sentence ends at .!? and 。！？；, with the quotes and brackets that close behind it, and at
the border of a block: a blank line, or a line break before or after a markdown marker. It does
not end at abbreviations, initials, decimals, version numbers, ordinals of a list, or inside an
address. Table rows and headings are no sentences, but nothing here knows them: callers keep
them out, or take the lines that they get for what they are.
"""

from __future__ import annotations

import re

from clara_model.text.scripts import is_han

_CLOSERS = "\"'”’»」』》〉）)】］\\]}*_"
_END = re.compile(rf"(?P<marks>[。！？；｡．]+|[.!?]+|…+(?=\s|$))(?P<closers>[{_CLOSERS}]*)")
# A line that is a block of its own in markdown, or begins one.
_MARKED = r"[ \t]*(?:#{1,6}[ \t]|[-*+][ \t]|\d{1,3}[.)][ \t]|>|\||```|~~~|\[IMAGE_REF:)"
_BLOCK_BORDER = re.compile(rf"\n[ \t]*\n\s*|\n(?={_MARKED})|(?<=\|)[ \t]*\n|(?<=\])[ \t]*\n")
_HEADING_LINE = re.compile(r"^[ \t]*#{1,6}[ \t][^\n]*(?:\n|$)", re.MULTILINE)
_CLAUSE_END = re.compile(rf"[，、；：。！？]+[{_CLOSERS}]*|[,;:.!?—–]+[{_CLOSERS}]*(?=\s|$)")

# After these a sentence goes on, whatever follows.
_OPEN = re.compile(
    r"mr|mrs|ms|dr|prof|st|rev|gen|sen|gov|capt|fig|figs|eq|eqs|sec|secs|"
    r"vol|vols|eds|nr|vs|cf|e\.g|i\.e|eg|ie|viz|resp|approx|"
    r"ca|ver|dept|refs"
)
# After these it goes on to a number, and ends before anything else.
_WORDS_TOO = re.compile(r"no|nos|p|pp|ch|art|tab|ref|ed|min|max")
# After these it ends only where the next word looks like a beginning.
_PERHAPS = re.compile(
    r"etc|inc|ltd|co|corp|llc|bros|al|a\.m|p\.m|u\.s|u\.k|u\.n|e\.u|d\.c|ph\.d|"
    r"jr|sr|est|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec|mon|"
    r"tue|wed|thu|fri|sat|sun"
)
_BEGINNERS = re.compile(
    r"the|a|an|this|that|these|those|it|he|she|they|we|you|i|there|here|in|"
    r"on|at|for|if|when|while|as|but|and|or|so|to|however|then|what|how|why|"
    r"where|who"
)
# The longest abbreviation that matters is shorter; a bound keeps long texts linear.
_LOOK_BACK = 40
_LAST_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|\.(?=[^\W\d_]))*$")
_LIST_NUMBER = re.compile(r"\s*(?:[-*+][ \t]+)?(?:\d{1,3}|[A-Za-z]|[ivxIVX]{1,5})")
_CAMEL_CASE = re.compile("[a-z]+[A-Z]")
_NEXT_WORD = re.compile(r"\s*[\"'“‘(\[«*_]*([^\W_]+)")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Spans (code points, end exclusive) of the sentences of `text`, in order.

    Spans hold no outer whitespace, do not overlap, and together hold every visible character:
    what ends without a mark (a heading, a fragment) is a span too.
    """
    spans: list[tuple[int, int]] = []
    for start, end in _blocks(text):
        spans.extend(_sentences(text, start, end))
    return spans


def clause_spans(text: str) -> list[tuple[int, int]]:
    """Spans of the clauses of `text`: as sentences, but commas, colons and dashes end them."""
    return _trimmed(text, [match.end() for match in _CLAUSE_END.finditer(text)], 0, len(text))


def _blocks(text: str) -> list[tuple[int, int]]:
    borders = [match.end() for match in _BLOCK_BORDER.finditer(text)]
    borders += [match.end() for match in _HEADING_LINE.finditer(text)]
    return _trimmed(text, sorted(set(borders)), 0, len(text))


def _sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    ends = [
        match.end()
        for match in _END.finditer(text, start, end)
        if _ends_sentence(text, start, end, match)
    ]
    return _trimmed(text, ends, start, end)


def _trimmed(text: str, ends: list[int], start: int, end: int) -> list[tuple[int, int]]:
    """`start`..`end` cut behind each of `ends`, without outer whitespace and empty pieces."""
    spans = []
    for border in [*ends, end]:
        piece = text[start:border]
        stripped = piece.strip()
        if stripped:
            first = start + len(piece) - len(piece.lstrip())
            spans.append((first, first + len(stripped)))
        start = max(start, border)
    return spans


def _ends_sentence(text: str, start: int, end: int, match: re.Match[str]) -> bool:
    marks = match["marks"]
    if marks[0] in "。！？；｡":
        return True
    after = text[match.end()] if match.end() < end else ""
    before = text[match.start() - 1] if match.start() > start else ""
    # Without a space behind it the mark is part of a number, a name or an address, unless
    # Chinese follows, which needs no space.
    chinese_follows = (is_han(after) or after in "“「『") and not before.isdigit()
    if after and not after.isspace() and not chinese_follows:
        return False
    following = _NEXT_WORD.match(text, match.end(), end)
    next_word = following[1] if following else ""
    goes_on = next_word[:1].islower() and not _CAMEL_CASE.match(next_word)
    if len(marks) > 1 or marks != ".":
        # "Is it?" she said. Yahoo! is a name. But: Is it so? yes.
        return not goes_on or (marks[0] == "?" and not match["closers"])
    if not next_word:
        return True
    first = max(start, match.start() - _LOOK_BACK)
    if first == start and _LIST_NUMBER.fullmatch(text, start, match.start()):
        return False
    return not goes_on and _word_ends(text[first : match.start()], next_word)


def _word_ends(before: str, next_word: str) -> bool:
    """Whether a lone `.` behind the last word of `before` ends a sentence."""
    last = _LAST_WORD.search(before)
    if last is None:
        return True
    word = last[0].lower()
    if _WORDS_TOO.fullmatch(word):
        # "The answer is no. The ..." ends, "No. 5" goes on.
        return not next_word[0].isdigit()
    if _OPEN.fullmatch(word):
        return False
    if _PERHAPS.fullmatch(word) or (len(last[0]) == 1 and last[0].isupper()):
        return _BEGINNERS.fullmatch(next_word.lower()) is not None or is_han(next_word[0])
    return True

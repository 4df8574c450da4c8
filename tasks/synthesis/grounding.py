"""Does a text state numbers, dates or names that its passage does not hold?

Both sides are compared in one spelling (clara_model.text.normalise,
tasks.synthesis.quantities). The answer is the thing that was not found, so that it can be named
to whoever wrote it.
"""

from __future__ import annotations

import re

from tasks.synthesis.names import chinese_names, comparable, latin_names, person_answer
from tasks.synthesis.number_words import MONTHS
from tasks.synthesis.quantities import (
    Said,
    held_months,
    held_numbers,
    said_numbers,
    said_versions,
    without_small_counts,
)
from tasks.synthesis.wordlist import words
from tasks.text import HAN_CLASS, normalise

# Chinese sets no space beside an acronym or a unit: 用CT值表示 holds the word CT.
_LETTERS = rf"[{HAN_CLASS}]+|(?:(?![{HAN_CLASS}])[^\W\d_])+"
_WORDS = re.compile(rf"{_LETTERS}|\d+")
_SHORTEST_STEM, _SHORTEST_MARKED = 4, 3
# Adjectives of places that share too few letters with the place.
_PLACES = {
    "french": "france",
    "spanish": "spain",
    "dutch": "netherlands",
    "swiss": "switzerland",
    "irish": "ireland",
    "welsh": "wales",
    "danish": "denmark",
    "polish": "poland",
    "thai": "thailand",
    "scottish": "scotland",
    "greek": "greece",
    "british": "britain",
    "european": "europe",
    "american": "america",
    "us": "united",
    "uk": "united",
}
# A unit's name, where the passage writes its sign.
_DEGREES = {
    "celsius": re.compile(r"° ?c(?![a-z])|摄氏"),
    "fahrenheit": re.compile(r"° ?f(?![a-z])|华氏"),
}
_BASES = frozenset({"", "a", "e", "o", "y", "ia", "s"})
_FORMS = frozenset(
    words("s y ey es n an ian ean ese ish ic ical al i ist ists ism er ers ed d ing ly ies")
)
_PLACES |= {place: adjective for adjective, place in _PLACES.items()}


class Ground:
    """What a passage holds. Built once for all that is said about the passage.

    `headings` stand above the passage and are no part of it: they may name what a question asks
    about, and an answer may repeat that name from its question.
    """

    def __init__(self, passage: str, headings: tuple[str, ...] = ()) -> None:
        self._passage = passage
        self._plain = normalise(passage)
        self._numbers = held_numbers(passage)
        self._months = held_months(passage)
        self._words = frozenset(map(comparable, _WORDS.findall(self._plain))) - {""}
        self._squeezed = comparable(passage)
        self._initials = _initials(passage)
        self._headings = comparable(" ".join(headings))
        self._heading_numbers = held_numbers(" ".join(headings))

    def missing(self, text: str, question: str = "") -> tuple[str, ...]:
        """Numbers, dates and names of `text` that the passage does not hold, each once.

        `question` is the one that the text answers, if it answers one.
        """
        said = said_numbers(without_small_counts(text, self._passage))
        found = [number.shown for number in said if not self._holds_number(number)]
        found += [version for version in said_versions(text) if version not in self._plain]
        found += [name for name in latin_names(text) if not self._holds_latin(name)]
        found += [name for name in chinese_names(text) if not self._holds_chinese(name)]
        person = person_answer(question, text)
        if person is not None and not self._holds_chinese(person):
            found.append(person)
        asked = comparable(question)
        return tuple(thing for thing in dict.fromkeys(found) if not self._repeats(thing, asked))

    def missing_numbers(self, question: str) -> tuple[str, ...]:
        """Numbers of a question, in any language, that neither passage nor headings hold."""
        said = said_numbers(without_small_counts(question, self._passage))
        missing = [number for number in said if not self._holds_number(number)]
        return tuple(
            dict.fromkeys(n.shown for n in missing if n.value not in self._heading_numbers)
        )

    def _repeats(self, thing: str, asked: str) -> bool:
        """Whether the thing comes from the headings, by way of the question."""
        bare = comparable(thing)
        return bool(bare) and bare in asked and bare in self._headings

    def _holds_number(self, number: Said) -> bool:
        if number.month:
            return int(number.value) in self._months
        # 3:00 may be written where the passage says 3 pm.
        return number.value in self._numbers or number.shown == "00"

    def _holds_chinese(self, name: str) -> bool:
        return comparable(name) in self._squeezed

    def _holds_latin(self, name: str) -> bool:
        bare = comparable(name)
        if not bare or bare in self._words or MONTHS.get(bare) in self._months:
            return True
        if bare in _DEGREES and _DEGREES[bare].search(self._plain):
            return True
        # Compounds, and what spaces and dots divide in another way: Ph.D., GPT 4o.
        shortest = _SHORTEST_MARKED if len(bare) < len(name) else _SHORTEST_STEM
        if len(bare) >= shortest and bare in self._squeezed:
            return True
        if any(character.isdigit() for character in bare):
            return bare in self._squeezed or self._holds_parts(bare)
        if bare in self._initials or bare.removesuffix("s") in self._initials:
            return True
        return any(_related(bare, word) for word in self._words)

    def _holds_parts(self, code: str) -> bool:
        """ "post-1945" is no code but a word and a number."""
        digits = said_numbers(re.sub(r"[^\d.]+", " ", code))
        letters = re.sub(r"\d", "", code)
        return all(self._holds_number(number) for number in digits) and letters in self._words


def _related(one: str, other: str) -> bool:
    """American and America, Italian and Italy, Recognized and Recognised; never Marie and Maria."""
    if _PLACES.get(one) == other or one.replace("z", "s") == other.replace("z", "s"):
        return True
    common = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        common += 1
    endings = one[common:], other[common:]
    if not any(base in _BASES and form in _FORMS for base, form in (endings, endings[::-1])):
        return False
    return common >= (_SHORTEST_STEM if all(endings) else _SHORTEST_STEM - 1)


def _initials(passage: str) -> frozenset[str]:
    """Acronyms that the passage's words would make: WHO of the World Health Organization.

    Not the other way: what an acronym stands for is not in a passage that has the acronym only.
    """
    found = re.findall(_LETTERS, passage)
    capitals = [word[0].casefold() for word in found if word[0].isupper()]
    everything = [word[0].casefold() for word in found]
    initials: set[str] = set()
    for row, shortest in ((capitals, 2), (everything, 3)):
        for size in range(shortest, 7):
            initials |= {"".join(row[i : i + size]) for i in range(len(row) - size + 1)}
    return frozenset(initials)

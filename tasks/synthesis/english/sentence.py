"""An English sentence made ready for the templates: clean tokens, what it is about, its clause."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tasks.synthesis.english.clause import Clause, Token, read_clause, tokenise
from tasks.synthesis.english.lexicon import (
    COMMON_OPENERS,
    DETERMINERS,
    FRONT_ADVERBS,
    MONTHS,
    PREPOSITIONS,
    PRONOUNS,
)
from tasks.synthesis.passage import Passage, Span, Unit
from tasks.synthesis.topic import Topic
from tasks.synthesis.wordlist import words
from tasks.text import is_han

_MIN_WORDS, _MAX_WORDS = 5, 45
_UNREADABLE = re.compile(r"\]\(|\||https?:|www\.|==|\{|\}|<|>|\\|�|\[IMAGE|\?|…|\.\.\.")
_ABBREVIATION_END = re.compile(
    r"\b(?:Dr|Mr|Mrs|Ms|St|No|Nos|vs|etc|e\.g|i\.e|cf|Fig|Jr|Sr|Prof|Gen|Col|Lt|vol|pp?"
    r"|(?<![°\d])(?<![°\d] )[A-Z])\.$"
)
LEADS = frozenset(
    words("""
        if when because due since as while although though unless after before once to whenever
    """)
) - {"after", "before", "since"}
_FRONT_TEXT = """
        in addition; in general; in fact; in particular; for example; for instance; in contrast;
        on the other hand; by contrast; as a result; at first; in practice; in this case; at
        present; in total; at the same time; on the contrary; in turn; in short; at last; after
        all; of course
    """
_FRONT_PHRASES = tuple(tuple(front.split()) for front in _FRONT_TEXT.split(";"))
_NEW_SENTENCE = frozenset(("If", "When", "He", "She", "They", "However", "These", "Then"))
# Endings of adjectives and common nouns; a name seldom has one.
_COMMON_END = re.compile(
    r"^[A-Z][a-z]+(?:ed|ing|al|ic|ive|ous|ary|able|ible|less|ful|ant|ent|ish|er|ers|or|ors|se|rm)$"
)
_PARTS_OF_TEXT = frozenset(
    words("""
        text article section chapter passage paragraph figure table page list document appendix
    """)
)
_OPENERS = {"(": ")", "[": "]", "（": "）"}
DATE = (
    rf"(?:(?:early |mid-?|late )?(?:the )?\d{{4}}s|(?:\d{{1,2}} )?(?:{MONTHS}) (?:\d{{1,2}},? )?"
    rf"\d{{4}}|(?:{MONTHS}) \d{{1,2}}|\d{{1,2}} (?:{MONTHS})|1[0-9]\d\d|20\d\d"
    r"|(?:early |mid-?|late )?(?:the )?\d{1,2}(?:st|nd|rd|th) century)(?![\w%]|,\d|\.\d)"
)
TIME_PHRASE = re.compile(
    r"\b(?P<prep>[Ii]n|[Oo]n|[Ss]ince|[Uu]ntil|[Bb]y|[Bb]efore|[Aa]fter|[Aa]round|[Ff]rom"
    r"|[Bb]etween)\s+(?P<date>(?:the (?:spring|summer|autumn|fall|winter|end|beginning|year) "
    rf"(?:of )?)?(?:the )?{DATE}(?:\s*(?:to|until|and|through|[–-])\s*{DATE})?)"
)


@dataclass
class Sentence:
    """`text` is the whole chunk, tokens carry its offsets; brackets are left out of tokens."""

    text: str
    span: Span
    tokens: tuple[Token, ...]
    fronted: tuple[Token, ...] = ()
    lead: tuple[Token, ...] = ()
    clause: Clause | None = None
    subject: str = ""
    named: bool = False
    replaced: bool = False
    person: bool = False
    prefix: str = ""

    @property
    def answer_end(self) -> int:
        """Where the sentence ends without its full stop."""
        return self.tokens[-1].end


@dataclass
class Reader:
    """Reads a passage's sentences in order and remembers what the last one spoke of."""

    passage: Passage
    topic: Topic
    antecedent: str = ""
    antecedent_block: int = -1
    words: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(is_han(character) for character in self.topic.title + self.topic.section):
            self.topic = Topic()
        # A document of one subject: "She" at its head is the one that its title names.
        self.title = re.sub(r"\s*[(（][^()（）]*[)）]$", "", self.topic.entity)
        words = re.findall(r"[\w'’-]+", self.title)
        self.title_is_name = (
            not self.topic.section
            and 1 <= len(words) <= 6
            and all(w[0].isupper() or w in ("of", "de", "the", "von", "and") for w in words)
        )
        self.title_is_person = (
            self.title_is_name
            and len(words) <= 4
            and not any(w in ("of", "the", "and") for w in words)
            and not re.search(r"\d|\b(?:List|History|The|School|College|County)\b", self.title)
        )
        for word in re.findall(r"\b[a-z]+\b", self.passage.text):
            self.words[word] = self.words.get(word, 0) + 1
        self.about_person = any(self.words.get(w) for w in ("he", "she")) or bool(
            re.search(r"\b(?:He|She)\b", self.passage.text)
        )

    def read(self, unit: Unit) -> Sentence | None:
        if unit.block != self.antecedent_block:
            fits = self.title_is_person if self.about_person else self.title_is_name
            new = self.antecedent_block == -1 and fits
            self.antecedent = self.title if new else ""
        self.antecedent_block = unit.block
        sentence = prepare(self.passage.text, unit.span, unit.kind)
        if sentence is None:
            self._forget(unit)
            return None
        tokens = sentence.tokens
        if tokens[0].low in LEADS:
            sentence.lead, first = _lead(tokens)
        else:
            sentence.fronted, first = _front(tokens)
        if first < len(tokens):
            self._clause(sentence, first)
        if sentence.clause is None:
            self._forget(unit)
        return sentence

    def spoken_of(self, unit: Unit) -> str:
        """The one that a document's title names, where the passage so far is about nobody else."""
        if not (self.title_is_person if self.about_person else self.title_is_name):
            return ""
        before = self.passage.text[: unit.span.start]
        before = before[max(before.rfind("\n"), 0) :]
        people = re.findall(r"(?<![.!?] )\b[A-Z][a-z]+ [A-Z][a-z]+", before[-160:])
        own = all(any(word in self.title for word in name.split()) for name in people)
        return self.title if own or not self.about_person else ""

    def consequence(self, sentence: Sentence) -> Sentence | None:
        """The clause after ", so" as a sentence of its own, where it has a subject of its own."""
        tokens = sentence.tokens
        for index in range(4, len(tokens) - 4):
            if tokens[index].text == "," and tokens[index + 1].low == "so":
                if tokens[index + 2].low in PRONOUNS | {"that", "much", "many", "far"}:
                    return None
                tail = Sentence(sentence.text, sentence.span, tokens)
                before = self.antecedent
                self._clause(tail, index + 2)
                self.antecedent = before
                return tail if tail.clause is not None else None
        return None

    def _forget(self, unit: Unit) -> None:
        """After a sentence that could not be read: only a person goes on being "he"."""
        raw = unit.span.of(self.passage.text)
        names = re.findall(r"(?<![.!?] )(?<!^)\b[A-Z]\w+ [A-Z]\w+", raw)
        others = [name for name in names if name.split()[0] not in self.title]
        lead = raw.startswith("This ")
        if self.antecedent != self.title or (not lead and (others or not self.about_person)):
            self.antecedent = ""

    def _clause(self, sentence: Sentence, first: int) -> None:
        tokens = sentence.tokens
        lead = tokens[first].low
        if lead in ("he", "she", "it"):
            if not self.antecedent or (lead == "it") == self.about_person:
                return
            # "The" stands in for the pronoun so that the reader sees a noun phrase.
            stand_in = Token("Someone_", tokens[first].start, tokens[first].end)
            changed = (*tokens[:first], stand_in, *tokens[first + 1 :])
            clause = read_clause(changed, first)
            if clause is None or clause.verb != first + 1:
                return
            sentence.clause = clause
            sentence.subject, sentence.named, sentence.replaced = self.antecedent, True, True
            sentence.person = lead != "it"
            self._prefix(sentence)
            return
        clause = read_clause(tokens, first)
        if clause is None:
            return
        subject = clause.subject
        owner = subject[0].low if subject[0].low in ("its", "his", "her") else ""
        if owner and not (self.antecedent and (owner == "its") != self.about_person):
            return
        if subject[0].low in ("their", "our", "your") or subject[-1].low in _PARTS_OF_TEXT:
            return
        sentence.clause = clause
        if owner:
            possessive = self.antecedent + ("'" if self.antecedent.endswith("s") else "'s")
            sentence.subject = f"{possessive} {phrase(sentence.text, subject[1:])}"
            sentence.named, sentence.replaced = True, True
            return
        sentence.subject = self._subject_text(sentence, subject)
        sentence.named = self._is_named(subject)
        self._expand_to_title(sentence, subject)
        self._prefix(sentence)
        singular = not subject[-1].low.endswith("s") or sentence.named
        self.antecedent = sentence.subject if singular and not sentence.prefix else ""
        if possessor := re.match(r"(.+?)['’]s ", self.antecedent):
            self.antecedent = possessor[1] if self.about_person else ""

    def _opens_small(self, subject: tuple[Token, ...]) -> bool:
        """ "Coarse flocs" is written small inside a sentence, "Debian packages" is not.

        A name mostly stands in capitals elsewhere in the passage or in its title.
        """
        first = re.sub(r"['’]s?$", "", subject[0].text)
        if (
            first != subject[0].text
            or len(subject) < 2
            or not subject[1].text[0].islower()
            or not _COMMON_END.search(first)
        ):
            return False
        if first in self.topic.title or first in self.topic.section:
            return False
        again = re.search(r"(?:[a-z,;:] |\()" + re.escape(first) + r"\b", self.passage.text)
        return again is None

    def _subject_text(self, sentence: Sentence, subject: tuple[Token, ...]) -> str:
        text = phrase(sentence.text, subject)
        opens = subject[0].start == sentence.span.start or subject[0].low in DETERMINERS
        named = len(subject) > 1 and subject[1].is_capital and subject[0].low not in DETERMINERS
        small = (self.is_common(subject[0]) and not named) or self._opens_small(subject)
        return lower_first(text) if opens and small else text

    def is_common(self, token: Token) -> bool:
        """Whether a word at the head of a sentence would be written small inside one."""
        low = token.low
        if low in DETERMINERS or low in PREPOSITIONS or low in PRONOUNS or self.words.get(low):
            return True
        if low in COMMON_OPENERS:
            return True
        return low.endswith(("tion", "ment", "ness", "ity", "ings", "tions", "ments", "ities"))

    def _is_named(self, subject: tuple[Token, ...]) -> bool:
        capitals = [t for t in subject[1:] if t.is_capital and t.is_word]
        if capitals:
            return True
        first = subject[0]
        return first.is_capital and first.is_word and not self.is_common(first)

    def _expand_to_title(self, sentence: Sentence, subject: tuple[Token, ...]) -> None:
        """ "Siegal" becomes "Ian Siegal" where that is the title: the question stands alone."""
        title = self.title
        names = [t.text for t in subject if t.is_word and t.low != "the"]
        title_words = re.findall(r"[\w'’-]+", title)
        if len(title_words) > 6 or not names or not all(n[0].isupper() for n in names):
            return
        if len(names) < len(title_words) and all(n in title_words for n in names):
            sentence.subject, sentence.named = title, True
        same = bool(title_words) and self.title_is_person and names[-1] == title_words[-1]
        sentence.person = self.about_person and (same or all(n in title_words for n in names))

    def _prefix(self, sentence: Sentence) -> None:
        """A definite, nameless subject ("the company") needs to be told which one."""
        if sentence.clause is None:
            return
        topic = self.topic.nearest
        subject = sentence.clause.subject
        first_name = len(subject) == 1 and not sentence.replaced and subject[0].is_word
        past = sentence.clause.auxiliary in ("was", "were", "did", "had")
        definite = subject[0].low in ("the", "both", "all", "each", "every", "some", "any", "no")
        if (sentence.named and not first_name) or not (first_name or past or definite):
            return
        if topic and topic.lower() not in sentence.subject.lower():
            sentence.prefix = f"In the context of {self.topic.context}, "


def lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def phrase(text: str, tokens: tuple[Token, ...]) -> str:
    """Tokens as running text, without the brackets and markers that stood between them."""
    parts: list[str] = []
    for index, token in enumerate(tokens):
        if index:
            gap = text[tokens[index - 1].end : token.start]
            if (gap and (token.is_word or token.text not in ",;:.")) or gap.isspace():
                parts.append(" ")
        parts.append(token.text)
    return "".join(parts).strip(" ,;:")


def time_phrases(sentence: Sentence) -> list[re.Match[str]]:
    """Time phrases of the sentence that stand outside brackets."""
    starts = {token.start for token in sentence.tokens}
    found = TIME_PHRASE.finditer(sentence.text, sentence.span.start, sentence.span.end)
    return [match for match in found if match.start() in starts]


def prepare(
    text: str, span: Span, kind: str = "sentence", longest: int = _MAX_WORDS
) -> Sentence | None:
    """Tokens of a complete sentence of at most `longest` words, not yet read; else None."""
    raw = span.of(text)
    item = kind == "item"
    ended = raw.rstrip('"”’)').endswith((".", "!")) or item
    if not ended or _ABBREVIATION_END.search(raw):
        return None
    if _UNREADABLE.search(raw) or raw.count('"') % 2 or raw.count("“") != raw.count("”"):
        return None
    quoted = longest > _MAX_WORDS and raw[0] in '"“'
    if not (raw[0].isupper() or raw[0].isdigit() or raw[0] in "*_" or item or quoted):
        return None
    tokens = _outside_brackets(tokenise(raw), span.start)
    if tokens is None:
        return None
    tokens = tuple(t for t in tokens if t.text not in ("*", "`", "_"))
    while tokens and tokens[-1].text in (".", "!", ";"):
        tokens = tokens[:-1]
    # A full stop is missing where a new sentence begins in the middle.
    if any(t.text in _NEW_SENTENCE for t in tokens[1:]):
        return None
    words = sum(token.is_word for token in tokens)
    if not _MIN_WORDS <= words <= longest or tokens[-1].text in (",", ":", ";", "-"):
        return None
    return Sentence(text, span, tokens)


def _outside_brackets(tokens: tuple[Token, ...], offset: int) -> tuple[Token, ...] | None:
    kept: list[Token] = []
    expected: list[str] = []
    for token in tokens:
        if token.text in _OPENERS:
            expected.append(_OPENERS[token.text])
        elif expected and token.text == expected[-1]:
            expected.pop()
        elif token.text in _OPENERS.values():
            return None
        elif not expected:
            kept.append(Token(token.text, token.start + offset, token.end + offset))
    return None if expected or not kept else tuple(kept)


def _lead(tokens: tuple[Token, ...]) -> tuple[tuple[Token, ...], int]:
    """The subordinate clause that opens the sentence, and where the main clause begins."""
    for index in range(3, len(tokens) - 2):
        if tokens[index].text == "," and not tokens[index + 1].low.endswith("ing"):
            follows = index + 2 if tokens[index + 1].low == "then" else index + 1
            return tokens[:index], follows
    return (), len(tokens)


def _front(tokens: tuple[Token, ...]) -> tuple[tuple[Token, ...], int]:
    """The adverbial before the subject, and where the subject begins; len(tokens) for neither."""
    first = 0
    if tokens[0].low in FRONT_ADVERBS and len(tokens) > 2:
        first = 2 if tokens[1].text == "," else 1
    if tokens[first].low not in PREPOSITIONS:
        return (), first
    for front in _FRONT_PHRASES:
        if tuple(t.low for t in tokens[first : first + len(front)]) == front:
            after = first + len(front)
            if after < len(tokens) - 2 and tokens[after].text == ",":
                return (), after + 1
            return (), len(tokens)
    for index in range(first + 1, min(len(tokens), first + 14)):
        if tokens[index].text == ",":
            fronted = tokens[first:index]
            if any(t.low in PRONOUNS or t.low in ("his", "her", "its", "their") for t in fronted):
                return (), len(tokens)
            if index + 1 < len(tokens) and tokens[index + 1].low in ("and", "or", "but"):
                return (), len(tokens)
            return fronted, index + 1
    if (
        len(tokens) > first + 3
        and tokens[first].low in ("in", "since")
        and (re.fullmatch(r"(?:1\d|20)\d\d", tokens[first + 1].text))
    ):
        return tokens[first : first + 2], first + 2
    return (), len(tokens)

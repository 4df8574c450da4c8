"""Hard negatives: chunks that look like they answer a question and do not.

BM25 over words and character bigrams ranks them. Never a negative: a chunk that says the answer
(compared as words after the one normaliser), a near-duplicate of the gold chunk, or the text of
a negative that is there already.

Where the question finds too little, the neighbours of the gold chunk (BM25 of its own text)
follow, then a seeded sample. A question in another language than the gold chunk mostly finds
chunks of its own language, and the gold chunk would stand out by its language alone: there the
question's finds and the gold chunk's neighbours alternate.

Rows that are trained on draw from documents that are trained on. Rows of the held-out documents
draw from the whole corpus, which is what a question meets in use.
"""

from __future__ import annotations

import hashlib
import json
import random
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

import numpy as np

from tasks.matching import matchable, says
from tasks.records import Language
from tasks.text import language_of, search_terms

NEAR_DUPLICATE_FROM = 0.9
"""Jaccard similarity of two chunks' sets of terms. High: sheets that differ in a model and its
figures are the best negatives there are, and share most of their words."""

# A random fill looks at this many chunks at most: more would not say anything else.
_SAMPLE_MAX = 2000
# Finds looked at per negative wanted; some say the answer.
_FINDS_PER_NEGATIVE = 4


class Passage(NamedTuple):
    """A chunk as the index sees it."""

    id: str
    text: str
    file_path: str
    language: Language


class HardNegatives:
    """BM25 index over all chunks of a corpus. `pick` gives the same answer in any order of calls.

    `passages` come in the data set's order; `held_out` holds paths. The index keeps the terms'
    scores, the terms and two forms of each text.
    """

    def __init__(
        self, passages: Iterable[Passage], seed: int, held_out: Collection[str] = ()
    ) -> None:
        self._passages = list(passages)
        self._seed = seed
        held_out = frozenset(held_out)
        self._position = {passage.id: at for at, passage in enumerate(self._passages)}
        if len(self._position) != len(self._passages):
            raise ValueError("two passages have the same id")
        self._trained = np.array([p.file_path not in held_out for p in self._passages], dtype=bool)
        self._matchable = [matchable(passage.text) for passage in self._passages]
        self._vocabulary: dict[str, int] = {}
        terms = [self._numbers(search_terms(p.text), grow=True) for p in self._passages]
        self._index = _bm25(terms, self._vocabulary)
        # Distinct terms in order; four bytes each, where a set of numbers would take forty.
        self._terms = [array("I", dict.fromkeys(numbers)) for numbers in terms]
        # Questions of one chunk come one after another: what depends on the chunk alone is kept.
        self._neighbours_of: tuple[tuple[int, bool, int], list[int]] | None = None
        self._gold_terms: tuple[int, frozenset[int]] = (-1, frozenset())
        self._counts: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._passages)

    def available(self, *, training_only: bool = True) -> int:
        """How many chunks rows can draw from, the gold one included."""
        return int(self._trained.sum()) if training_only else len(self._passages)

    def passage(self, id_: str) -> Passage:
        """Raises KeyError for an id that is not in the corpus."""
        return self._passages[self._position[id_]]

    def search(self, question: str, count: int, *, training_only: bool = False) -> list[Passage]:
        """The best `count` chunks for a question, best first; those that share no term are left
        out."""
        terms = self._numbers(search_terms(question))
        return [self._passages[at] for at in self._ranked(terms, count, training_only)]

    def count_saying(self, phrase: str) -> int:
        """In how many of the chunks that are trained on a phrase (from `matchable`) stands."""
        if phrase not in self._counts:
            trained = (self._matchable[at] for at in np.flatnonzero(self._trained))
            self._counts[phrase] = sum(says(text, phrase) for text in trained)
        return self._counts[phrase]

    def pick(
        self,
        question: str,
        answers: Sequence[str],
        gold_ids: Sequence[str],
        count: int,
        *,
        training_only: bool = True,
    ) -> list[Passage]:
        """At most `count` negatives, the hardest first; fewer where the corpus has no more.

        No negative says one of `answers` or nearly equals one of the gold chunks. Neighbours are
        those of the last gold chunk (the one that answers). Raises KeyError for an unknown id.
        """
        if count <= 0:
            return []
        gold = [self._position[id_] for id_ in gold_ids]
        phrases = [phrase for phrase in map(matchable, answers) if phrase]
        texts = {self._matchable[at] for at in gold}
        taken: set[int] = set(gold)
        picked: list[Passage] = []
        for at in self._candidates(question, gold[-1], count, training_only):
            if at in taken:
                continue
            taken.add(at)
            text = self._matchable[at]
            if text in texts or any(says(text, phrase) for phrase in phrases):
                continue
            if any(self._near_duplicate(gold_at, at) for gold_at in gold):
                continue
            texts.add(text)
            picked.append(self._passages[at])
            if len(picked) == count:
                break
        return picked

    def _candidates(
        self, question: str, gold: int, count: int, training_only: bool
    ) -> Iterator[int]:
        limit = count * _FINDS_PER_NEGATIVE + 8
        found = self._ranked(self._numbers(search_terms(question)), limit, training_only)
        language = self._passages[gold].language
        if language in ("en", "zh") and language_of(question) != language:
            neighbours = self._neighbours(gold, limit, training_only)
            others = ([at for at in ranked if at != gold] for ranked in (found, neighbours))
            for pair in zip_longest(*others):
                yield from (at for at in pair if at is not None)
        else:
            yield from found
            yield from self._neighbours(gold, limit, training_only)
        yield from self._sample(question, gold, training_only)

    def _neighbours(self, gold: int, limit: int, training_only: bool) -> list[int]:
        key = (gold, training_only, limit)
        if self._neighbours_of is None or self._neighbours_of[0] != key:
            self._neighbours_of = (key, self._ranked(self._terms[gold], limit, training_only))
        return self._neighbours_of[1]

    def _sample(self, question: str, gold: int, training_only: bool) -> Iterator[int]:
        allowed = np.flatnonzero(self._trained) if training_only else np.arange(len(self._passages))
        chance = seeded_random(self._seed, "negatives", self._passages[gold].id, question)
        for at in chance.sample(range(len(allowed)), min(len(allowed), _SAMPLE_MAX)):
            yield int(allowed[at])

    def _ranked(self, terms: Sequence[int], limit: int, training_only: bool) -> list[int]:
        """Positions of the chunks with the highest scores above 0; ties in the corpus's order."""
        if not terms or not self._passages:
            return []
        scores = self._index.get_scores_from_ids(list(terms))
        if training_only:
            scores = np.where(self._trained, scores, np.float32(0))
        if limit < len(scores):
            border = np.partition(scores, len(scores) - limit)[len(scores) - limit]
            kept = np.flatnonzero((scores >= border) & (scores > 0))
        else:
            kept = np.flatnonzero(scores > 0)
        order = np.argsort(-scores[kept], kind="stable")
        return [int(at) for at in kept[order][:limit]]

    def _numbers(self, terms: Sequence[str], *, grow: bool = False) -> list[int]:
        if grow:
            return [self._vocabulary.setdefault(term, len(self._vocabulary)) for term in terms]
        return [self._vocabulary[term] for term in terms if term in self._vocabulary]

    def _near_duplicate(self, gold: int, other: int) -> bool:
        one, two = self._terms[gold], self._terms[other]
        smaller, larger = sorted((len(one), len(two)))
        if smaller < NEAR_DUPLICATE_FROM * larger:
            return False
        if self._gold_terms[0] != gold:
            self._gold_terms = (gold, frozenset(one))
        shared = len(self._gold_terms[1].intersection(two))
        return shared >= NEAR_DUPLICATE_FROM * (len(one) + len(two) - shared)


def seeded_random(*key: object) -> random.Random:
    """A random number generator that depends on the key's values alone."""
    text = json.dumps(key, separators=(",", ":"))
    return random.Random(hashlib.sha256(text.encode("ascii")).digest())


def _bm25(terms: Sequence[Sequence[int]], vocabulary: dict[str, int]):  # type: ignore[no-untyped-def]
    """A bm25s index over term numbers; None for a corpus without a word."""
    if not vocabulary:
        return None
    import bm25s

    index = bm25s.BM25(backend="numpy", csc_backend="numpy")
    # Numbers given in order of first sight: bm25s' own come from a set and differ every run.
    index.index(
        ([list(t) for t in terms], vocabulary), create_empty_token=False, show_progress=False
    )
    return index

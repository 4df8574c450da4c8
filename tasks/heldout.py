"""Which documents are held out for evaluation, so that no training document says the same.

Near-duplicate documents form a group, and a group is held out or trained on as a whole. Two
documents are near-duplicates where the Jaccard similarity of their shingles (three consecutive
search terms) is 0.75 or more, estimated by MinHash (128 hashes, standard error 0.04). Shared
boilerplate does not reach that: two documents that are 60 % the same text have 0.43.

Groups are connected components: if A is like B and B is like C, the three stay together although
A and C may differ. That is wanted: in a series of revisions each is close to the next, and any
cut through the series would put near-duplicates on both sides. The price is that a long chain is
one large group. The high threshold keeps unlike documents out of chains; where a group holds
more than half of the documents all the same, the split says so.

The sketch of a text is a short string that can be cached with the document. It is computed here
with numpy (the same 30 lines in every version of this program) and not by a library: membership
must not move when a dependency is upgraded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tasks.records import Record
from tasks.text import search_terms

SIMILAR_FROM = 0.75
SHINGLE_TERMS = 3
HASHES = 128
# 32 bands of 4 hashes: a pair of similarity 0.75 shares no band once in 190,000 times.
_BANDS = 32
# Thousands of copies of one form would each be compared with all others: the first 64 that share
# a band stand for the rest, which are like one of them.
_BUCKET_MAX = 64
_SHINGLES_AT_ONCE = 8192
_Hashes = NDArray[np.uint64]


class HeldOutSplit(Record):
    """`held_out` holds paths, sorted. `groups` are sorted by their first path."""

    held_out: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    notices: tuple[str, ...] = ()


def sketch(text: str) -> str:
    """MinHash of a text's shingles: 128 values of 64 bits in hex; empty for a text of no words.

    The same text gives the same sketch on every machine and in every version.
    """
    shingles = _shingles(search_terms(text))
    if not len(shingles):
        return ""
    multipliers, offsets = _permutations()
    smallest = np.full(HASHES, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(shingles), _SHINGLES_AT_ONCE):
        part = shingles[start : start + _SHINGLES_AT_ONCE, None]
        # Wraps modulo 2^64; an odd multiplier makes it a permutation of all 64-bit numbers.
        smallest = np.minimum(smallest, (part * multipliers + offsets).min(axis=0))
    return smallest.astype(">u8").tobytes().hex()


def similarity(one: str, other: str) -> float:
    """Estimated Jaccard similarity, 0 to 1, of the texts behind two sketches."""
    if not one or not other:
        return 0.0
    return float(np.mean(_values(one) == _values(other)))


def near_duplicate_groups(sketches: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Groups of paths, each sorted, ordered by first path. A text of no words stands alone.

    `sketches` is by path. The order of the mapping does not matter.
    """
    paths = sorted(sketches)
    parent = {path: path for path in paths}
    values = {path: _values(sketches[path]) for path in paths if sketches[path]}
    buckets: dict[tuple[int, bytes], list[str]] = {}
    width = HASHES // _BANDS
    for path, hashes in values.items():
        root = path
        compared: set[str] = set()
        for band in range(_BANDS):
            key = (band, hashes[band * width : (band + 1) * width].tobytes())
            bucket = buckets.setdefault(key, [])
            for other in bucket:
                other_root = _root(parent, other)
                # In the same group already: whether these two are alike decides nothing.
                if other_root == root or other in compared:
                    continue
                compared.add(other)
                if np.mean(hashes == values[other]) >= SIMILAR_FROM:
                    root, loser = min(root, other_root), max(root, other_root)
                    parent[loser] = root
            if len(bucket) < _BUCKET_MAX:
                bucket.append(path)
    groups: dict[str, list[str]] = {}
    for path in paths:
        groups.setdefault(_root(parent, path), []).append(path)
    return [tuple(group) for _, group in sorted(groups.items())]


def held_out_paths(sketches: Mapping[str, str], eval_fraction: float, seed: int) -> HeldOutSplit:
    """Decide for each group of near-duplicates by a hash of the seed and the group's first path.

    So a document stays on its side while others come and go, as long as its group begins with
    the same path. Where there are two groups or more, at least one is held out and at least one
    is not: the one whose hash is nearest to the border goes over, and that one alone may move.
    `eval_fraction` 0 holds out nothing.
    """
    groups = near_duplicate_groups(sketches)
    if eval_fraction <= 0 or not groups:
        return HeldOutSplit(held_out=(), groups=tuple(groups))
    if len(groups) == 1:
        reason = "no document is held out: " + (
            "there is only one" if len(groups[0]) == 1 else "all are near-duplicates of each other"
        )
        return HeldOutSplit(held_out=(), groups=tuple(groups), notices=(reason,))
    draws = {group: _draw(seed, group[0]) for group in groups}
    chosen = {group for group in groups if draws[group] < eval_fraction}
    by_draw = sorted(groups, key=lambda group: (draws[group], group[0]))
    if not chosen:
        # Forced, so nothing promises that it stays: rather no group that is most of the corpus.
        small = [group for group in by_draw if len(group) * 2 <= len(sketches)]
        chosen = {(small or by_draw)[0]}
    elif len(chosen) == len(groups):
        chosen.remove(by_draw[-1])
    held_out = tuple(sorted(path for group in chosen for path in group))
    return HeldOutSplit(
        held_out=held_out, groups=tuple(groups), notices=_notices(groups, held_out, len(sketches))
    )


def _notices(
    groups: Sequence[tuple[str, ...]], held_out: Sequence[str], documents: int
) -> tuple[str, ...]:
    largest = max(groups, key=len)
    if len(largest) * 2 <= documents or len(largest) == 1:
        return ()
    side = "held out" if largest[0] in held_out else "trained on"
    return (
        f"{len(largest)} of {documents} documents are one chain of near-duplicates that begins "
        f"with {largest[0]}; all of them are {side}",
    )


def _draw(seed: int, path: str) -> float:
    """A number in [0, 1), the same for a seed and a path everywhere."""
    digest = hashlib.sha256(f"held-out:{seed}:{path}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _root(parent: dict[str, str], path: str) -> str:
    while parent[path] != path:
        parent[path] = parent[parent[path]]
        path = parent[path]
    return path


def _shingles(terms: Sequence[str]) -> _Hashes:
    """Distinct hashes of every run of three terms; of the whole text where it is shorter."""
    if not terms:
        return np.empty(0, dtype=np.uint64)
    hashes = np.array([_term_hash(term) for term in terms], dtype=np.uint64)
    length = min(SHINGLE_TERMS, len(hashes))
    runs = np.zeros(len(hashes) - length + 1, dtype=np.uint64)
    for offset in range(length):
        runs = _mix(runs ^ hashes[offset : offset + len(runs)])
    return np.unique(runs)


@lru_cache(maxsize=1 << 16)
def _term_hash(term: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
    )


def _mix(values: _Hashes) -> _Hashes:
    """SplitMix64's finalizer: the order of the terms matters to the hash of a run."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


@lru_cache(maxsize=1)
def _permutations() -> tuple[_Hashes, _Hashes]:
    """Multipliers (odd) and offsets of the 128 hashes, fixed numbers from SplitMix64."""
    numbers = _mix(np.arange(2 * HASHES, dtype=np.uint64) * np.uint64(0xD1342543DE82EF95))
    return numbers[:HASHES] | np.uint64(1), numbers[HASHES:]


def _values(hexadecimal: str) -> _Hashes:
    return np.frombuffer(bytes.fromhex(hexadecimal), dtype=">u8").astype(np.uint64)

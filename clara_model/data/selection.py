"""Which of a row's documents an example takes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple


class Selection(NamedTuple):
    positions: tuple[int, ...]
    """Positions in the row's documents, in the order in which the example takes them."""
    positives: tuple[int, ...] | None
    """Positions in `positions` of the documents that answer; None where the row does not say."""


def select_documents(
    documents: int, positives: Sequence[int] | None, most: int, *, key: str
) -> Selection:
    """At most `most` of a row's `documents`, those that answer among them.

    Rows that have no more than `most`, or do not say which answer, keep their order. Otherwise the
    positives (the first `most` of them) and the first others are taken, in an order that `key`
    decides, so that the answer does not always stand first.
    """
    if positives is None:
        return Selection(tuple(range(min(documents, most))), None)
    if documents <= most:
        return Selection(tuple(range(documents)), tuple(positives))
    kept = list(positives[:most])
    others = [at for at in range(documents) if at not in positives]
    chosen = kept + others[: most - len(kept)]
    random.Random(key).shuffle(chosen)
    return Selection(tuple(chosen), tuple(chosen.index(at) for at in kept))

"""Which rows make a global batch, in which order, and how a global batch is split.

The rows of a global batch depend on the seed, the epoch and the lengths alone, not on how many
processes share it. Any batch can be had by its number, so that training resumes anywhere.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from clara_model.errors import ConfigError, DataError


@dataclass(frozen=True)
class SamplerState:
    """The next batch to be taken."""

    epoch: int = 0
    batch: int = 0


class GlobalBatchSampler:
    """Epoch after epoch, each row once an epoch, in global batches of `batch_size` rows.

    Rows are shuffled, then sorted by length inside pools of `pool_batches` batches: what is in a
    batch has similar lengths and is padded little. The batches of an epoch are shuffled again.
    The last batch of an epoch may be smaller; fewer rows than a batch make one batch.
    """

    def __init__(
        self, lengths: Sequence[int], *, batch_size: int, seed: int, pool_batches: int = 16
    ) -> None:
        """`lengths`: tokens of each row. Raises DataError without rows, ConfigError for sizes."""
        if not lengths:
            raise DataError("There is no row to train on.")
        if batch_size < 1 or pool_batches < 1:
            raise ConfigError(
                f"A batch has at least one row: batch_size is {batch_size}, pool_batches "
                f"{pool_batches}."
            )
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._pool = batch_size * pool_batches
        self._epoch: tuple[int, list[tuple[int, ...]]] | None = None

    @property
    def batches_per_epoch(self) -> int:
        return -(-len(self._lengths) // self._batch_size)

    def batch(self, state: SamplerState) -> tuple[int, ...]:
        """Row numbers of one global batch."""
        return self._batches(state.epoch)[state.batch]

    def after(self, state: SamplerState) -> SamplerState:
        """The state once that batch was taken."""
        if state.batch + 1 < self.batches_per_epoch:
            return SamplerState(state.epoch, state.batch + 1)
        return SamplerState(state.epoch + 1, 0)

    def batches_from(
        self, state: SamplerState | None = None
    ) -> Iterator[tuple[SamplerState, tuple[int, ...]]]:
        """Without end: the state to save once the batch is done, and the batch."""
        at = state or SamplerState()
        while True:
            rows, at = self.batch(at), self.after(at)
            yield at, rows

    def _batches(self, epoch: int) -> list[tuple[int, ...]]:
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._order(epoch))
        return self._epoch[1]

    def _order(self, epoch: int) -> list[tuple[int, ...]]:
        draw = random.Random(f"global batches/{self._seed}/{epoch}")
        rows = list(range(len(self._lengths)))
        draw.shuffle(rows)
        size = self._batch_size
        batches = []
        for start in range(0, len(rows), self._pool):
            pool = sorted(rows[start : start + self._pool], key=self._lengths.__getitem__)
            batches += [tuple(pool[at : at + size]) for at in range(0, len(pool), size)]
        draw.shuffle(batches)
        return batches


def split_batch(
    rows: Sequence[int],
    lengths: Sequence[int],
    *,
    micro_batch_size: int,
    max_tokens: int | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> list[tuple[int, ...]]:
    """The micro-batches of one process's share of a global batch, the longest rows first.

    Shares are dealt out by length, so that every process has about the same work; a share is empty
    where there are fewer rows than processes. A micro-batch has at most `micro_batch_size` rows and
    `max_tokens` tokens, padding included (rows times the longest), but always one row. Longest
    first: what does not fit into memory shows at once.
    """
    if micro_batch_size < 1 or (max_tokens is not None and max_tokens < 1):
        raise ConfigError(
            f"A micro-batch has at least one row and one token: micro_batch_size is "
            f"{micro_batch_size}, max_tokens {max_tokens}."
        )
    ordered = sorted(rows, key=lambda row: (-lengths[row], row))
    # There and back again: who gets the longest of one round gets the shortest of the next.
    deal = [*range(world_size), *reversed(range(world_size))]
    share = [row for at, row in enumerate(ordered) if deal[at % len(deal)] == rank]
    micro_batches: list[tuple[int, ...]] = []
    current: list[int] = []
    for row in share:
        longest = lengths[current[0]] if current else lengths[row]
        full = len(current) == micro_batch_size or (
            max_tokens is not None and (len(current) + 1) * longest > max_tokens
        )
        if current and full:
            micro_batches.append(tuple(current))
            current = []
        current.append(row)
    if current:
        micro_batches.append(tuple(current))
    return micro_batches

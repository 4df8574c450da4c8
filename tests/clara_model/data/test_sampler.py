from __future__ import annotations

import random
from itertools import islice

import pytest

from clara_model.data.sampler import GlobalBatchSampler, SamplerState, split_batch
from clara_model.errors import ConfigError, DataError

LENGTHS = [random.Random(number).randint(5, 200) for number in range(103)]


def sampler(**changes: int) -> GlobalBatchSampler:
    return GlobalBatchSampler(LENGTHS, **{"batch_size": 8, "seed": 1, **changes})


def epoch(made: GlobalBatchSampler, number: int) -> list[tuple[int, ...]]:
    return [made.batch(SamplerState(number, at)) for at in range(made.batches_per_epoch)]


def test_an_epoch_holds_every_row_once_and_the_next_is_another() -> None:
    made = sampler()
    assert made.batches_per_epoch == 13
    first, second = epoch(made, 0), epoch(made, 1)
    for batches in (first, second):
        assert sorted(row for batch in batches for row in batch) == list(range(103))
        assert sorted(map(len, batches)) == [7] + [8] * 12
    assert first != second


def test_a_seed_decides_the_order() -> None:
    assert epoch(sampler(), 3) == epoch(sampler(), 3)
    assert epoch(sampler(seed=2), 0) != epoch(sampler(seed=1), 0)


def test_any_batch_can_be_gone_on_from() -> None:
    taken = list(islice(sampler().batches_from(), 40))
    states = [state for state, _ in taken]
    assert states[11:14] == [SamplerState(0, 12), SamplerState(1, 0), SamplerState(1, 1)]
    for at in (0, 12, 13, 30):
        again = sampler().batches_from(states[at])
        assert list(islice(again, 5)) == taken[at + 1 : at + 6]


def test_rows_of_a_batch_have_similar_lengths() -> None:
    def padding(batches: list[tuple[int, ...]]) -> int:
        return sum(
            max(LENGTHS[r] for r in b) * len(b) - sum(LENGTHS[r] for r in b) for b in batches
        )

    assert padding(epoch(sampler(), 0)) < 0.3 * padding(epoch(sampler(pool_batches=1), 0))


def test_fewer_rows_than_a_batch_make_one_batch() -> None:
    made = GlobalBatchSampler([4, 9, 2], batch_size=128, seed=0)
    assert [sorted(rows) for _, rows in islice(made.batches_from(), 3)] == [[0, 1, 2]] * 3


def test_what_cannot_work_is_said() -> None:
    with pytest.raises(DataError, match="no row"):
        GlobalBatchSampler([], batch_size=8, seed=0)
    with pytest.raises(ConfigError, match="batch_size is 0"):
        sampler(batch_size=0)
    with pytest.raises(ConfigError, match="micro_batch_size is 0"):
        split_batch([0], [1], micro_batch_size=0)
    with pytest.raises(ConfigError, match="max_tokens 0"):
        split_batch([0], [1], micro_batch_size=1, max_tokens=0)


def test_micro_batches_keep_to_rows_and_tokens() -> None:
    rows = range(40)
    split = split_batch(rows, LENGTHS, micro_batch_size=6, max_tokens=500)
    assert sorted(row for batch in split for row in batch) == list(rows)
    for batch in split:
        assert len(batch) <= 6
        assert len(batch) * max(LENGTHS[row] for row in batch) <= 500
    assert LENGTHS[split[0][0]] == max(LENGTHS[:40])


def test_a_row_above_the_budget_stands_alone() -> None:
    assert split_batch([0, 1, 2], [900, 10, 20], micro_batch_size=8, max_tokens=100) == [
        (0,),
        (2, 1),
    ]


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_processes_share_a_batch_evenly(world_size: int) -> None:
    rows = list(range(60, 100))
    shares = [
        [
            row
            for batch in split_batch(
                rows, LENGTHS, micro_batch_size=4, rank=rank, world_size=world_size
            )
            for row in batch
        ]
        for rank in range(world_size)
    ]
    assert sorted(row for share in shares for row in share) == rows
    work = [sum(LENGTHS[row] for row in share) for share in shares]
    assert max(work) - min(work) <= max(LENGTHS)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_share_may_be_empty() -> None:
    shares = [split_batch([5], LENGTHS, micro_batch_size=4, rank=r, world_size=3) for r in range(3)]
    assert shares == [[(5,)], [], []]

"""From rows to the micro-batches of one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from clara_model.batches import TrainingBatch
from clara_model.data.sampler import split_batch

if TYPE_CHECKING:
    from clara_model.model import Clara
    from clara_model.training.distributed import Processes


class Row(Protocol):
    """What the loop asks of an example; `clara_model.data.examples.Example` is one."""

    @property
    def decoder_tokens(self) -> int: ...

    @property
    def document_tokens(self) -> int: ...


Collate = Callable[[Sequence[Row]], TrainingBatch]


def collate_for(model: Clara) -> Collate:
    """clara_model.data's collate, for the stage that the model is in."""
    from clara_model.data.collate import collate

    stage = model.stage
    assert stage is not None
    return lambda rows: collate(rows, model.tokens, stage)  # type: ignore[arg-type]


class Feed:
    """The rows of a stage, and how a global batch of them is cut."""

    def __init__(
        self,
        examples: Sequence[Row],
        collate: Collate,
        *,
        documents_are_trained_on: bool,
        documents_are_cached: bool,
    ) -> None:
        self.examples = examples
        self.collate = collate
        self.lengths = _lengths(examples, documents=documents_are_trained_on)
        """Tokens of each row that the order of rows goes by: the same with and without a cache."""
        self._pass_lengths = _lengths(examples, documents=not documents_are_cached)

    def micro_batches(
        self,
        rows: Sequence[int],
        *,
        micro_batch_size: int,
        max_tokens: int,
        processes: Processes,
    ) -> list[TrainingBatch]:
        """This process's share of the global batch `rows`, collated; empty where it has none."""
        shares = split_batch(
            rows,
            self._pass_lengths,
            micro_batch_size=micro_batch_size,
            max_tokens=max_tokens,
            rank=processes.rank,
            world_size=processes.world_size,
        )
        return [self.collate([self.examples[row] for row in share]) for share in shares]


def _lengths(examples: Sequence[Row], *, documents: bool) -> list[int]:
    return [row.decoder_tokens + (row.document_tokens if documents else 0) for row in examples]

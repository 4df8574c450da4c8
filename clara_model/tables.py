"""The base's tables of embeddings and outputs, where added tokens need rows of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from clara_model.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

EMBEDDING, HEAD = "embed_tokens", "lm_head"
# Rows that the spread of a table is estimated from.
_SAMPLE = 4096


def tables(base: PreTrainedModel) -> dict[str, nn.Parameter]:
    """{"embed_tokens": [V, H]} and, where it is untied, {"lm_head": [V, H]}."""
    embedding, head = base.get_input_embeddings().weight, base.get_output_embeddings().weight
    return {EMBEDDING: embedding} if head is embedding else {EMBEDDING: embedding, HEAD: head}


def resize_tables(base: PreTrainedModel, rows: int, seed: int) -> None:
    """Gives the tables exactly `rows` rows, in place.

    New embeddings are drawn with the table's own mean and spread (one row for all of them is a
    trap: they would stay alike); new output rows are the mean row.
    """
    before = base.get_input_embeddings().weight.shape[0]
    if rows == before:
        return
    drawn = spread_rows(base.get_input_embeddings().weight, rows - before, seed)
    mean = base.get_output_embeddings().weight[:_SAMPLE].detach().float().mean(0)
    with torch.random.fork_rng():  # transformers draws rows of its own, which are replaced below
        base.resize_token_embeddings(rows, mean_resizing=False)
    with torch.no_grad():
        for name, table in tables(base).items():
            if rows > before:
                table[before:] = (drawn if name == EMBEDDING else mean).to(table)


def spread_rows(table: Tensor, rows: int, seed: int) -> Tensor:
    """`rows` random rows [rows, H], float32, normal with the mean and spread of the table's."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(table.shape[0], generator=generator)[:_SAMPLE]
    sample = table.detach()[chosen.to(table.device)].float().cpu()
    noise = torch.randn(max(0, rows), table.shape[1], generator=generator)
    return (noise * sample.std(0) + sample.mean(0)).to(table.device)


def read_rows(base: PreTrainedModel, first: int, last: int) -> dict[str, Tensor]:
    """Copies of rows first to last (end exclusive) of each table."""
    return {name: table[first:last].detach().clone() for name, table in tables(base).items()}


def write_rows(base: PreTrainedModel, first: int, rows: dict[str, Tensor]) -> None:
    """Puts rows back that `read_rows` gave. Raises CheckpointError where they do not fit."""
    mine = tables(base)
    if set(mine) != set(rows):
        raise CheckpointError(
            f"The checkpoint has rows of {sorted(rows)} and the base has tables {sorted(mine)}: "
            "it was made on a base whose output layer is tied otherwise."
        )
    with torch.no_grad():
        for name, value in rows.items():
            place = mine[name][first : first + len(value)]
            if place.shape != value.shape:
                raise CheckpointError(
                    f"{name}: rows of shape {tuple(value.shape)} do not fit into the base's table "
                    f"of {tuple(mine[name].shape)} from row {first}."
                )
            place.copy_(value)

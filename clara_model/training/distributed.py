"""The processes that train together (`accelerate launch`), and what they tell each other.

Each has the whole model and its share of every global batch. Gradients are summed once a step,
after all micro-batches: processes may then have different numbers of micro-batches, run out of
memory alone, or have no row at all, and parameters that a step does not use do no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as torch_distributed

from clara_model.errors import ConfigError, TrainingFailed

Result = TypeVar("Result")

_BUCKET_ELEMENTS = 64 * 2**20
"""Gradients that are summed in one message: 256 MiB of float32."""


class Processes:
    """This process among those that train together; alone where nothing was launched."""

    def __init__(self, device: torch.device, rank: int = 0, world_size: int = 1) -> None:
        self.device = device
        self.rank = rank
        self.world_size = world_size

    @classmethod
    def join(cls, device: str = "auto") -> Processes:
        """Joins the processes that `accelerate launch` started, or stands alone.

        `device` as for `resolve_device`; each process gets its own CUDA device. Raises ConfigError.
        """
        from accelerate import PartialState
        from accelerate.utils import parse_flag_from_env

        from clara_model.loading import resolve_device

        for plugin in ("FSDP", "DEEPSPEED", "MEGATRON_LM"):
            if parse_flag_from_env(f"ACCELERATE_USE_{plugin}"):
                raise ConfigError(
                    f"accelerate was told to use {plugin}, which this trainer does not: launch "
                    "with --multi_gpu, and set shard_base where the base does not fit on one "
                    "device."
                )
        asked = "cpu" if parse_flag_from_env("ACCELERATE_USE_CPU") else device
        place = resolve_device(asked)
        state = PartialState(cpu=place.type == "cpu")
        if state.num_processes > 1:
            place = state.device
        return cls(place, state.process_index, state.num_processes)

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and talks to the user."""
        return self.rank == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """The values added up over all processes, in float64."""
        if self.world_size == 1:
            return [float(value) for value in values]
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch_distributed.all_reduce(total)
        return total.tolist()

    def max(self, values: Sequence[float]) -> list[float]:
        """The largest of each value over all processes."""
        if self.world_size == 1:
            return [float(value) for value in values]
        largest = torch.tensor(values, dtype=torch.float64, device=self.device)
        torch_distributed.all_reduce(largest, op=torch_distributed.ReduceOp.MAX)
        return largest.tolist()

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Adds up each parameter's gradient over all processes, in place.

        A process without a gradient adds nothing, and gets the sum of the others.
        """
        if self.world_size == 1:
            return
        for bucket in _buckets(parameters):
            parts = [
                torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten()
                for p in bucket
            ]
            flat = torch.cat(parts)
            torch_distributed.all_reduce(flat)
            for parameter, part in zip(
                bucket, flat.split([p.numel() for p in bucket]), strict=True
            ):
                parameter.grad = part.view_as(parameter)

    def copy_from_main(self, parameters: Iterable[Tensor]) -> None:
        """Gives every process the main one's values, so that all start from the same."""
        if self.world_size > 1:
            for parameter in parameters:
                torch_distributed.broadcast(parameter.data, src=0)

    def on_main(self, action: Callable[[], Result]) -> Result | None:
        """What `action` gives on the main process, None on the others, when all have come here.

        Where it fails all processes raise: the others would wait for the main one forever.
        """
        result: Result | None = None
        error: Exception | None = None
        if self.is_main:
            try:
                result = action()
            except Exception as problem:
                error = problem
        if self.max([float(error is not None)])[0]:
            raise error or TrainingFailed("The main process failed; its own message says why.")
        return result

    def leave(self) -> None:
        """Ends the group; nothing may be summed after it."""
        if self.world_size > 1 and torch_distributed.is_initialized():
            torch_distributed.destroy_process_group()


def _buckets(parameters: Iterable[nn.Parameter]) -> Iterable[list[nn.Parameter]]:
    bucket: list[nn.Parameter] = []
    elements = 0
    for parameter in parameters:
        if not parameter.requires_grad:
            continue
        if bucket and (
            elements + parameter.numel() > _BUCKET_ELEMENTS or bucket[0].dtype != parameter.dtype
        ):
            yield bucket
            bucket, elements = [], 0
        bucket.append(parameter)
        elements += parameter.numel()
    if bucket:
        yield bucket

"""A frozen base whose layers are shared out over the processes (FSDP), where one holds too little.

Each process keeps a part of every layer's weights and gets the rest when the layer runs. Embedding,
head, adapters and memory rows stay whole everywhere, so that all else in training is as without.
What changes: processes have to run the same passes at the same time. They get as many micro-batches
each, the last ones without weight; documents are encoded at every step; memory that runs out ends
training; no sample answers are generated.

Tested with two processes on CPUs; not yet run on GPUs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clara_model.errors import ConfigError

if TYPE_CHECKING:
    from clara_model.model import Clara
    from clara_model.training.distributed import Processes


def shard_frozen_base(model: Clara, processes: Processes) -> None:
    """Shares out the layers of `model.base` and brings all else to the process's device.

    Load the model on the CPU before, where it does not fit on one device. Raises ConfigError for a
    base that trains or is quantized.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    if any(name.startswith("base.") for name in model.trainable_parameters()):
        raise ConfigError("shard_base is for a frozen base, and the base trains here.")
    if getattr(model.base, "is_quantized", False):
        raise ConfigError("shard_base does not go with a quantized base: choose one of the two.")
    adapters = {
        parameter
        for name in model.adapter_names
        for parameter in model.adapter_parameters(name).values()
    }
    mesh = init_device_mesh(processes.device.type, (processes.world_size,))
    for layer in model.base.base_model.layers:
        fully_shard(layer, mesh=mesh, ignored_params=adapters)
    model.to(processes.device)

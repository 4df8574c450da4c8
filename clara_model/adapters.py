"""The three LoRA adapters of one frozen base, and which of them is in use.

They are peft's own layers. Two things are done differently from peft's `set_adapter`, which
toggles `requires_grad` at each call: the active pointer alone moves, and what trains is set once
per stage, before there is an optimizer (MODEL.md, "What holds together in practice").
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from clara_model.config import ADAPTERS, ClaraConfig

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedModel

_PARTS = ("lora_A", "lora_B")


def lora_config(config: ClaraConfig, targets: list[str]) -> LoraConfig:
    """What peft needs to know to make, or to load, one of the adapters."""
    from peft import LoraConfig

    return LoraConfig(
        r=config.lora_r,
        lora_alpha=config.alpha,
        lora_dropout=config.lora_dropout,
        target_modules=targets,
        bias="none",
        task_type="CAUSAL_LM",
    )


def linear_layers(base: PreTrainedModel) -> list[str]:
    """Names of every kind of linear layer but the output layer (`q_proj`, ..., `down_proj`)."""
    head = base.get_output_embeddings()
    return sorted(
        {
            name.rsplit(".", 1)[-1]
            for name, module in base.named_modules()
            if module is not head and _is_linear(module)
        }
    )


def _is_linear(module: nn.Module) -> bool:
    # bitsandbytes' Linear4bit and Linear8bitLt are subclasses.
    return isinstance(module, nn.Linear)


class Adapters:
    """Adapters on the linear layers of `base`, float32 whatever the base's precision.

    Not a module: the layers live inside `base`.
    """

    def __init__(self, base: PreTrainedModel, config: ClaraConfig) -> None:
        self._base = base
        self._config = config
        self._layers: dict[str, nn.Module] = {}
        self.targets = linear_layers(base)
        self.names: tuple[str, ...] = ()
        self.current: str | None = None

    def add(self, name: str) -> None:
        """A new adapter: A drawn by the config's seed, B zero, so that it changes nothing yet."""
        from peft import inject_adapter_in_model
        from peft.tuners.lora import LoraLayer

        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            # peft warns of a second adapter: several are the point here.
            warnings.filterwarnings("ignore", message="Already found a `peft_config`")
            inject_adapter_in_model(
                lora_config(self._config, self.targets), self._base, adapter_name=name
            )
        self._layers = {
            path: module
            for path, module in self._base.named_modules()
            if isinstance(module, LoraLayer)
        }
        for layer in self._layers.values():
            # The trainer's masters are float32; under autocast the products are the base's.
            layer.cast_input_dtype_enabled = False
        self.names = tuple(n for n in ADAPTERS if n == name or n in self.names)
        for parameter in self.parameters(name).values():
            parameter.data = parameter.data.float()
            parameter.requires_grad_(False)
        self.reset(name)
        self._point_at(self.current or name)

    def copy(self, source: str, target: str) -> None:
        """Makes `target` equal to `source`, and adds it where it is not there yet."""
        if target not in self.names:
            self.add(target)
        theirs = self.parameters(source)
        with torch.no_grad():
            for key, parameter in self.parameters(target).items():
                parameter.copy_(theirs[key])

    def reset(self, name: str) -> None:
        """Starts an adapter anew: A drawn again, B zero."""
        generator = torch.Generator().manual_seed(self._config.seed + 1 + ADAPTERS.index(name))
        with torch.no_grad():
            for key, parameter in self.parameters(name).items():
                if "lora_A" in key:
                    drawn = torch.empty(parameter.shape)
                    nn.init.kaiming_uniform_(drawn, a=5**0.5, generator=generator)
                    parameter.copy_(drawn)
                else:
                    parameter.zero_()

    def parameters(self, name: str) -> dict[str, nn.Parameter]:
        """{"model.layers.0.self_attn.q_proj.lora_A.weight": Parameter, ...}. Raises KeyError."""
        if name not in self.names:
            raise KeyError(f"no adapter {name!r} here: there are {', '.join(self.names) or 'none'}")
        return {
            f"{path}.{part}.weight": getattr(layer, part)[name].weight
            for path, layer in self._layers.items()
            for part in _PARTS
        }

    def set_dropout(self, training: bool, names: set[str]) -> None:
        """Dropout is on in the adapters `names` while training, and off in all others."""
        for layer in self._layers.values():
            for name, dropout in layer.lora_dropout.items():
                dropout.train(training and name in names)

    @contextmanager
    def active(self, name: str) -> Iterator[None]:
        """Inside, the base computes with adapter `name`. Raises KeyError."""
        if name not in self.names:
            raise KeyError(f"no adapter {name!r} here: there are {', '.join(self.names) or 'none'}")
        before = self.current
        self._point_at(name)
        try:
            yield
        finally:
            if before is not None:
                self._point_at(before)

    def _point_at(self, name: str) -> None:
        if name == self.current and all(
            layer._active_adapter == [name] for layer in self._layers.values()
        ):
            return
        self.current = name
        for layer in self._layers.values():
            layer._active_adapter = [name]


class Recomputation:
    """A context that makes `adapter` active, and that can be entered again and again.

    The backward pass enters it once for each layer, and again where a graph is kept.
    """

    def __init__(self, adapters: Adapters, adapter: str) -> None:
        self._adapters = adapters
        self._adapter = adapter
        self._entered: list[AbstractContextManager[None]] = []

    def __enter__(self) -> None:
        self._entered.append(self._adapters.active(self._adapter))
        self._entered[-1].__enter__()

    def __exit__(self, *error: Any) -> None:
        self._entered.pop().__exit__(*error)

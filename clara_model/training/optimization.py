"""AdamW, its learning rate, and float16's loss scale (MODEL.md, "Numbers to know")."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from clara_model.errors import ConfigError
from clara_model.training.options import TrainOptions

_SMALLEST_SCALE = 2.0**-6
"""A loss scale below this means that the gradient itself is not finite."""


def learning_rate_at(step: int, total_steps: int, options: TrainOptions) -> float:
    """The rate of the step after `step` done ones: a straight warm-up, then cosine or constant."""
    warmup = math.ceil(options.warmup_share * total_steps)
    if step < warmup:
        return options.learning_rate * (step + 1) / warmup
    if options.schedule == "constant":
        return options.learning_rate
    progress = (step - warmup) / max(1, total_steps - warmup)
    return options.learning_rate * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


@dataclass(frozen=True)
class StepResult:
    grad_norm: float
    """L2 norm of all gradients before clipping; infinite or NaN where one of them is."""
    skipped: bool
    """float16 overflowed: no weight was changed, the loss scale is lower now."""
    hopeless: bool
    """No weight was changed, and a lower loss scale would not help."""


class Optimization:
    """AdamW over named parameters, with clipping, and a loss scale where the base is float16."""

    def __init__(
        self,
        parameters: dict[str, nn.Parameter],
        options: TrainOptions,
        *,
        device: torch.device,
        base_dtype: torch.dtype,
    ) -> None:
        if any(p.dtype == torch.float16 for p in parameters.values()):
            raise ConfigError(
                "Weights in float16 cannot be trained: load a base that trains in float32."
            )
        self.parameters = parameters
        self.max_norm = options.max_gradient_norm
        self.optimizer = torch.optim.AdamW(
            list(parameters.values()),
            lr=options.learning_rate,
            betas=options.adam_betas,
            eps=options.adam_epsilon,
            weight_decay=options.weight_decay,
        )
        # A small first scale: a step that overflows is a step lost, and small runs have few.
        self.scaler = torch.amp.GradScaler(
            device.type, init_scale=2.0**12, enabled=base_dtype == torch.float16
        )

    def scale(self, loss: Tensor) -> Tensor:
        """What `backward` is called on."""
        return self.scaler.scale(loss)

    def clear(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)

    def step(self, learning_rate: float) -> StepResult:
        """Clips the gradients to the norm and takes a step, unless they are not finite."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        trained = [p for p in self.parameters.values() if p.grad is not None]
        if not trained:
            return StepResult(0.0, skipped=False, hopeless=False)
        self.scaler.unscale_(self.optimizer)
        norm = float(nn.utils.clip_grad_norm_(trained, self.max_norm))
        finite = math.isfinite(norm)
        if finite or self.scaler.is_enabled():
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return StepResult(
            norm,
            skipped=not finite,
            hopeless=not finite
            and not (self.scaler.is_enabled() and self.scaler.get_scale() >= _SMALLEST_SCALE),
        )

    def weights_are_finite(self) -> bool:
        """Whether no weight that trains is infinite or NaN. Waits for the device once."""
        if not self.parameters:
            return True
        return bool(get_total_norm(self.parameters.values(), norm_type=math.inf).isfinite())

    def moments(self) -> dict[str, Tensor]:
        """What AdamW remembers, by `<parameter>.<exp_avg | exp_avg_sq | step>`."""
        return {
            f"{name}.{kind}": value
            for name, parameter in self.parameters.items()
            for kind, value in self.optimizer.state.get(parameter, {}).items()
        }

    def load_moments(self, moments: dict[str, Tensor]) -> None:
        """Puts back what `moments` gave."""
        names = {name: number for number, name in enumerate(self.parameters)}
        per_parameter: dict[int, dict[str, Tensor]] = {}
        for key, value in moments.items():
            name, kind = key.rsplit(".", 1)
            per_parameter.setdefault(names[name], {})[kind] = value
        loaded = self.optimizer.state_dict()
        loaded["state"] = per_parameter
        self.optimizer.load_state_dict(loaded)

    def scaler_state(self) -> dict[str, Any]:
        return self.scaler.state_dict()

    def load_scaler_state(self, state: dict[str, Any]) -> None:
        if state and self.scaler.is_enabled():
            self.scaler.load_state_dict(state)

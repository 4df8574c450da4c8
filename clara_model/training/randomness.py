"""What is drawn at random in training, and how nothing else disturbs it.

Every step starts from seeds that follow from the run's seed, the step and the process. A run that
was killed and resumed, or repeated a step because memory ran out, therefore draws what an
undisturbed one draws, dropout included.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy
import torch
from torch import nn


def seed_step(seed: int, step: int, rank: int) -> None:
    """Seeds python, numpy and torch (CPU and accelerators) for one step of one process."""
    digest = hashlib.sha256(f"{seed}/{step}/{rank}".encode()).digest()
    drawn = int.from_bytes(digest[:4], "big")
    random.seed(drawn)
    numpy.random.seed(drawn)
    torch.manual_seed(drawn)


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Inside, the model is in eval mode without gradients; then modes and generators are back."""
    modes = {module: module.training for module in model.modules()}
    states = _generator_states()
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training
        _restore(states)


def _generator_states() -> dict[str, Any]:
    states: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": numpy.random.get_state(),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_initialized():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def _restore(states: dict[str, Any]) -> None:
    random.setstate(states["python"])
    numpy.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if "cuda" in states:
        torch.cuda.set_rng_state_all(states["cuda"])
    if "mps" in states:
        torch.mps.set_rng_state(states["mps"])

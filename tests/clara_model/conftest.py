from __future__ import annotations

from pathlib import Path

import pytest
import torch

from clara_model import Clara
from tests.support.tiny_models import tiny_clara


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Tiny models are faster on one thread, and sums then come in one order."""
    torch.set_num_threads(1)


@pytest.fixture
def model(tmp_path: Path) -> Clara:
    """A fresh Qwen3-like model whose adapters all do something."""
    made = tiny_clara(tmp_path)
    scramble(made)
    return made


def scramble(model: Clara, seed: int = 7) -> None:
    """Gives every LoRA B random values: a new adapter changes nothing, so it hides mistakes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name in model.adapter_names:
            for key, parameter in model.adapter_parameters(name).items():
                if "lora_B" in key:
                    parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from clara_model.errors import ConfigError
from clara_model.training.optimization import Optimization, learning_rate_at
from clara_model.training.options import TrainOptions

CPU = torch.device("cpu")


def rates(total: int, **options: object) -> list[float]:
    chosen = TrainOptions(learning_rate=1.0, **options)  # type: ignore[arg-type]
    return [learning_rate_at(step, total, chosen) for step in range(total)]


def test_a_warm_up_then_a_cosine_to_nothing() -> None:
    seen = rates(100, warmup_share=0.03)
    assert seen[:4] == pytest.approx([1 / 3, 2 / 3, 1.0, 1.0])
    assert seen[51] == pytest.approx(0.5 * (1 + math.cos(math.pi * 48 / 97)))
    assert seen[2:] == sorted(seen[2:], reverse=True)
    assert 0 < seen[-1] < 0.001


def test_constant_stays_and_one_step_is_taken_in_full() -> None:
    assert rates(4, schedule="constant", warmup_share=0.5) == [0.5, 1.0, 1.0, 1.0]
    assert rates(1) == [1.0]


def made(dtype: torch.dtype = torch.float32, **options: object) -> Optimization:
    weights = {"a": nn.Parameter(torch.ones(3)), "b": nn.Parameter(torch.ones(2))}
    chosen = TrainOptions(learning_rate=0.1, **options)  # type: ignore[arg-type]
    return Optimization(weights, chosen, device=CPU, base_dtype=dtype)


def backward(optimization: Optimization, factor: float = 1.0) -> None:
    optimization.clear()
    loss = sum((factor * p.pow(2).sum() for p in optimization.parameters.values()), torch.zeros(()))
    optimization.scale(loss).backward()


def test_gradients_are_clipped_to_the_norm_and_measured_before() -> None:
    optimization = made(max_gradient_norm=1.0)
    backward(optimization)
    result = optimization.step(0.1)
    assert result.grad_norm == pytest.approx(2 * math.sqrt(5))
    assert not result.skipped
    clipped = torch.cat([p.grad for p in optimization.parameters.values()])
    assert float(clipped.norm()) == pytest.approx(1.0, abs=1e-5)


def test_moments_come_back_by_name() -> None:
    first, second = made(), made()
    for _ in range(3):
        backward(first)
        first.step(0.1)
    second.load_moments(first.moments())
    for name, parameter in first.parameters.items():
        second.parameters[name].data.copy_(parameter.data)
    for optimization in (first, second):
        backward(optimization)
        optimization.step(0.1)
    for name, parameter in first.parameters.items():
        assert torch.equal(parameter, second.parameters[name])


def test_float16_skips_a_step_that_overflows_and_lowers_its_scale() -> None:
    optimization = made(torch.float16)
    scale = optimization.scaler.get_scale()
    backward(optimization, factor=3e38)
    result = optimization.step(0.1)
    assert (result.skipped, result.hopeless) == (True, False)
    assert optimization.scaler.get_scale() == scale / 2
    assert torch.equal(optimization.parameters["a"], torch.ones(3))
    backward(optimization)
    assert optimization.step(0.1).grad_norm == pytest.approx(2 * math.sqrt(5))

    other = made(torch.float16)
    other.load_scaler_state(optimization.scaler_state())
    assert other.scaler.get_scale() == scale / 2


def test_float16_gives_up_when_no_scale_helps() -> None:
    optimization = made(torch.float16)
    results = []
    while not (results and results[-1].hopeless):
        backward(optimization, factor=float("inf"))
        results.append(optimization.step(0.1))
        assert len(results) < 40
    assert all(result.skipped for result in results)


def test_other_precisions_have_no_scale_and_no_second_chance() -> None:
    optimization = made()
    backward(optimization, factor=float("nan"))
    result = optimization.step(0.1)
    assert (result.skipped, result.hopeless) == (True, True)
    assert torch.equal(optimization.parameters["a"], torch.ones(3))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_weight_that_is_not_finite_is_seen(bad: float) -> None:
    optimization = made()
    with torch.no_grad():
        optimization.parameters["a"][1] = 3e38  # its square would not be finite
    assert optimization.weights_are_finite()
    with torch.no_grad():
        optimization.parameters["b"][1] = bad
    assert not optimization.weights_are_finite()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"learning_rate": float("inf")}, "learning_rate\n.*finite number"),
        ({"learning_rate": 1e38}, "learning_rate\n.*less than or equal to 1000"),
        ({"weight_decay": 1e300}, "weight_decay\n.*less than or equal to 1000"),
        ({"adam_betas": (0.9, 1.5)}, "adam_betas\n.*above and below 1"),
        ({"adam_betas": (-0.1, 0.9)}, "adam_betas\n.*above and below 1"),
        ({"adam_betas": (0.9, float("nan"))}, "adam_betas.1\n.*finite number"),
    ],
)
def test_figures_that_no_optimizer_can_work_with_are_refused(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        TrainOptions(**options)
    assert TrainOptions(adam_betas=(0.0, 0.999)).adam_betas == (0.0, 0.999)


def test_nothing_to_train_is_a_step_of_nothing() -> None:
    optimization = made()
    optimization.clear()
    assert optimization.step(0.1).grad_norm == 0.0


def test_weights_in_float16_are_refused() -> None:
    weights = {"base.a": nn.Parameter(torch.ones(3, dtype=torch.float16))}
    with pytest.raises(ConfigError, match="float16 cannot be trained"):
        Optimization(weights, TrainOptions(), device=CPU, base_dtype=torch.float16)

from __future__ import annotations

import math

import pytest
import torch
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


def test_nothing_to_train_is_a_step_of_nothing() -> None:
    optimization = made()
    optimization.clear()
    assert optimization.step(0.1).grad_norm == 0.0


def test_weights_in_float16_are_refused() -> None:
    weights = {"base.a": nn.Parameter(torch.ones(3, dtype=torch.float16))}
    with pytest.raises(ConfigError, match="float16 cannot be trained"):
        Optimization(weights, TrainOptions(), device=CPU, base_dtype=torch.float16)

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from clara_model import losses
from clara_model.losses import cross_entropy_sum


def case(bias: bool = False) -> tuple[torch.Tensor, torch.Tensor, nn.Linear]:
    torch.manual_seed(0)
    head = nn.Linear(8, 50, bias=bias)
    return torch.randn(37, 8, requires_grad=True), torch.randint(0, 50, (37,)), head


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("rows", [1, 10, 1000])
def test_value_and_gradients_are_those_of_torch(
    monkeypatch: pytest.MonkeyPatch, bias: bool, frozen: bool, rows: int
) -> None:
    monkeypatch.setattr(losses, "_CHUNK_BYTES", rows * 4 * 50)
    hidden, targets, head = case(bias)
    head.requires_grad_(not frozen)
    expected = functional.cross_entropy(head(hidden), targets, reduction="sum")
    (expected * 0.5).backward()
    assert hidden.grad is not None
    expected_grad, hidden.grad = hidden.grad.clone(), None
    expected_head = None if frozen else head.weight.grad.clone()  # type: ignore[union-attr]
    head.zero_grad()
    value = cross_entropy_sum(hidden, targets, head)
    (value * 0.5).backward()
    assert torch.allclose(value, expected, rtol=1e-6)
    assert torch.allclose(hidden.grad, expected_grad, atol=1e-6)
    if expected_head is not None:
        assert head.weight.grad is not None
        assert torch.allclose(head.weight.grad, expected_head, atol=1e-5)


def test_no_more_logits_than_a_chunk_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "_CHUNK_BYTES", 5 * 4 * 50)
    hidden, targets, head = case()
    seen = []
    head.register_forward_hook(lambda _m, _i, out: seen.append(len(out)))
    with torch.no_grad():
        cross_entropy_sum(hidden, targets, head)
    assert max(seen) == 5 and sum(seen) == 37


def test_half_precision_is_summed_in_float32() -> None:
    hidden, targets, head = case()
    half = nn.Linear(8, 50, bias=False).bfloat16().requires_grad_(False)
    half.weight.copy_(head.weight)
    short = hidden.detach().bfloat16().requires_grad_(True)
    value = cross_entropy_sum(short, targets, half)
    value.backward()
    assert value.dtype == torch.float32
    assert short.grad is not None and short.grad.dtype == torch.bfloat16
    expected = functional.cross_entropy(head(hidden), targets, reduction="sum")
    assert torch.allclose(value, expected, rtol=0.02)


def test_no_label_is_no_loss_and_still_has_a_gradient() -> None:
    hidden, targets, head = case()
    value = cross_entropy_sum(hidden[:0], targets[:0], head)
    value.backward()
    assert float(value.detach()) == 0

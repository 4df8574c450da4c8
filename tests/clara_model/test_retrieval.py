from __future__ import annotations

import math

import pytest
import torch

from clara_model.errors import ConfigError
from clara_model.retrieval import cosine_scores, retrieval_loss, select_top_k


def test_scores_are_cosines_of_the_flattened_memories() -> None:
    torch.manual_seed(0)
    query, documents = torch.randn(2, 3, 5), torch.randn(2, 4, 3, 5)
    scores = cosine_scores(query.bfloat16(), documents.bfloat16())
    assert scores.dtype == torch.float32 and scores.shape == (2, 4)
    for b in range(2):
        for n in range(4):
            q = query[b].bfloat16().float().flatten()
            d = documents[b, n].bfloat16().float().flatten()
            expected = float(q @ d) / math.sqrt(float(q @ q) * float(d @ d))
            assert abs(float(scores[b, n]) - expected) < 1e-5
    assert torch.isfinite(cosine_scores(torch.zeros(1, 3, 5), documents[:1])).all()


def test_top_k_is_hard_forward_and_soft_backward() -> None:
    scores = torch.tensor([[0.1, 0.3, 0.2, -0.4]], requires_grad=True)
    weights, indices = select_top_k(scores, 2, temperature=0.1)
    assert indices.tolist() == [[1, 2]]
    assert torch.allclose(weights, torch.tensor([[[0, 1.0, 0, 0], [0, 0, 1.0, 0]]]), atol=1e-6)
    values = torch.randn(1, 2, 4, generator=torch.Generator().manual_seed(1))
    (weights * values).sum().backward()
    again = scores.detach().clone().requires_grad_(True)
    first = torch.softmax(again / 0.1, -1)
    second = torch.softmax((again / 0.1).masked_fill(torch.tensor([0, 1, 0, 0]).bool(), -1e30), -1)
    ((first * values[:, 0]).sum() + (second * values[:, 1]).sum()).backward()
    assert again.grad is not None and scores.grad is not None
    assert torch.allclose(scores.grad, again.grad, atol=1e-6)


def test_a_taken_document_does_not_come_back_across_a_wide_gap() -> None:
    scores = torch.tensor([[0.9, 0.1, 0.0]], requires_grad=True)
    values = torch.tensor([[[0.0, 0, 0], [0, 1.0, -1.0]]])
    leaking = select_top_k(scores, 2, mask_epsilon=1e-8)[0]
    (leak_gradient,) = torch.autograd.grad((leaking * values).sum(), scores)
    exact = select_top_k(scores, 2)[0]
    (gradient,) = torch.autograd.grad((exact * values).sum(), scores)
    assert float(gradient.norm()) > 0.4
    assert float(leak_gradient.norm()) < 0.01 * float(gradient.norm())


def test_more_documents_than_candidates() -> None:
    with pytest.raises(ConfigError, match="k = 4 documents were asked for and there are 3"):
        select_top_k(torch.zeros(1, 3), 4)
    with pytest.raises(ConfigError, match="k = 0"):
        select_top_k(torch.zeros(1, 3), 0)


def test_absent_candidates_get_no_weight_and_no_gradient() -> None:
    scores = torch.tensor([[0.1, 0.3, -math.inf]], requires_grad=True)
    weights, indices = select_top_k(scores, 2)
    weights.pow(2).sum().backward()
    assert indices.tolist() == [[1, 0]]
    assert scores.grad is not None and torch.isfinite(scores.grad).all()
    assert float(scores.grad[0, 2]) == 0


def test_retrieval_loss_is_minus_the_log_share_of_the_positives() -> None:
    scores = torch.tensor([[0.1, 0.2, 0.0], [0.5, -0.5, 0.1]])
    positives = torch.tensor([[False, True, True], [True, False, False]])
    losses = retrieval_loss(scores, positives, temperature=0.1)
    shares = torch.softmax(scores / 0.1, -1)
    expected = -torch.log((shares * positives).sum(-1))
    assert torch.allclose(losses, expected, atol=1e-5)

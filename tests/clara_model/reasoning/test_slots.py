"""What slots hold, and where the gradient of what is read there goes."""

from __future__ import annotations

import math

import torch

from clara_model.reasoning.slots import reasoning_memory, search_rows
from clara_model.retrieval import select_top_k


def test_one_search_a_row_is_the_straight_through_top_k() -> None:
    scores = torch.rand(3, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    documents = torch.randn(3, 5, 2, 4, generator=torch.Generator().manual_seed(1))
    slot_queries = torch.arange(3)[:, None].expand(-1, 2)
    memory, taken = reasoning_memory(scores, documents, slot_queries, 0.1)
    weights, indices = select_top_k(scores, 2, 0.1)
    expected = torch.einsum("bkn,bnmh->bkmh", weights, documents)
    assert torch.equal(taken, indices)
    torch.testing.assert_close(memory, expected)
    pull = torch.randn(memory.shape, generator=torch.Generator().manual_seed(2))
    (ours,) = torch.autograd.grad((memory * pull).sum(), scores, retain_graph=True)
    (theirs,) = torch.autograd.grad((expected * pull).sum(), scores)
    torch.testing.assert_close(ours, theirs)


def test_searches_of_a_row_choose_apart_and_slots_that_are_not_there_stay_empty() -> None:
    inf = math.inf
    # Row 0: two searches that fill one and two slots; row 1: one search among one candidate.
    scores = torch.tensor([[0.1, 0.9, 0.2], [0.8, 0.7, 0.1], [0.5, -inf, -inf]], requires_grad=True)
    documents = torch.arange(6.0).reshape(2, 3, 1, 1)
    slot_queries = torch.tensor([[0, 1, 1], [2, -1, -1]])
    memory, taken = reasoning_memory(scores, documents, slot_queries)
    assert taken.tolist() == [[1, 0, 1], [0, -1, -1]]
    assert memory.squeeze().tolist() == [[1.0, 0.0, 1.0], [3.0, 0.0, 0.0]]
    memory.sum().backward()
    assert scores.grad is not None and bool(scores.grad.isfinite().all())
    assert search_rows(slot_queries, 3).tolist() == [0, 0, 1]


def test_loss_of_what_was_read_turns_a_search_to_the_document_that_lowers_it() -> None:
    generator = torch.Generator().manual_seed(3)
    documents = torch.randn(1, 4, 2, 8, generator=generator)
    scores = torch.tensor([[0.5, 0.4, 0.45, 0.2]], requires_grad=True)
    optimizer = torch.optim.SGD([scores], lr=1e-3)
    slots = torch.tensor([[0]])
    for _ in range(200):
        memory, taken = reasoning_memory(scores, documents, slots, 0.1)
        loss = (memory - documents[:, 1:2]).pow(2).sum()
        if not loss:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert taken.item() == 1


def test_memory_keeps_the_precision_of_the_documents() -> None:
    documents = torch.randn(1, 2, 1, 4).bfloat16()
    memory, _ = reasoning_memory(torch.tensor([[0.1, 0.2]]), documents, torch.tensor([[0]]))
    assert memory.dtype == torch.bfloat16
    assert torch.equal(memory[0, 0], documents[0, 1])


def test_a_row_of_many_searches_beside_a_row_of_one() -> None:
    scores, documents = torch.randn(5, 2), torch.randn(2, 2, 1, 3)
    slot_queries = torch.tensor([[0, 1, 2, 3], [4, -1, -1, -1]])
    memory, taken = reasoning_memory(scores, documents, slot_queries)
    assert taken[1].tolist() == [int(scores[4].argmax()), -1, -1, -1]
    assert float(memory[1, 1:].abs().sum()) == 0

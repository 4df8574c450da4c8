"""How well retrieval does, from the scores of a batch: recall, margins, entropy.

Sums, not means, so that micro-batches and processes add up to what the whole batch would give.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import torch
from torch import Tensor

RECALL_AT = (1, 3, 5)


@dataclass(frozen=True)
class ScoreSums:
    """Over questions; the counts say over how many each sum goes."""

    questions: float = 0.0
    entropy: float = 0.0
    compared: float = 0.0
    """Questions with at least two candidates."""
    score_margin: float = 0.0
    labelled: float = 0.0
    """Questions whose positives are known."""
    recall_at_1: float = 0.0
    recall_at_3: float = 0.0
    recall_at_5: float = 0.0
    contested: float = 0.0
    """Labelled questions that have another candidate than positives."""
    positive_margin: float = 0.0

    def __add__(self, other: ScoreSums) -> ScoreSums:
        return ScoreSums(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def values(self) -> tuple[float, ...]:
        """For an all-reduce; `ScoreSums(*values)` is the way back."""
        return astuple(self)

    def means(self) -> dict[str, float | None]:
        """The fields of StepMetrics and EvaluationMetrics by name; None where there is none."""
        return {
            "recall_at_1": _mean(self.recall_at_1, self.labelled),
            "recall_at_3": _mean(self.recall_at_3, self.labelled),
            "recall_at_5": _mean(self.recall_at_5, self.labelled),
            "score_margin": _mean(self.score_margin, self.compared),
            "positive_margin": _mean(self.positive_margin, self.contested),
            "score_entropy": _mean(self.entropy, self.questions),
        }


def score_sums(scores: Tensor, positives: Tensor | None, temperature: float) -> ScoreSums:
    """scores float [B, N], -inf for a candidate that is not there; positives bool [B, N] or None.

    Entropy is of softmax(scores / temperature), in nats: log N where retrieval does not know, 0
    where it is sure. Waits for the device once.
    """
    scores = scores.detach().float()
    there = scores.isfinite()
    log_p = torch.log_softmax(scores / temperature, dim=-1)
    entropy = -(log_p.exp() * log_p.masked_fill(~there, 0.0)).sum(dim=-1)
    compared = there.sum(dim=-1) >= 2
    best = scores.topk(min(2, scores.shape[-1]), dim=-1).values
    margin = _sum_where(best[:, 0] - best[:, -1], compared)
    sums = [torch.tensor(float(scores.shape[0])), entropy.sum(), compared.sum(), margin]
    if positives is not None:
        sums += _labelled_sums(scores, positives & there, there)
    return ScoreSums(*_to_floats(sums))


def _labelled_sums(scores: Tensor, positives: Tensor, there: Tensor) -> list[Tensor]:
    labelled = positives.any(dim=-1)
    number = positives.sum(dim=-1).clamp(min=1)
    order = scores.argsort(dim=-1, descending=True)
    found = positives.gather(-1, order).cumsum(dim=-1)
    recalls = [(found[:, min(k, found.shape[-1]) - 1] / number).sum() for k in RECALL_AT]
    others = there & ~positives
    contested = labelled & others.any(dim=-1)
    best_positive = scores.masked_fill(~positives, -math.inf).amax(dim=-1)
    best_other = scores.masked_fill(~others, -math.inf).amax(dim=-1)
    margin = _sum_where(best_positive - best_other, contested)
    return [labelled.sum(), *recalls, contested.sum(), margin]


def _sum_where(values: Tensor, counted: Tensor) -> Tensor:
    # Not values * counted: what is not counted may be infinite.
    return torch.where(counted, values, torch.zeros_like(values)).sum()


def _to_floats(sums: Sequence[Tensor]) -> list[float]:
    device = sums[1].device
    return torch.stack([value.to(device).float() for value in sums]).tolist()


def _mean(total: float, count: float) -> float | None:
    return total / count if count else None

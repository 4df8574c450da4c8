"""What training measures: one record for each optimizer step, one for each evaluation.

They are what callbacks are given and what a line of `metrics.jsonl` holds. Figures of a step are
of its whole global batch, over all processes. Nothing here holds text of the data but
`SampleAnswer`, which stays out of `metrics.jsonl`.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat

from clara_model.config import Stage


def _finite_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Measured = Annotated[FiniteFloat | None, BeforeValidator(_finite_or_none)]
"""None where it does not apply, was not measured or overflowed: JSON has no infinity."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StepMetrics(_Record):
    """One optimizer step."""

    kind: Literal["step"] = "step"
    step: int = Field(ge=1)
    """Steps of this stage that are done, this one included."""
    total_steps: int = Field(ge=1)
    """Steps that this stage will have when it ends."""
    stage: Stage
    epoch: float = Field(ge=0)
    """Passes over the data so far: 0.5 is half of the first."""

    loss: FiniteFloat
    """What was minimised; answer_loss + alignment_weight * alignment_loss, as a rule."""
    answer_loss: Measured = None
    """Cross-entropy per label token, in nats."""
    alignment_loss: Measured = None
    """Mean over the distinct documents that were encoded."""
    retrieval_loss: Measured = None
    """Mean over rows, in steps of retrieval pretraining."""
    learning_rate: float = Field(ge=0)
    """The rate that this step was taken with."""
    grad_norm: Measured = None
    """L2 norm of all gradients before clipping; None where float16 overflowed."""
    skipped: bool = False
    """float16's gradient overflowed: the loss scale was lowered, no weight was changed."""

    rows: int = Field(ge=0)
    label_tokens: int = Field(ge=0)
    tokens: int = Field(ge=0)
    """Real tokens that went through the model: documents encoded in this step with their memory
    positions, queries with theirs, prompts and answers; padding and cached documents not counted.
    """
    documents: int = Field(default=0, ge=0)
    """Distinct documents encoded in this step; 0 where a cache served them all."""
    seconds: float = Field(gt=0)
    """Wall time of the step, waiting for data included, evaluation and checkpoints not."""
    tokens_per_s: float = Field(ge=0)
    useful_flops: float = Field(ge=0)
    """Floating-point operations that the step needs (clara_model.flops); recomputation by
    gradient checkpointing is not counted."""
    flops_per_s: float = Field(ge=0)
    mfu: Measured = None
    """flops_per_s over what all devices can do at most, 0 to 1; None for an unknown device."""
    peak_memory_bytes: int | None = None
    """Largest on any device since the step before; None where it cannot be measured."""
    micro_batch_size: int = Field(ge=1)
    """Rows at a time on a device, at most, after this step."""
    out_of_memory_count: int = Field(default=0, ge=0)
    """Times that memory ran out since the stage started."""
    world_size: int = Field(default=1, ge=1)
    """Processes that trained together."""

    recall_at_1: Measured = None
    """Share of a question's positives among the first k candidates, averaged over questions."""
    recall_at_3: Measured = None
    recall_at_5: Measured = None
    score_margin: Measured = None
    """Best cosine minus second best, averaged over questions."""
    positive_margin: Measured = None
    """Best positive's cosine minus the best other's; None where positives are not known."""
    score_entropy: Measured = None
    """Of softmax(cosines / tau) over a question's candidates, in nats, averaged."""


class SampleAnswer(_Record):
    """One answer that the model gave during evaluation. The only text of the data in here."""

    row_id: str
    question: str
    gold: tuple[str, ...]
    answer: str


class EvaluationMetrics(_Record):
    """One evaluation, on held-out rows."""

    kind: Literal["evaluation"] = "evaluation"
    step: int = Field(ge=0)
    """Steps that were done before it; 0 is before training."""
    total_steps: int = Field(ge=1)
    stage: Stage
    rows: int = Field(ge=0)
    label_tokens: int = Field(ge=0)
    seconds: float = Field(ge=0)
    loss: Measured
    answer_loss: Measured = None
    alignment_loss: Measured = None
    recall_at_1: Measured = None
    recall_at_3: Measured = None
    recall_at_5: Measured = None
    score_margin: Measured = None
    positive_margin: Measured = None
    score_entropy: Measured = None
    answered_rows: int = Field(default=0, ge=0)
    """Rows that answers were generated for; what the next three are averaged over."""
    exact_match: Measured = None
    cover_exact_match: Measured = None
    f1: Measured = None
    samples: tuple[SampleAnswer, ...] = ()

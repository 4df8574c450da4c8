"""Records of training with figures that are easy to check, and a trainer that only has a step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from clara_model.config import Stage
from clara_model.tracking.records import EvaluationMetrics, SampleAnswer, StepMetrics


def step_metrics(step: int, *, stage: Stage = "compression", **figures: Any) -> StepMetrics:
    """Step `step` of 20, a second long, with a loss of 1 / step."""
    values: dict[str, Any] = {
        "total_steps": 20,
        "epoch": step / 20,
        "loss": 1.0 / step,
        "answer_loss": 1.0 / step,
        "learning_rate": 1e-4,
        "grad_norm": 0.5,
        "rows": 4,
        "label_tokens": 40,
        "tokens": 1000,
        "seconds": 1.0,
        "tokens_per_s": 1000.0,
        "useful_flops": 1e9,
        "flops_per_s": 1e9,
        "micro_batch_size": 4,
    }
    return StepMetrics(step=step, stage=stage, **{**values, **figures})


def evaluation_metrics(step: int, *, stage: Stage = "compression") -> EvaluationMetrics:
    """An evaluation after `step` steps, with one sample answer."""
    sample = SampleAnswer(row_id="r1", question="Wo steht die Pumpe?", gold=("六巴",), answer="yes")
    return EvaluationMetrics(
        step=step,
        total_steps=20,
        stage=stage,
        rows=8,
        label_tokens=80,
        seconds=0.5,
        loss=0.7,
        answered_rows=1,
        exact_match=0.0,
        f1=0.25,
        samples=(sample,),
    )


def trainer_at(step: int, *, is_main: bool = True, stop_reason: str | None = None) -> Any:
    """What trackers ask of a trainer."""
    return SimpleNamespace(
        step=step,
        total_steps=20,
        stop_reason=stop_reason,
        processes=SimpleNamespace(is_main=is_main),
    )

"""Records hold what JSON can hold."""

from __future__ import annotations

import math

import pytest
from pydantic import ValidationError

from clara_model.tracking.records import StepMetrics
from tests.support.training_metrics import evaluation_metrics, step_metrics


def test_a_record_comes_back_from_its_line() -> None:
    metrics = step_metrics(3, recall_at_1=0.5, mfu=0.25)
    assert StepMetrics.model_validate_json(metrics.model_dump_json(exclude_none=True)) == metrics


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_what_overflowed_is_not_known(value: float) -> None:
    metrics = step_metrics(3, grad_norm=value, skipped=True)
    assert metrics.grad_norm is None
    assert "grad_norm" not in metrics.model_dump(exclude_none=True)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_step_without_a_finite_loss_is_no_record(value: float) -> None:
    with pytest.raises(ValidationError, match="loss"):
        step_metrics(3, loss=value)


def test_records_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        evaluation_metrics(3).loss = 0.0  # type: ignore[misc]

"""Recall, margins and entropy of scores, against figures worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from clara_model.tracking.scores import ScoreSums, score_sums

SCORES = torch.tensor([[0.9, 0.5, 0.1, 0.0], [0.2, 0.5, 0.3, -math.inf]])
POSITIVES = torch.tensor([[True, False, True, False], [True, False, False, False]])


def test_recall_is_averaged_over_questions() -> None:
    means = score_sums(SCORES, POSITIVES, 0.02).means()
    # Row 1 finds one of its two positives first and both within three; row 2 its only one third.
    assert means["recall_at_1"] == pytest.approx((0.5 + 0.0) / 2)
    assert means["recall_at_3"] == pytest.approx(1.0)
    assert means["recall_at_5"] == pytest.approx(1.0)  # there are only four candidates


def test_margins() -> None:
    means = score_sums(SCORES, POSITIVES, 0.02).means()
    assert means["score_margin"] == pytest.approx((0.4 + 0.2) / 2)
    assert means["positive_margin"] == pytest.approx(((0.9 - 0.5) + (0.2 - 0.5)) / 2)


def test_entropy_goes_from_not_knowing_to_being_sure() -> None:
    undecided = torch.tensor([[0.5, 0.5, 0.5, -math.inf]])
    assert score_sums(undecided, None, 0.02).means()["score_entropy"] == pytest.approx(math.log(3))
    sure = torch.tensor([[0.9, 0.1, 0.1, 0.1]])
    assert score_sums(sure, None, 0.02).means()["score_entropy"] == pytest.approx(0.0, abs=1e-12)


def test_without_positives_only_they_are_unknown() -> None:
    means = score_sums(SCORES, None, 0.02).means()
    assert means["recall_at_1"] is None and means["positive_margin"] is None
    assert means["score_margin"] is not None and means["score_entropy"] is not None


def test_questions_that_cannot_be_counted_are_not() -> None:
    scores = torch.tensor([[0.4, -math.inf], [0.3, 0.1]])
    positives = torch.tensor([[True, False], [False, False]])
    sums = score_sums(scores, positives, 0.02)
    assert (sums.questions, sums.compared, sums.labelled, sums.contested) == (2, 1, 1, 0)
    assert sums.means()["recall_at_1"] == 1.0 and sums.means()["positive_margin"] is None
    assert all(math.isfinite(value) for value in sums.values())


def test_micro_batches_and_processes_add_up() -> None:
    whole = score_sums(SCORES, POSITIVES, 0.02)
    parts = [score_sums(SCORES[i : i + 1], POSITIVES[i : i + 1], 0.02) for i in range(2)]
    added = ScoreSums(*(ScoreSums() + parts[0] + parts[1]).values())
    assert added.values() == pytest.approx(whole.values())


def test_nothing_was_scored() -> None:
    assert set(ScoreSums().means().values()) == {None}

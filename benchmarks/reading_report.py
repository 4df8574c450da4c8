"""What benchmarks/scp_wikipedia.py prints: losses, figures, shares of full text, some answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.reading_arms import ArmResult, Reading
from clara_model.data.rows import QuestionRow

GOAL_RATE, GOAL_SHARE = 16, 0.95


def report(results: Sequence[ArmResult], *, short: bool, seed: int) -> None:
    """Losses, figures and the share of full text that each reader reaches."""
    print(
        f"\n{'reader':12} {'stage':12} {'steps':>6} {'rows':>6}  loss at the start, middle, end   "
        "held out: before, after  s/step  tokens/s"
    )
    for result in results:
        for c in result.curves:
            held_out = f"{_loss(c.held_out_before):>14} {_loss(c.held_out_after):>9}"
            print(
                f"{result.name:12} {c.stage:12} {c.steps:6d} {c.rows:6d} "
                f"{c.start:14.3f} {c.middle:8.3f} {c.end:7.3f} {held_out} "
                f"{c.step_s:7.2f} {c.tokens_per_s:9.0f}"
            )
    readings = [reading for result in results for reading in result.readings]
    text = next((r for r in readings if r.name == "full text"), None)
    # Of so few questions as a short run asks, a share would say nothing.
    shares = text is not None and text.f1 > 0 and not short
    print(
        f"\n{'reader':32} {'F1':>6} {'EM':>6} {'cover':>6}"
        f"{'   share of full text F1' if shares else ''}"
    )
    for r in readings:
        share = _share(r, text, seed) if text is not None and shares else ""
        figures = f"{r.f1:6.3f} {r.exact_match:6.3f} {r.cover_exact_match:6.3f}"
        print(f"{r.name:32} {figures}   {share}".rstrip())
    goal = next((r for r in readings if r.name == f"CLaRa {GOAL_RATE}x"), None)
    if short:
        print(
            "\nA short run: it shows that the losses fall. So few steps teach nobody to read from "
            "memory, and the figures above say nothing about the full run."
        )
    elif goal and text and text.f1:
        reached = goal.f1 / text.f1 >= GOAL_SHARE
        print(
            f"\ngoal: F1 from {GOAL_RATE}x at least {GOAL_SHARE:.0%} of full text: "
            f"{goal.f1 / text.f1:.1%}, {'reached' if reached else 'MISSED'}"
        )


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(reading: Reading, text: Reading, seed: int) -> str:
    """The ratio of mean F1s, and where it lies when documents are drawn anew."""
    documents: dict[str, list[float]] = {}
    for row_id, score in reading.f1_of.items():
        sums = documents.setdefault(row_id.rpartition("/")[0], [0.0, 0.0])
        sums[0] += score
        sums[1] += text.f1_of[row_id]
    totals = np.array(list(documents.values()))  # [documents, 2]
    drawn = np.random.default_rng(seed).integers(len(totals), size=(2000, len(totals)))
    ours, theirs = totals[drawn].sum(1).T
    low, high = np.quantile(ours[theirs > 0] / theirs[theirs > 0], [0.025, 0.975])
    return f"{reading.f1 / text.f1:6.1%}  ({low:.0%} to {high:.0%})"


def show_answers(results: Sequence[ArmResult], questions: Sequence[QuestionRow]) -> None:
    """Each question with its right answer and what every reader said."""
    for question in questions:
        print(f"\n{question.question}\n  {'right':32} {question.answer}")
        for reading in (reading for result in results for reading in result.readings):
            print(f"  {reading.name:32} {reading.answers[question.id]!r}")

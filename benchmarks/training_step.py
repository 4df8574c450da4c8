"""A training step of each stage against a plain variant: seconds, peak memory, equal losses.

    uv run python -m benchmarks.training_step [--device cuda] [--threads 2] [--check]
    uv run python -m benchmarks.training_step --stages compression --rounds 3    # a noisy machine
    uv run python -m benchmarks.training_step --quick                            # losses only

An 8-layer Qwen3 (hidden size 512, 151,936 tokens, tied) with random weights, in float32; documents
of 160 tokens, `doc_max_length` 512. The plain variant (benchmarks/plain_variant.py) has the same
weights and is given the same batch. Each variant of each stage runs in a process of its own, one
after another: two steps whose memory is measured (the first one's loss and the norm of the
adapters' gradient are compared), then some more, of which the median is taken. A step is forward,
backward, clipping and AdamW. Memory is the peak of the process above what the loaded model takes,
of the tensors on the GPU with --device cuda. The ratio of CPU seconds (all threads) says what a
shared machine's clock cannot; use --threads 1 there.

`--check` exits with 1 where losses differ by more than 1e-4, gradient norms by more than 1e-3 of
themselves, or (not with --quick, which is too small for that) where a goal is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SPEED_GOALS = {"compression": 3.0, "instruction": 3.0, "end_to_end": 10.0}
MEMORY_GOAL = 4.0
LOSS_TOLERANCE, GRADIENT_TOLERANCE = 1e-4, 1e-3
QUESTIONS_OF_A_DOCUMENT = 20


@dataclass(frozen=True)
class Run:
    """One variant of one stage, over all of its processes."""

    first_loss: float
    gradient_norm: float
    step_s: float
    """Median over the steps of all rounds."""
    cpu_s: float
    """Median of the CPU seconds of a step, over all threads."""
    spread: float
    """Slowest step over fastest."""
    peak_bytes: int
    loaded_bytes: int
    fill_s_per_document: float | None
    fill_peak_bytes: int | None


def run_variant(variant: str, stage: str, options: argparse.Namespace) -> Run:
    reports = [_in_a_process(variant, stage, options) for _ in range(options.rounds)]
    steps = [seconds for report in reports for seconds in report["step_s"]]
    fills = [r["fill_s_per_document"] for r in reports if r["fill_s_per_document"] is not None]
    return Run(
        first_loss=reports[0]["first_loss"],
        gradient_norm=reports[0]["gradient_norm"],
        step_s=statistics.median(steps),
        cpu_s=statistics.median(seconds for report in reports for seconds in report["cpu_s"]),
        spread=max(steps) / min(steps),
        peak_bytes=max(report["peak_bytes"] for report in reports),
        loaded_bytes=reports[0]["loaded_bytes"],
        fill_s_per_document=statistics.median(fills) if fills else None,
        fill_peak_bytes=reports[0]["fill_peak_bytes"],
    )


def _in_a_process(variant: str, stage: str, options: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.training_step_process", variant, stage]
    command += ["--device", options.device, "--steps", str(options.steps)]
    command += ["--threads", str(options.threads)] + (["--quick"] if options.quick else [])
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": str(options.threads), "HF_HUB_OFFLINE": "1"},
    )
    if done.returncode:
        raise SystemExit(f"{variant} {stage} ended with {done.returncode}; its error is above.")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def report_stage(stage: str, plain: Run, ours: Run, quick: bool) -> list[str]:
    """Prints the stage's line of the table and returns what misses a goal."""
    faster, smaller = plain.step_s / ours.step_s, plain.peak_bytes / ours.peak_bytes
    loss_apart = abs(plain.first_loss - ours.first_loss)
    gradient_apart = abs(plain.gradient_norm / ours.gradient_norm - 1)
    print(
        f"{stage:12} {plain.step_s:9.2f} {ours.step_s:8.3f} {faster:6.1f} "
        f"{plain.cpu_s / ours.cpu_s:6.1f} "
        f"{plain.peak_bytes / 1e6:9.0f} {ours.peak_bytes / 1e6:8.0f} {smaller:6.1f} "
        f"{ours.first_loss:9.5f} {loss_apart:8.1e} {gradient_apart:9.1e} "
        f"{plain.spread:7.2f} {ours.spread:6.2f}",
        flush=True,
    )
    missed = []
    if not loss_apart <= LOSS_TOLERANCE:
        missed.append(f"{stage}: losses differ by {loss_apart:.1e}, above {LOSS_TOLERANCE}")
    if not gradient_apart <= GRADIENT_TOLERANCE:
        missed.append(
            f"{stage}: gradient norms differ by {gradient_apart:.1e} of themselves, above "
            f"{GRADIENT_TOLERANCE}"
        )
    if not quick and faster < SPEED_GOALS[stage]:
        missed.append(f"{stage}: {faster:.1f} times faster, the goal is {SPEED_GOALS[stage]:g}")
    if not quick and smaller < MEMORY_GOAL:
        missed.append(f"{stage}: {smaller:.1f} times less memory, the goal is {MEMORY_GOAL:g}")
    return missed


def report_filling(plain: Run, uncached: Run, cached: Run, documents: int) -> None:
    """What filling the cache costs, what it saves, and when that is paid back."""
    assert cached.fill_s_per_document is not None and cached.fill_peak_bytes is not None
    fill_s = cached.fill_s_per_document
    print(
        f"\nDocument cache, {documents} candidates a step: filling it takes "
        f"{1e3 * fill_s:.0f} ms/document ({cached.fill_peak_bytes / 1e6:.0f} MB at its peak)."
    )
    for name, other in (("our own step without a cache", uncached), ("the plain step", plain)):
        saved_s = (other.step_s - cached.step_s) / documents
        print(
            f"Against {name} ({other.step_s:.2f} s) it saves {1e3 * saved_s:.0f} ms for each "
            "candidate that is shown."
        )
        # D documents cost D * fill to encode, each once; an epoch shows each of them c times.
        for shown in (1, QUESTIONS_OF_A_DOCUMENT):
            times = "once" if shown == 1 else f"{shown} times"
            paid = f"after {fill_s / (saved_s * shown):.2f} epochs" if saved_s > 0 else "never"
            print(f"  where an epoch shows each document {times}, filling is paid {paid}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    stages = list(SPEED_GOALS)
    parser.add_argument("--stages", type=lambda text: text.split(","), default=stages)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--steps", type=int, default=3, help="timed, after the first two")
    parser.add_argument("--rounds", type=int, default=1, help="processes of each variant")
    parser.add_argument("--quick", action="store_true", help="a tiny model: losses only")
    parser.add_argument("--check", action="store_true", help="exit 1 where a goal is missed")
    options = parser.parse_args()
    unknown = set(options.stages) - set(stages)
    if unknown or options.threads < 1 or options.steps < 1 or options.rounds < 1:
        parser.error(f"stages are {', '.join(stages)}; threads, steps and rounds are 1 or more")
    return measure(options)


def measure(options: argparse.Namespace) -> int:
    from benchmarks.training_step_problem import shape_of

    shape = shape_of(options.quick)
    print(f"{options.device}, float32, {options.threads} threads; {shape}")
    print(
        f"median of {options.steps * options.rounds} steps after the first two; "
        "spread: slowest over fastest\n\n"
        f"{'':12} {'seconds a step':^32} {'MB above the model':^25} "
        f"{'loss and gradient':^28} {'spread':^14}\n"
        f"{'stage':12} {'plain':>9} {'ours':>8} {'ratio':>6} {'CPU':>6} "
        f"{'plain':>9} {'ours':>8} {'ratio':>6} {'loss':>9} {'apart':>8} {'gradient':>9} "
        f"{'plain':>7} {'ours':>6}"
    )
    missed: list[str] = []
    retrieval: tuple[Run, Run, Run] | None = None
    for stage in options.stages:
        plain, ours = run_variant("plain", stage, options), run_variant("ours", stage, options)
        missed += report_stage(stage, plain, ours, options.quick)
        if stage == "end_to_end":
            retrieval = (plain, run_variant("uncached", stage, options), ours)
    if retrieval:
        report_filling(*retrieval, shape.rows["end_to_end"] * shape.candidates)
    print("\nEvery goal is met." if not missed else "\nMissed:\n  " + "\n  ".join(missed))
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    raise SystemExit(main())

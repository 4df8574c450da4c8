"""A Qwen3-4B-shaped model with random weights on one GPU: how fast each stage trains, and in what.

    uv run python -m benchmarks.gpu_training                          # all of it
    uv run python -m benchmarks.gpu_training --modes bf16 --stages compression,instruction
    uv run python -m benchmarks.gpu_training --modes nf4-14gib --checkpointing on
    uv run python -m benchmarks.gpu_training --shape tiny             # any machine: that it works

Modes: `bf16` with the whole device, and `nf4-14gib`, a T4's worth: the base in nf4, float16
products, torch held to 14 GiB (needs bitsandbytes; a cap makes no H100 a T4: its memory can be
read off, its speed cannot). Each line is a process of its own that trains with the product's own
trainer and the paper's batches (128 rows, 32 where documents are retrieved; documents of 192 to
256 tokens, k 5 of 20), the micro-batch as large as fits among the halves of the batch. Medians of
`--steps` steps after the first, which looks for the micro-batch and fills the document cache.
MFU counts useful operations only (clara_model/flops.py); the goal is 40 %.

The base, 8 GB, is written once into `--base`, a temporary folder by default.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from clara_model.config import STAGES

ROOT = Path(__file__).resolve().parents[1]
MFU_GOAL = 0.40
T4_GIB = 14.0
MODES = ("bf16", "nf4-14gib")
UNCACHED = "end_to_end-uncached"
LINES = (*STAGES[:3], UNCACHED, *STAGES[3:])


@dataclass(frozen=True)
class Line:
    """One measurement."""

    mode: str
    name: str
    """A stage, or end_to_end without its document cache."""
    checkpointing: bool

    @property
    def title(self) -> str:
        return f"{self.mode:10} {self.name:20} {'on' if self.checkpointing else 'off':>5}"

    def arguments(self, device: str) -> list[str]:
        on_cuda = device == "cuda"
        dtype = "bfloat16" if self.mode == "bf16" else "float16"
        arguments = [self.name.removesuffix("-uncached")]
        arguments += ["--dtype", dtype if on_cuda else "float32"]
        if self.mode == "nf4-14gib":
            arguments += ["--quantization", "nf4"]
            arguments += ["--cap-gib", str(T4_GIB)] if on_cuda else []
        if self.checkpointing:
            arguments += ["--checkpointing"]
        if self.name == UNCACHED:
            arguments += ["--document-cache", "off"]
        return arguments


def chosen_lines(options: argparse.Namespace) -> Iterator[Line]:
    switches = {"both": (False, True), "on": (True,), "off": (False,)}[options.checkpointing]
    for mode in options.modes:
        for name in options.stages:
            for switch in switches:
                yield Line(mode, name, switch)


def in_a_process(arguments: list[str], options: argparse.Namespace, base: Path) -> str:
    """The last line that the process printed; its own lines for people go to our stderr."""
    command = [sys.executable, "-m", "benchmarks.gpu_training_process", *arguments]
    command += ["--base", str(base), "--shape", options.shape, "--device", options.device]
    done = subprocess.run(
        [*command, "--steps", str(options.steps)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        env={
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            # Micro-batches differ in length: segments that grow waste less of the device.
            "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
        },
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}; its error is above.")
    lines = done.stdout.splitlines()
    return lines[-1] if lines else ""


def table_row(line: Line, measured: dict[str, Any]) -> str:
    if "failed" in measured:
        return f"{line.title}   {measured['failed']}"
    mfu = "?" if measured["mfu"] is None else f"{measured['mfu']:.1%}"
    peak = "?" if measured["peak_gib"] is None else f"{measured['peak_gib']:.1f}"
    skipped = f"  ({measured['skipped_steps']} skipped)" if measured["skipped_steps"] else ""
    return (
        f"{line.title} {measured['micro_batch_rows']:7} {measured['batch_rows']:6} "
        f"{measured['step_s']:8.2f} {measured['tokens_per_s']:9,.0f} "
        f"{measured['tflops_per_s']:9.3g} {mfu:>7} {peak:>9} {measured['last_loss']:7.3f}{skipped}"
    )


def verdict(results: list[tuple[Line, dict[str, Any]]]) -> str:
    """Which lines reach the goal, of those whose device's peak is known."""
    known = [(line, m["mfu"]) for line, m in results if m.get("mfu") is not None]
    if not known:
        return "MFU is not known: this device's peak is not in clara_model/flops.py."
    reached = sum(mfu >= MFU_GOAL for _, mfu in known)
    best = max(known, key=lambda item: item[1])
    return (
        f"MFU of {MFU_GOAL:.0%} is reached in {reached} of {len(known)} lines; "
        f"the best is {best[1]:.1%} ({' '.join(best[0].title.split())})."
    )


def measure_all(options: argparse.Namespace, base: Path) -> int:
    if not (base / "config.json").is_file():
        print(f"writing the base of shape {options.shape} to {base}", flush=True)
        in_a_process([STAGES[0], "--write-base", "--dtype", "bfloat16"], options, base)
    name = torch.cuda.get_device_name(0) if options.device == "cuda" else "CPU, float32"
    print(f"{name}, torch {torch.__version__}, shape {options.shape}, {options.steps} steps\n")
    print(
        f"{'mode':10} {'stage':20} {'ckpt.':>5} {'rows at':>7} {'rows a':>6} {'seconds':>8} "
        f"{'':9} {'useful':>9} {'':7} {'peak':>9}\n"
        f"{'':10} {'':20} {'':5} {'a time':>7} {'step':>6} {'a step':>8} "
        f"{'tokens/s':>9} {'TFLOP/s':>9} {'MFU':>7} {'GiB':>9} {'loss':>7}"
    )
    results = []
    for line in chosen_lines(options):
        measured = json.loads(in_a_process(line.arguments(options.device), options, base))
        results.append((line, measured))
        print(table_row(line, measured), flush=True)
        if options.json:
            with open(options.json, "a", encoding="utf-8") as file:
                file.write(json.dumps({"device": name, **line.__dict__, **measured}) + "\n")
    print(f"\n{verdict(results)}")
    return 1 if all("failed" in measured for _, measured in results) else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])

    def names(text: str) -> list[str]:
        return text.split(",")

    parser.add_argument("--shape", choices=["qwen3-4b", "tiny"], default="qwen3-4b")
    parser.add_argument("--modes", type=names, default=list(MODES))
    parser.add_argument("--stages", type=names, default=list(LINES), help=", ".join(LINES))
    parser.add_argument("--checkpointing", choices=["both", "on", "off"], default="both")
    parser.add_argument("--steps", type=int, default=3, help="measured, after the first")
    parser.add_argument("--base", type=Path, help="keep the base here, for more than one run")
    parser.add_argument("--json", type=Path, help="append each measurement to this file")
    options = parser.parse_args()
    if set(options.stages) - set(LINES) or set(options.modes) - set(MODES) or options.steps < 1:
        parser.error(f"stages: {', '.join(LINES)}; modes: {', '.join(MODES)}; steps: 1 or more")
    options.device = "cuda" if torch.cuda.is_available() else "cpu"
    if options.device == "cpu" and options.shape != "tiny":
        raise SystemExit(
            "There is no CUDA device here, and a model of 4 billion weights does not train on a "
            "CPU: run this where there is one, or with --shape tiny to see that it works."
        )
    if options.base is not None:
        return measure_all(options, options.base)
    with tempfile.TemporaryDirectory(prefix="clara-gpu-") as folder:
        return measure_all(options, Path(folder) / "base")


if __name__ == "__main__":
    raise SystemExit(main())

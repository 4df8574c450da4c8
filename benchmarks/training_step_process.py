"""One variant of one stage in a process of its own, for `benchmarks.training_step`.

Prints what it measured as one line of JSON. Variants: `plain`, `ours`, and in end_to_end
`uncached`, which is ours without the cache of encoded documents.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from benchmarks.training_step_problem import SEED, Shape, build_batch, build_model, shape_of
from clara_model import Clara
from clara_model.batches import TrainingBatch
from clara_model.config import Stage
from clara_model.model import TRAINS
from clara_model.tokens import TokenSpace

LEARNING_RATE = 1e-4
FILLED_BATCHES = 3
# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


class MemoryMeter:
    """Bytes that the process (cpu) or its tensors on the GPU (cuda) take, now and at their peak."""

    def __init__(self, device: str) -> None:
        self._cuda = device == "cuda"
        if not self._cuda and sys.platform != "linux":
            raise SystemExit(
                "Peak memory on a CPU is read from /proc: run this on Linux, or with --device cuda."
            )

    def restart(self) -> int:
        """Gives back what is free, forgets the peak, and returns what is in use."""
        gc.collect()
        if self._cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            return torch.cuda.memory_allocated()
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return self._status("VmRSS")

    def peak(self) -> int:
        return torch.cuda.max_memory_allocated() if self._cuda else self._status("VmHWM")

    @contextmanager
    def exact(self) -> Iterator[None]:
        """Inside, freed tensors leave the process at once.

        glibc otherwise keeps freed blocks of up to 32 MB for later: 270 to 500 MB of ours and
        900 MB of the plain variant's in compression, by chance. Timing is done outside, with its
        usual settings.
        """
        if self._cuda:
            yield
            return
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, 2**16)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**16)
        try:
            yield
        finally:
            # What glibc arrives at by itself once a large block was freed.
            libc.mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)
            libc.mallopt(_M_TRIM_THRESHOLD, 64 * 2**20)

    @staticmethod
    def _status(name: str) -> int:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise SystemExit(f"/proc/self/status has no {name}: peak memory cannot be measured here.")


class Stepper:
    """Steps of one variant on one batch."""

    def __init__(self, variant: str, model: Clara, batch: TrainingBatch) -> None:
        self._model = model
        stage: Stage = batch.stage
        self.adapters = [p for name in TRAINS[stage] for p in adapter_values(model, name)]
        self._prepare: Callable[[], TrainingBatch] = lambda: batch
        self._loss: Callable[[TrainingBatch], Tensor] = self._our_loss
        parameters = model.trainable_parameters()
        if variant == "plain":
            from benchmarks.plain_variant import PlainVariant

            plain = PlainVariant(model)
            self._loss, parameters = plain.loss, plain.parameters
        elif variant == "ours" and stage == "end_to_end":
            from clara_model.training.document_cache import DocumentCache

            self.cache = DocumentCache(model)
            self._prepare = lambda: self.cache.fill(batch)[0]
        self._parameters = list(parameters.values())
        self._optimizer = torch.optim.AdamW(self._parameters, lr=LEARNING_RATE, weight_decay=0.0)

    def forward_backward(self) -> Tensor:
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._loss(self._prepare().to(self._model.device))
        loss.backward()
        return loss.detach()

    def update(self) -> None:
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()

    def _our_loss(self, batch: TrainingBatch) -> Tensor:
        output = self._model(batch)
        loss = output.answer_loss_sum / output.label_tokens
        if output.documents:
            weight = self._model.config.alignment_weight
            loss = loss + weight * output.alignment_sum / output.documents
        return cast(Tensor, loss)


def adapter_values(model: Clara, name: str) -> list[nn.Parameter]:
    return list(model.adapter_parameters(name).values())


def fill_seconds(stepper: Stepper, shape: Shape, tokens: TokenSpace, device: str) -> float:
    """Seconds a document, filled as in training: with the documents of one batch at a time."""
    seconds, documents = [], 0
    for number in range(1 + FILLED_BATCHES):
        batch = build_batch(shape, "end_to_end", tokens, seed=SEED + 1 + number)
        started = _now(device)
        stepper.cache.fill(batch)
        if number:  # the first one warms
            seconds.append(_now(device) - started)
            documents += len(batch.document_keys)
    return sum(seconds) / documents


def _now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def measure(variant: str, stage: Stage, shape: Shape, device: str, steps: int) -> dict[str, Any]:
    meter = MemoryMeter(device)
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = False
    _touch_code(variant, stage, device)
    model = build_model(shape, stage, device)
    stepper = Stepper(variant, model, build_batch(shape, stage, model.tokens))
    fill_s = fill_peak = None
    if variant == "ours" and stage == "end_to_end":
        loaded = meter.restart()
        with meter.exact():
            stepper.cache.fill(build_batch(shape, stage, model.tokens))
        fill_peak = meter.peak() - loaded
        fill_s = fill_seconds(stepper, shape, model.tokens, device)
    loaded = meter.restart()
    with meter.exact():
        loss = float(stepper.forward_backward())
        gradients = [p.grad for p in stepper.adapters if p.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(gradients))
        stepper.update()
        # Again, now that the optimizer's moments are there from the start.
        stepper.forward_backward()
        stepper.update()
    peak = meter.peak() - loaded
    seconds, cpu_seconds = [], []
    for _ in range(steps):
        started, cpu_started = _now(device), time.process_time()
        stepper.forward_backward()
        stepper.update()
        seconds.append(_now(device) - started)
        cpu_seconds.append(time.process_time() - cpu_started)
    return {
        "first_loss": loss,
        "gradient_norm": norm,
        "step_s": seconds,
        "cpu_s": cpu_seconds,
        "peak_bytes": peak,
        "loaded_bytes": loaded,
        "fill_s_per_document": fill_s,
        "fill_peak_bytes": fill_peak,
    }


def _touch_code(variant: str, stage: Stage, device: str) -> None:
    """A step of a tiny model: the libraries' code and buffers are no part of a step's memory."""
    tiny = replace(shape_of(quick=True), layers=1)
    model = build_model(tiny, stage, device)
    stepper = Stepper(variant, model, build_batch(tiny, stage, model.tokens))
    stepper.forward_backward()
    stepper.update()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("variant", choices=["plain", "ours", "uncached"])
    parser.add_argument("stage", choices=["compression", "instruction", "end_to_end"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shape = shape_of(options.quick)
    result = measure(options.variant, options.stage, shape, options.device, options.steps)
    print(json.dumps(result))


if __name__ == "__main__":
    main()

"""Memory that runs out: how it is told, and how it is freed."""

from __future__ import annotations

import gc

import torch


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine ran out of memory. Torch has no one class for it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text
        or "can't allocate memory" in text
        or "cublas_status_alloc_failed" in text
    )


def free_memory() -> None:
    """Gives back what nothing refers to any more. Call it when the error was let go of."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()

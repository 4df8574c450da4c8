"""Writing so that a reader finds a file or a folder whole, or not at all."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clara_model.errors import StorageFull, TrainingFailed

if TYPE_CHECKING:
    from torch import Tensor

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def named_write_errors(what: str) -> Iterator[None]:
    """Turns an error of the file system into StorageFull or TrainingFailed that names `what`."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        if _is_full(error):
            raise StorageFull(
                f"{what} could not be written, there is no room left ({error}). What was written "
                "before it is whole: free some space and run the same command to go on."
            ) from error
        raise TrainingFailed(f"{what} could not be written: {error}.") from error


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """A safetensors file, on the disk when this returns; copies off the device one by one."""
    from safetensors.torch import save_file

    save_file({name: t.detach().contiguous().cpu() for name, t in tensors.items()}, path)
    sync(path)


def write_json(path: Path, values: Any) -> None:
    """A JSON file that is there whole or not at all, on the disk when this returns."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    sync(draft)
    draft.replace(path)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    # safetensors tells an error of the file system by its text alone.
    return any(f"os error {number}" in str(error).lower() for number in _NO_ROOM)

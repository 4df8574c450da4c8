"""What a save that was killed leaves beside a checkpoint: found, put in place, or cleared away.

A save of NAME writes `.NAME.writing-PID`, moves an older NAME to `.NAME.replaced-PID`, and then
gives the new folder its name. A kill between the two moves leaves no NAME.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from clara_model.errors import CheckpointError

_MANIFEST = "manifest.json"
# Another process may be between the two moves, which take no time.
_PATIENCE_S = 1.0


def draft_of(target: Path) -> Path:
    """Where this process writes what becomes `target`."""
    return target.with_name(f".{target.name}.writing-{os.getpid()}")


def retired_of(target: Path) -> Path:
    """Where this process keeps what `target` was until the new one is in place."""
    return target.with_name(f".{target.name}.replaced-{os.getpid()}")


def recover(target: Path, is_whole: Callable[[Path], bool]) -> None:
    """Gives the newest whole leftover the name `target`, where nothing goes by that name.

    Raises CheckpointError where it cannot be renamed.
    """
    if target.exists():
        return
    found = [path for path in _leftovers(target) if is_whole(path)]
    if not found:
        return
    time.sleep(_PATIENCE_S)
    if target.exists():
        return
    newest = max(found, key=lambda path: (path / _MANIFEST).stat().st_mtime_ns)
    try:
        newest.rename(target)
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {target} is still called {newest.name}, since the program was ended "
            f"while it replaced it, and cannot be renamed ({error}): rename it to {target.name}."
        ) from error


def clear(target: Path) -> None:
    """Removes the leftovers of `target` that are of no use once it is there."""
    for path in _leftovers(target):
        if path.name.startswith(f".{target.name}.replaced-") or not _is_at_work(path):
            shutil.rmtree(path, ignore_errors=True)


def _leftovers(target: Path) -> list[Path]:
    beginnings = tuple(f".{target.name}.{what}-" for what in ("writing", "replaced"))
    if not target.parent.is_dir():
        return []
    return [
        path
        for path in target.parent.iterdir()
        if path.name.startswith(beginnings) and path.name.rpartition("-")[2].isdecimal()
    ]


def _is_at_work(draft: Path) -> bool:
    """Whether another process of the draft's number runs: the draft may be its own."""
    number = int(draft.name.rpartition("-")[2])
    if number == os.getpid():
        return False
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it runs, and is another user's
    return True

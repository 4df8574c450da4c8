"""Processes that outlive the command that starts them: known again by more than their number.

After a reboot, or a long time, a process id may be another program's: the time at which the
process started tells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_SAME_START_S = 1.0


def started_at(pid: int) -> float:
    """Seconds since the epoch at which a process that was just started began."""
    import psutil

    return psutil.Process(pid).create_time()


def find(pid: int, process_started_at: float) -> psutil.Process | None:
    """The very process that was recorded, where it is alive."""
    import psutil

    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - process_started_at) < _SAME_START_S
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def end(processes: Sequence[psutil.Process], grace_s: float, *, children_too: bool = False) -> None:
    """Asks processes to end, and ends them and all their descendants where they have not in time.

    `children_too` asks their children as well, of those that would wait for them. Descendants are
    listed before: those whose parent has ended are nobody's then.
    """
    import psutil

    families = {process: children(process) for process in processes}
    direct = [child for process in processes for child in children(process, recursive=False)]
    for process in (*processes, *(direct if children_too else ())):
        _signal(process, psutil.Process.terminate)
    everyone = {*families, *(member for family in families.values() for member in family)}
    _, alive = psutil.wait_procs(list(everyone), timeout=grace_s)
    stragglers = {*alive, *(child for member in alive for child in children(member))}
    for straggler in stragglers:
        _signal(straggler, psutil.Process.kill)
    psutil.wait_procs(list(stragglers), timeout=5)


def children(process: psutil.Process, *, recursive: bool = True) -> list[psutil.Process]:
    """Those of a process that may have ended meanwhile."""
    import psutil

    try:
        return process.children(recursive=recursive)
    except psutil.NoSuchProcess:
        return []


def _signal(process: psutil.Process, send: Callable[[psutil.Process], None]) -> None:
    import psutil

    try:
        send(process)
    except psutil.NoSuchProcess:
        return

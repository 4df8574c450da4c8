"""A trainer ends with the process that started it, whatever ended that one.

The starter holds the writing end of a pipe that is the trainer's stdin, and writes nothing. Where
it dies, even by `kill -9`, the system closes its end, and every process that inherited the reading
end sees that: the trainer itself and those that accelerate or torchrun start for it. (A signal at
a parent's death exists on Linux only, and does not reach a launcher's children.)
"""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from collections.abc import Mapping

from clara_model.errors import ConfigError

LIFELINE = "CLARA_LIFELINE"
"""Environment variable; `stdin`: stdin is such a pipe."""
GRACE_S = 60.0
"""Seconds for a last checkpoint."""

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def watch_lifeline(environment: Mapping[str, str] | None = None, grace_s: float = GRACE_S) -> None:
    """Watches stdin in a thread of its own, where the environment asks for it.

    At its end this process is interrupted as by SIGTERM, so that it writes a checkpoint; after
    `grace_s` it is killed. Raises ConfigError for a lifeline of another kind.
    """
    asked = (os.environ if environment is None else environment).get(LIFELINE)
    if not asked:
        return
    if asked != "stdin":
        raise ConfigError(f"{LIFELINE} = {asked!r}: the only lifeline there is is `stdin`.")
    threading.Thread(target=_watch, args=(grace_s,), name="lifeline", daemon=True).start()


def _watch(grace_s: float) -> None:
    while _reads_on():
        pass
    _let_go_of_pipes()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_s)
    # Its helpers with it, where the group is nobody else's.
    if os.getpgrp() == os.getsid(0):
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _reads_on() -> bool:
    try:
        return os.read(_STDIN, 1024) != b""
    except OSError:
        return False


def _let_go_of_pipes() -> None:
    """Whoever read this process's lines is gone: the next line must not end it before it saved."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (_STDOUT, _STDERR):
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.dup2(nowhere, descriptor)

"""Two runs that write one remote data set: the one that began to write later goes on.

A lock would need a conditional write, which not every S3 has. So a run leaves its mark in OUT
when it begins to write there, and looks whether it is still its own before it replaces anything.
What is left of a race is found by the manifest's hashes.
"""

from __future__ import annotations

import json
import os
import platform
import uuid
from datetime import UTC, datetime

from tasks.errors import ClaraError
from tasks.storage import Location

MARK_FILE = ".clara.run.json"


class OutputTaken(ClaraError):
    """Another run began to write to the same OUT."""


class RunMark:
    """The mark of this run in a remote OUT; a local one has a lock, and gets none."""

    def __init__(self, output: Location) -> None:
        self._output = output
        self._run = uuid.uuid4().hex

    def place(self) -> None:
        if self._output.is_local:
            return
        mark = {
            "run": self._run,
            "host": platform.node(),
            "process": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._output.write_bytes(MARK_FILE, (json.dumps(mark) + "\n").encode())

    def check(self) -> None:
        """Raises OutputTaken where another run has left its mark since."""
        if self._output.is_local:
            return
        try:
            mark = json.loads(self._output.read_bytes(MARK_FILE))
        except FileNotFoundError:
            mark = {}
        except ValueError:
            mark = {"host": "unknown"}
        if mark.get("run") != self._run:
            other = f" ({mark['host']}, since {mark.get('since')})" if "host" in mark else ""
            raise OutputTaken(
                f"another run{other} writes to {self._output.uri()}: this one leaves OUT to it. "
                "What was made is in the cache; let one run at a time write there, and run the "
                "same command again"
            )

    def remove(self) -> None:
        if not self._output.is_local:
            self._output.remove(MARK_FILE)

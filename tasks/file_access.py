"""What the file system says about a file, as a rejection a person understands."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tasks.errors import FileRejected


def regular_file_size(path: Path) -> int:
    """Size in bytes of a regular file with content.

    Raises FileRejected: `empty_file`, `file_vanished`, or `file_unreadable` (also for a folder,
    a pipe or a device: opening a pipe would wait for ever).
    """
    try:
        status = path.stat()
    except OSError as error:
        raise access_rejection(error) from error
    if not stat.S_ISREG(status.st_mode):
        raise FileRejected("file_unreadable", "This is no regular file (a folder, pipe or device).")
    if status.st_size == 0:
        raise FileRejected("empty_file", "The file has no content (0 bytes).")
    return status.st_size


def access_rejection(error: OSError) -> FileRejected:
    """`file_vanished` or `file_unreadable`; retryable, for the content is not at fault."""
    if isinstance(error, FileNotFoundError):
        return FileRejected(
            "file_vanished",
            "The file was there when the folder was listed and is gone now.",
            retryable=True,
        )
    why = os.strerror(error.errno) if error.errno is not None else str(error)
    return FileRejected(
        "file_unreadable",
        f"The file cannot be read ({why}): check its permissions and its disk.",
        retryable=True,
    )

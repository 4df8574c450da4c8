"""Every error that a user can cause, and the exit code that it ends a command with.

A problem of the run is a `ClaraError`: one sentence that says what happened, with which
value, and what to do. A problem of one file is a `FileRejected`: it becomes a line of
`rejects.jsonl` and the run goes on. Exit codes are DATA.md's.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOTHING_PRODUCED = 3
EXIT_PREFLIGHT = 4
EXIT_COST_LIMIT = 5
EXIT_INTERRUPTED = 130


class ClaraError(Exception):
    """A problem of the whole run. The message is a sentence for the user."""

    exit_code = EXIT_FAILED


class UsageError(ClaraError):
    """The command or the flow was given something that it cannot work with."""

    exit_code = EXIT_USAGE


class SourceMissing(UsageError):
    """SOURCE does not exist, or is no folder."""


class OutputNotWritable(UsageError):
    """OUT cannot be created or written to."""


class ReviewsInvalid(UsageError):
    """A line of reviews.jsonl is no review."""


class ManifestInvalid(ClaraError):
    """A manifest.json cannot be read, or was written by another version of this program."""


class EngineUnavailable(ClaraError):
    """An engine that was asked for by name cannot serve here (its models are missing)."""


class PreflightFailed(ClaraError):
    """A configured endpoint was asked before the run, and cannot serve it."""

    exit_code = EXIT_PREFLIGHT


class CostLimitReached(ClaraError):
    """The next call could cost more than is left of --max-cost. What was answered is kept."""

    exit_code = EXIT_COST_LIMIT


class Interrupted(ClaraError):
    """A person stopped the command. What was done is kept."""

    exit_code = EXIT_INTERRUPTED


class StorageError(ClaraError):
    """Storage failed: disk full, permission, a network file system that went away."""


class DiskFull(StorageError):
    """No space is left where a file had to be written."""


class StorageUnreachable(StorageError):
    """Remote storage does not answer, or stopped answering. Trying again may help."""


class StorageRefused(StorageError):
    """Remote storage knows no such credentials, or does not allow what was tried."""

    exit_code = EXIT_USAGE


class BucketMissing(StorageRefused):
    """An S3 address names a bucket that is not there."""


class TransferIncomplete(StorageError):
    """A folder in storage is not what its record says: a file is missing, short or another."""


class ArchiveInvalid(UsageError):
    """An archive is damaged, or holds what does not belong into one."""


class WorkerDied(ClaraError):
    """A worker process ended before it answered (a crash, a kill, too much memory)."""


class RayUnavailable(UsageError):
    """Ray was asked for, and is not installed, not reached, or cannot do the work."""


class ServerUnavailable(ClaraError):
    """The Prefect server cannot be started or reached."""


class FileRejected(Exception):
    """One file, picture or chunk that cannot be used: `reason` is a slug, `detail` a sentence.

    `retryable` says that the cause may lie in this machine at this moment (a worker that was
    killed, a time limit): the next run tries again instead of remembering the failure.
    """

    def __init__(self, reason: str, detail: str, *, retryable: bool = False) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.retryable = retryable

    def __reduce__(self):  # type: ignore[no-untyped-def]
        return (_rebuild_rejection, (self.reason, self.detail, self.retryable))


def _rebuild_rejection(reason: str, detail: str, retryable: bool) -> FileRejected:
    return FileRejected(reason, detail, retryable=retryable)

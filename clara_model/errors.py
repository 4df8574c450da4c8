"""Errors that a user of the model can cause. Each says what happened, with which value, what to do.

`exit_code` is what a command ends with (0 done, 1 failed, 2 used wrongly, 3 nothing produced,
130 interrupted).
"""

from __future__ import annotations


class ModelError(Exception):
    """Base of every error of `clara_model`; its text is a sentence for the user."""

    exit_code = 1


class ConfigError(ModelError, ValueError):
    """An option or a combination of options that cannot work."""

    exit_code = 2


class DataError(ModelError, ValueError):
    """A stage file that cannot be trained on; names the file and the line."""

    exit_code = 2


class BaseModelError(ModelError):
    """A base model that cannot be found, read, reached or used."""

    exit_code = 2


class CheckpointError(ModelError):
    """A checkpoint that is missing, incomplete, corrupt or of another shape."""

    exit_code = 2


class UnsafeCheckpoint(CheckpointError):
    """A pickle that holds anything but tensors; it was not run."""


class TrainingFailed(ModelError):
    """Training cannot go on; names the step and the last good checkpoint."""


class NonFiniteLoss(TrainingFailed):
    """The loss or a gradient became NaN or infinite."""


class OutOfMemory(TrainingFailed):
    """Not even one row at a time fits into memory."""


class StorageFull(TrainingFailed):
    """A checkpoint could not be written; what was written before it is whole."""


class TrainingInterrupted(ModelError):
    """SIGTERM or Ctrl-C; a checkpoint was written and the same command goes on from it."""

    exit_code = 130

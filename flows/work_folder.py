"""Relative paths of a run that a worker started: what they are relative to.

A worker runs each flow in a temporary folder, which is gone afterwards: `-p output=dataset` would
write there. `clara up` tells its workers the folder that it was typed in (CLARA_WORK_FOLDER), and
their runs begin by going there, so that paths, and a `.env`, mean what they mean to `clara`.
"""

from __future__ import annotations

import os
from pathlib import Path

from tasks.errors import UsageError
from tasks.settings import settings

_STARTED_BY_A_WORKER = "PREFECT__FLOW_RUN_ID"


def enter_work_folder(**places: str | None) -> None:
    """Called first by every flow that is deployed, with its parameters that are places.

    In the process of a command it does nothing. Raises UsageError where the folder is missing,
    or where a place is relative and the worker was told no folder.
    """
    if _STARTED_BY_A_WORKER not in os.environ:
        return
    folder = settings().clara_work_folder
    if folder is None:
        _refuse_relative(places)
        return
    try:
        os.chdir(folder)
    except OSError as error:
        raise UsageError(
            f"CLARA_WORK_FOLDER of this worker is {folder}, which cannot be entered "
            f"({error.strerror}): `clara up` in a folder that is there sets it anew"
        ) from error
    settings.cache_clear()  # the folder may have a .env


def _refuse_relative(places: dict[str, str | None]) -> None:
    for name, place in places.items():
        if place and "://" not in place and not Path(place).expanduser().is_absolute():
            raise UsageError(
                f"{name} is {place!r}, a relative path, and this worker was not told what it is "
                "relative to: give the whole path or an s3:// URI, or start the worker with "
                "`clara up` in the folder that is meant"
            )

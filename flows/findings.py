"""What `clara doctor` says of one thing that it looked at."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Level = Literal["ok", "note", "broken"]


class Finding(BaseModel):
    """One thing that was looked at. `note`: works, but the reader may want to know or act."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: str
    level: Level
    detail: str

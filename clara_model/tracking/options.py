"""What can be chosen about tracking. None of it changes what is learnt."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

WandbChoice = Literal["auto", "online", "offline", "off"]
ProgressChoice = Literal["auto", "bar", "lines", "off"]


def off_as_written(value: Any) -> Any:
    """YAML reads an unquoted `off` as false; it is meant as the word."""
    return "off" if value is False else value


class TrackingOptions(BaseModel):
    """Where the figures of training go besides `metrics.jsonl`, which is always written."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    wandb: WandbChoice = "auto"
    """`auto`: what WANDB_MODE says; else online with credentials (WANDB_API_KEY, or after
    `wandb login`), offline without."""
    wandb_project: str | None = None
    """None: WANDB_PROJECT, else `clara-pipeline`."""
    wandb_entity: str | None = None
    """None: WANDB_ENTITY, else the default of the account."""
    wandb_group: str | None = None
    """Runs of one pipeline share it. None: WANDB_RUN_GROUP, else one of the output folder's own,
    the same for all of its stages."""
    wandb_samples: bool = False
    """Send sample questions and answers too. They are text of your data."""
    progress: ProgressChoice = "auto"
    """`auto`: a bar in a terminal, lines elsewhere."""
    progress_every_s: float = Field(default=30.0, ge=0)
    """Between two lines."""
    chart: bool = True
    """Draw `training.png`."""
    chart_every_s: float = Field(default=60.0, ge=0)
    """Between two drawings; at the end it is drawn in any case."""

    _off = field_validator("wandb", "progress", mode="before")(off_as_written)

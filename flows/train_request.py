"""What a training run is asked for, and the configuration that it means on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from clara_model.config import STAGES, Stage, resolve_stage
from clara_model.errors import ConfigError
from clara_model.training.config import TrainConfig
from clara_model.training.resolve import ResolvedConfig, resolve_config

DEFAULT_STAGES: tuple[Stage, ...] = TrainConfig.model_fields["stages"].default


class TrainRequest(BaseModel):
    """The parameters that `train` and `train-stage` share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: str
    output: str
    base_model: str | None = None
    init_from: str | None = None
    preset: str | None = None
    max_steps: int | None = None
    options: dict[str, Any] = {}
    """Options of training by the names of a configuration file, sections of stages too."""
    allow_incomplete: bool = False

    def flags(self, stages: Sequence[Stage], **places: Any) -> dict[str, Any]:
        """What `resolve_config` takes as flags; `places` go before what was asked for.

        Raises ConfigError for an option that is a parameter of its own.
        """
        own = [name for name in (*TrainRequest.model_fields, "stages") if name in self.options]
        if own:
            raise ConfigError(
                f"options name {', '.join(own)}: give that as a parameter of its own, beside data "
                "and output."
            )
        given = self.model_dump(exclude={"options", "allow_incomplete"})
        return {**self.options, **given, "stages": tuple(stages), **places}

    def resolved(
        self, stages: Sequence[Stage], *, preset: str | None = None, **places: Any
    ) -> ResolvedConfig:
        """The whole configuration; `preset` serves where none is asked for. Raises ConfigError."""
        return resolve_config(preset=preset, flags=self.flags(stages, **places))  # type: ignore[arg-type]


def parse_stages(stages: str | None) -> tuple[Stage, ...]:
    """The stages of a list of names with commas; the usual three for None. Raises ConfigError."""
    if stages is None:
        return DEFAULT_STAGES
    found = tuple(resolve_stage(name) for name in stages.replace(" ", "").split(",") if name)
    if not found or [STAGES.index(s) for s in found] != sorted({STAGES.index(s) for s in found}):
        raise ConfigError(
            f"stages = {stages!r}: name one or more of {', '.join(STAGES)}, in this order, each "
            "at most once."
        )
    return found

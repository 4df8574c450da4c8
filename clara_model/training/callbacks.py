"""What can watch and steer training: schedules of one's own, logging, early stopping.

A callback is given the trainer at each call and may ask it to `stop(reason)`, to
`set_frozen(name, frozen)` an adapter, or to `set_learning_rate_scale(factor)`. What it asks for
during a step holds from the next step on. All processes call all callbacks with the same figures,
so that they ask for the same; one that writes files or prints does so where
`trainer.processes.is_main`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from clara_model.tracking.records import EvaluationMetrics, StepMetrics
    from clara_model.training.loop import Trainer


@runtime_checkable
class TrainingCallback(Protocol):
    """Subclass `Callback` rather than writing all of these."""

    def on_start(self, trainer: Trainer) -> None:
        """Before the first step, after a resumed state was loaded (`trainer.step` tells)."""

    def on_step_start(self, trainer: Trainer) -> None:
        """`trainer.step` steps are done; another begins."""

    def on_step_end(self, trainer: Trainer, metrics: StepMetrics) -> None:
        """After an optimizer step; `metrics` are of its whole global batch."""

    def on_evaluate(self, trainer: Trainer, metrics: EvaluationMetrics) -> None:
        """After an evaluation on held-out rows."""

    def on_checkpoint(self, trainer: Trainer, folder: Path) -> None:
        """After a checkpoint to resume from is complete; on the main process only."""

    def on_end(self, trainer: Trainer) -> None:
        """After the last step; also when training fails or is interrupted."""

    def state(self) -> dict[str, Any]:
        """What has to survive a restart, as JSON values; kept in each checkpoint."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Called before `on_start` when training is resumed."""


class Callback:
    """A TrainingCallback that does nothing; override what is needed."""

    def on_start(self, trainer: Trainer) -> None: ...

    def on_step_start(self, trainer: Trainer) -> None: ...

    def on_step_end(self, trainer: Trainer, metrics: StepMetrics) -> None: ...

    def on_evaluate(self, trainer: Trainer, metrics: EvaluationMetrics) -> None: ...

    def on_checkpoint(self, trainer: Trainer, folder: Path) -> None: ...

    def on_end(self, trainer: Trainer) -> None: ...

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: dict[str, Any]) -> None: ...

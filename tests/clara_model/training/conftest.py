"""Trainers over a tiny base and a tiny data set, both made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clara_model import Clara, ClaraConfig
from clara_model.data.load import load_stage_data
from clara_model.training.callbacks import Callback
from clara_model.training.loop import Trainer
from clara_model.training.options import TrainOptions
from tests.clara_model.conftest import scramble
from tests.support.tiny_models import tiny_base
from tests.support.tiny_training import write_dataset

SHAPE: dict[str, Any] = {
    "doc_max_length": 48,
    "compression_rate": 16,
    "lora_r": 4,
    "top_k": 2,
    "lora_dropout": 0.0,
}


@dataclass
class Recorder(Callback):
    """Keeps what a trainer tells."""

    def __post_init__(self) -> None:
        self.steps: list[Any] = []
        self.evaluations: list[Any] = []
        self.folders: list[Path] = []

    def on_step_end(self, trainer: Any, metrics: Any) -> None:
        self.steps.append(metrics)

    def on_evaluate(self, trainer: Any, metrics: Any) -> None:
        self.evaluations.append(metrics)

    def on_checkpoint(self, trainer: Any, folder: Path) -> None:
        self.folders.append(folder)

    @property
    def losses(self) -> list[float]:
        return [metrics.loss for metrics in self.steps]


@dataclass(frozen=True)
class Workshop:
    base: Path
    data: Path
    examples: dict[tuple[str, str], Any]

    def model(self, stage: str = "compression", **shape: Any) -> Clara:
        """A model in a stage, whose adapters all do something."""
        made = Clara.from_base(self.base, ClaraConfig(**{**SHAPE, **shape}))
        made.set_stage(stage)
        scramble(made)
        return made

    def rows(self, model: Clara, stage: str, file: str = "") -> Any:
        key = (stage, file)
        if key not in self.examples:
            source = self.data / file if file else self.data
            loaded = load_stage_data(
                stage, source, model.tokens, model.config, candidates=4, workers=0
            )
            self.examples[key] = loaded.examples
        return self.examples[key]

    def trainer(
        self,
        stage: str = "compression",
        *,
        output: Path | None = None,
        callbacks: tuple[Any, ...] = (),
        shape: dict[str, Any] | None = None,
        rows: int = 12,
        held_out: bool = False,
        model: Clara | None = None,
        **options: Any,
    ) -> Trainer:
        """A trainer over the first `rows` rows, in batches of four; other options as given."""
        model = model or self.model(stage, **(shape or {}))
        given = {"batch_size": 4, "learning_rate": 1e-2, "sample_answers": 0, **options}
        named = {
            name: given.pop(name)
            for name in ("processes", "identity", "say", "cache")
            if name in given
        }
        return Trainer(
            model,
            self.rows(model, stage)[:rows],
            TrainOptions(**given),
            callbacks=callbacks,
            held_out=self.rows(model, stage, "eval_data.jsonl") if held_out else (),
            output=output,
            **named,
        )


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    folder = tmp_path_factory.mktemp("training")
    return Workshop(tiny_base(folder / "base"), write_dataset(folder / "data"), {})


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()

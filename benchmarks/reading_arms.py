"""The readers that benchmarks/scp_wikipedia.py compares, and how one is trained and questioned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from rich.console import Console

from clara_model import Clara, ClaraConfig
from clara_model.batches import StepOutput, TrainingBatch
from clara_model.config import ENCODER, DType, Stage
from clara_model.data.collate import collate, collate_prompts
from clara_model.data.examples import Example
from clara_model.metrics import f1, score_answers
from clara_model.tracking.terminal import ProgressLines
from clara_model.training.answering import answer_rows
from clara_model.training.callbacks import Callback
from clara_model.training.loop import Trainer
from clara_model.training.options import TrainOptions

if TYPE_CHECKING:
    from clara_model.tracking.records import EvaluationMetrics, StepMetrics

PROGRESS_EVERY_S = 30.0
ANSWER_BATCH = 64


@dataclass(frozen=True)
class Arm:
    """One reader."""

    reads: Literal["memory", "text", "nothing"]
    rate: int
    """compression_rate; of no consequence for those that read no memory."""

    @property
    def name(self) -> str:
        named = {"text": "full text", "nothing": "no document"}
        return named.get(self.reads, f"CLaRa {self.rate}x")


class TextReader(Clara):
    """What compression is held against: the base and a decoder adapter, reading its prompt."""

    def set_stage(
        self, stage: str, *, reset_decoder: bool = False, train_base: bool = False
    ) -> None:
        """As Clara's, without the encoder and the memory rows, which nothing reads."""
        super().set_stage(stage, reset_decoder=reset_decoder, train_base=train_base)
        self.set_trainable(ENCODER, False)
        self.memory_rows.requires_grad_(False)

    def forward(self, batch: TrainingBatch) -> StepOutput:
        mean = self.answer_loss(
            self.no_memory(batch.rows), batch.input_ids, batch.attention_mask, batch.labels
        )
        label_tokens = batch.label_tokens
        return StepOutput(
            answer_loss_sum=mean * label_tokens,
            label_tokens=label_tokens,
            alignment_sum=mean.new_zeros(()),
            documents=0,
        )

    def no_memory(self, rows: int) -> torch.Tensor:
        """[rows, 1, m, H] for prompts that have no slot."""
        memory = self.memory_rows.new_zeros((rows, 1, *self.memory_rows.shape))
        return memory.to(self.base_dtype)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageCurve(_Record):
    """The losses of one stage, in nats a label token."""

    stage: str
    steps: int
    rows: int
    """Different ones that it was trained on."""
    start: float
    """Mean over the first tenth of the steps, two at least; middle and end likewise."""
    middle: float
    end: float
    held_out_before: float | None
    held_out_after: float | None
    step_s: float
    """Mean, after the first."""
    tokens_per_s: float


class Reading(_Record):
    """Answers to the held-out questions, and how right they are (means, 0 to 1)."""

    name: str
    exact_match: float
    f1: float
    cover_exact_match: float
    f1_of: dict[str, float]
    """By question, for a paired comparison."""
    answers: dict[str, str]


class ArmResult(_Record):
    name: str
    curves: list[StageCurve]
    readings: list[Reading]


class LossCurve(Callback):
    """Remembers losses, also over an interruption."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.seconds: list[float] = []
        self.tokens: list[int] = []
        self.before: float | None = None
        self.after: float | None = None

    def on_step_end(self, trainer: Trainer, metrics: StepMetrics) -> None:
        assert metrics.answer_loss is not None
        self.losses.append(metrics.answer_loss)
        self.seconds.append(metrics.seconds)
        self.tokens.append(metrics.tokens)

    def on_evaluate(self, trainer: Trainer, metrics: EvaluationMetrics) -> None:
        if metrics.step == 0:
            self.before = metrics.answer_loss
        else:
            self.after = metrics.answer_loss

    def state(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def summary(self, stage: Stage, rows: int) -> StageCurve:
        steps = len(self.losses)
        window = max(1, min(2, steps // 3), steps // 10)
        middle = (steps - window) // 2
        # The first step also pays for what is made once (kernels, buffers).
        timed = slice(1 if steps > 1 else 0, None)
        return StageCurve(
            stage=stage,
            steps=steps,
            rows=rows,
            start=fmean(self.losses[:window]),
            middle=fmean(self.losses[middle : middle + window]),
            end=fmean(self.losses[-window:]),
            held_out_before=self.before,
            held_out_after=self.after,
            step_s=fmean(self.seconds[timed]),
            tokens_per_s=sum(self.tokens[timed]) / sum(self.seconds[timed]),
        )


@dataclass(frozen=True)
class Schedule:
    """How each stage of each reader is trained."""

    batch_size: int
    learning_rate: float
    evaluation_rows: int
    seed: int

    def options(self, epochs: int) -> TrainOptions:
        return TrainOptions(
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            epochs=epochs,
            seed=self.seed,
            evaluation_rows=self.evaluation_rows,
            sample_answers=0,
            checkpoints_kept=1,
        )


def make_model(arm: Arm, base: str, config: ClaraConfig, *, device: str, dtype: DType) -> Clara:
    """A new model of the arm's kind."""
    kind = Clara if arm.reads == "memory" else TextReader
    return kind.from_base(base, config, device=device, dtype=dtype)


def train_stage(
    model: Clara,
    stage: Stage,
    examples: Sequence[Example],
    held_out: Sequence[Example],
    schedule: Schedule,
    *,
    epochs: int,
    output: Path | None = None,
    identity: dict[str, Any] | None = None,
) -> StageCurve:
    """Trains `model`, `epochs` times on all `examples`, by the project's own loop.

    With an `output` folder it can be interrupted and goes on from there.
    """
    model.set_stage(stage)
    curve = LossCurve()
    console = Console(force_terminal=False)
    Trainer(
        model,
        examples,
        schedule.options(epochs),
        callbacks=[curve, ProgressLines(console, PROGRESS_EVERY_S)],
        collate=lambda rows: _collated(model, rows, stage),
        held_out=held_out,
        output=output,
        identity=identity,
        say=lambda line: print(line, flush=True),
    ).train()
    return curve.summary(stage, len(examples))


def _collated(model: Clara, rows: Any, stage: Stage) -> TrainingBatch:
    batch = collate(rows, model.tokens, stage)
    if isinstance(model, TextReader):
        return replace(batch, document_ids=None, document_mask=None)
    return batch


def read(name: str, model: Clara, questions: Sequence[Example], *, max_new_tokens: int) -> Reading:
    """Asks the held-out questions, greedily, those of similar length together."""
    order = sorted(questions, key=lambda q: (q.prompt_length + q.document_tokens, q.row_id))
    answers = {
        question.row_id: answer
        for part in _parts(order, ANSWER_BATCH)
        for question, answer in zip(part, _answers(model, part, max_new_tokens), strict=True)
    }
    said = [answers[question.row_id] for question in questions]
    scores = score_answers(said, [question.answers for question in questions]).overall
    return Reading(
        name=name,
        exact_match=scores.exact_match,
        f1=scores.f1,
        cover_exact_match=scores.cover_exact_match,
        f1_of={q.row_id: f1(a, q.answers) for q, a in zip(questions, said, strict=True)},
        answers={q.row_id: a for q, a in zip(questions, said, strict=True)},
    )


def _parts(examples: Sequence[Example], size: int) -> Iterator[Sequence[Example]]:
    for start in range(0, len(examples), size):
        yield examples[start : start + size]


def _answers(model: Clara, examples: Sequence[Example], max_new_tokens: int) -> list[str]:
    if not isinstance(model, TextReader):
        return answer_rows(model, examples, max_new_tokens=max_new_tokens)
    batch = collate_prompts(examples, model.tokens, "instruction").to(model.device)
    memory = model.no_memory(batch.rows)
    new_ids = model.generate(memory, batch.input_ids, batch.attention_mask, max_new_tokens)
    return [t.strip() for t in model.tokenizer.batch_decode(new_ids, skip_special_tokens=True)]

"""What can be chosen about the training of one stage, and the two presets (MODEL.md, "Numbers")."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from clara_model.config import Stage
from clara_model.tracking.options import off_as_written

Schedule = Literal["cosine", "constant"]
PresetName = Literal["paper", "small"]
CacheKind = Literal["memory", "disk", "off"]

FEW_ROWS = 2000
"""Below this many rows, batches of 128 give the optimizer too few steps to get anywhere."""


class TrainOptions(BaseModel):
    """How one stage is trained. The defaults are the paper's for compression."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # What is learnt: raise max_steps or epochs for longer training.
    learning_rate: float = Field(default=1e-4, gt=0, le=1e3)
    schedule: Schedule = "cosine"
    """`cosine` falls to 0 at the last step; `constant` stays after the warm-up."""
    warmup_share: float = Field(default=0.03, ge=0, le=1)
    """Share of the steps over which the learning rate rises from 0."""
    batch_size: int = Field(default=128, ge=1)
    """Rows of one optimizer step, over all processes and micro-batches."""
    epochs: int = Field(default=1, ge=1)
    max_steps: int | None = Field(default=None, ge=1)
    """Stop after so many steps, within the epochs; the schedule ends there too."""
    max_gradient_norm: float = Field(default=1.0, gt=0)
    weight_decay: float = Field(default=0.0, ge=0, le=1e3)
    adam_betas: tuple[float, float] = (0.9, 0.999)
    adam_epsilon: float = Field(default=1e-8, gt=0, le=1)
    seed: int = 0
    """Of the order of rows, of dropout and of the paraphrase instructions."""
    reset_decoder: bool = False
    """instruction only: start the decoder adapter anew, as the reference does."""
    retrieval_pretraining_steps: int = Field(default=0, ge=0)
    """end_to_end only: first steps on the retrieval loss; needs rows with `pos_index`."""

    # Memory and speed: none of these changes what is learnt.
    micro_batch_size: int | None = Field(default=None, ge=1)
    """Rows at a time on each device. None: as many as the token budget allows. Lower it if you
    run out of memory (training does so by itself, at the price of a failed step)."""
    max_micro_batch_tokens: int = Field(default=16384, ge=1)
    """Real tokens of a micro-batch, at most (a single row may have more)."""
    gradient_checkpointing: bool = False
    """A third more work for a fraction of the memory; for large models."""
    document_cache: CacheKind = "memory"
    """end_to_end and reasoning: keep each encoded document in memory, or on disk where there are
    more than memory holds; `off` encodes them again at every step."""

    shard_base: bool = False
    """Share out the frozen base's layers over the processes (sharding.py), for a base that does
    not fit on one device. Tested on CPUs only so far."""

    # While it trains.
    checkpoint_every_steps: int = Field(default=200, ge=1)
    checkpoints_kept: int = Field(default=2, ge=1)
    evaluate_every_steps: int | None = Field(default=None, ge=1)
    """None: before the first step and after the last."""
    evaluation_rows: int = Field(default=64, ge=0)
    """Held-out rows of an evaluation, at most; 0 evaluates nothing."""
    sample_answers: int = Field(default=8, ge=0)
    """Held-out rows that answers are generated for (exact match, F1)."""
    sample_answer_tokens: int = Field(default=64, ge=1)

    _off = field_validator("document_cache", mode="before")(off_as_written)

    @field_validator("adam_betas")
    @classmethod
    def _averages(cls, betas: tuple[float, float]) -> tuple[float, float]:
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError("each of the two is 0 or above and below 1")
        return betas


OPERATIONAL = frozenset(
    {
        "micro_batch_size",
        "max_micro_batch_tokens",
        "gradient_checkpointing",
        "document_cache",
        "shard_base",
        "checkpoint_every_steps",
        "checkpoints_kept",
        "evaluate_every_steps",
        "evaluation_rows",
        "sample_answers",
        "sample_answer_tokens",
    }
)
"""Options that may differ between two runs that count as the same."""


def identity(options: TrainOptions) -> dict[str, Any]:
    """The options that decide what is learnt, as JSON values."""
    return options.model_dump(mode="json", exclude=set(OPERATIONAL))


_RETRIEVING: tuple[Stage, ...] = ("end_to_end", "reasoning")

PRESETS: dict[PresetName, dict[str, Any]] = {
    "paper": {
        "doc_max_length": 256,
        "compression_rate": 16,
        "top_k": 5,
        "candidates": 20,
        "batch_size": 128,
        "learning_rate": 1e-4,
        "gradient_checkpointing": True,
        **{stage: {"batch_size": 32, "learning_rate": 5e-6} for stage in _RETRIEVING},
    },
    "small": {
        "doc_max_length": 256,
        "compression_rate": 16,
        "top_k": 2,
        "candidates": 8,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "checkpoint_every_steps": 50,
        "sample_answers": 4,
        "sample_answer_tokens": 32,
        "evaluation_rows": 16,
    },
}
"""Keys as a configuration file has them: for all stages, or inside a stage's own section."""


def choose_preset(device_type: str, rows: int) -> tuple[PresetName, str]:
    """The preset that fits, and why, as words for the user. `rows`: of the largest stage."""
    if device_type == "cpu":
        return "small", "there is no accelerator here"
    if rows < FEW_ROWS:
        return "small", f"{rows} rows are few (below {FEW_ROWS})"
    return "paper", f"{rows} rows and a {device_type} device"

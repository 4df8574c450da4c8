"""What a stage's training holds and remembers, and what callbacks may ask of it.

The loop itself is in loop.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clara_model.batches import TrainingBatch
from clara_model.data.sampler import GlobalBatchSampler
from clara_model.errors import ConfigError
from clara_model.training.distributed import Processes
from clara_model.training.document_cache import DocumentCache
from clara_model.training.evaluation import evaluate
from clara_model.training.feed import Collate, Feed, Row, collate_for
from clara_model.training.optimization import Optimization
from clara_model.training.options import TrainOptions
from clara_model.training.sharding import shard_frozen_base
from clara_model.training.state import ResumeStates

if TYPE_CHECKING:
    from clara_model.config import Stage
    from clara_model.model import Clara
    from clara_model.tracking.records import EvaluationMetrics, StepMetrics
    from clara_model.training.callbacks import TrainingCallback


class TrainingSession:
    """See `Trainer`."""

    def __init__(
        self,
        model: Clara,
        examples: Sequence[Row],
        options: TrainOptions,
        *,
        callbacks: Sequence[TrainingCallback] = (),
        collate: Collate | None = None,
        held_out: Sequence[Row] = (),
        output: Path | None = None,
        cache: DocumentCache | None = None,
        processes: Processes | None = None,
        identity: dict[str, Any] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        if model.stage is None:
            raise ConfigError("Call model.set_stage(...) before a Trainer is made.")
        self.model = model
        self.stage: Stage = model.stage
        self.options = options
        self.callbacks = list(callbacks)
        self.processes = processes or Processes(model.device)
        self._say = say
        self.is_sharded = options.shard_base and self.processes.world_size > 1
        if self.is_sharded:
            shard_frozen_base(model, self.processes)
        self.parameters = model.trainable_parameters()
        """What trains, by name; the optimizer's parameters."""
        self.trains_base = any(name.startswith("base.") for name in self.parameters)
        self.cache = cache or self._own_cache(output)
        collate = collate or collate_for(model)
        documents = {
            "documents_are_trained_on": self.stage in ("compression", "instruction"),
            "documents_are_cached": self.cache is not None,
        }
        self.feed = Feed(examples, collate, **documents)
        self.held_out = Feed(held_out, collate, **documents)
        self.sampler = GlobalBatchSampler(
            self.feed.lengths, batch_size=options.batch_size, seed=options.seed
        )
        self.optimization = Optimization(
            self.parameters, options, device=model.device, base_dtype=model.base_dtype
        )
        self.steps_per_epoch = self.sampler.batches_per_epoch
        steps = options.epochs * self.steps_per_epoch
        self.total_steps = min(steps, options.max_steps or steps)
        self.step = 0
        """Optimizer steps that are done."""
        self.micro_batch_size = min(
            options.micro_batch_size or options.batch_size, options.batch_size
        )
        self.out_of_memory_count = 0
        self.learning_rate_scale = 1.0
        self.frozen: frozenset[str] = frozenset()
        self.stop_reason: str | None = None
        self.last_step: StepMetrics | None = None
        self.last_evaluation: EvaluationMetrics | None = None
        self.states = ResumeStates(output, options.checkpoints_kept, identity or {})

    # What callbacks may ask for

    def stop(self, reason: str) -> None:
        """Ends the stage after this step, as if it were its last."""
        self.stop_reason = reason

    def set_frozen(self, name: str, frozen: bool) -> None:
        """Freezes or frees an adapter, `memory_rows` or `base`; its moments stay as they are.

        Raises ConfigError for what does not train in this stage.
        """
        members = [p for key, p in self.parameters.items() if key.split(".")[0] == name]
        if not members:
            trained = sorted({key.split(".")[0] for key in self.parameters})
            raise ConfigError(f"{name!r} does not train in {self.stage}: {', '.join(trained)} do.")
        if name in self.model.adapter_names:
            self.model.set_trainable(name, not frozen)  # its dropout goes with it
        for parameter in members:
            parameter.requires_grad_(not frozen)
            parameter.grad = None
        self.frozen = (self.frozen | {name}) if frozen else (self.frozen - {name})

    def set_learning_rate_scale(self, factor: float) -> None:
        """Multiplies the schedule's learning rate from the next step on."""
        if not (math.isfinite(factor) and factor >= 0):
            raise ConfigError(f"A learning rate scale is 0 or above, not {factor}.")
        self.learning_rate_scale = factor

    def say(self, text: str) -> None:
        """A line for the user, once however many processes there are."""
        if self.processes.is_main:
            self._say(text)

    # What the loop is made of

    def each(self, moment: str, *values: Any) -> None:
        """Calls that method of every callback, in order."""
        for callback in self.callbacks:
            getattr(callback, moment)(self, *values)

    def micro_batches(self, feed: Feed, rows: Sequence[int]) -> list[TrainingBatch]:
        """This process's share of the global batch `rows`, collated, at the present size."""
        return feed.micro_batches(
            rows,
            micro_batch_size=self.micro_batch_size,
            max_tokens=self.options.max_micro_batch_tokens,
            processes=self.processes,
        )

    def idle_batches(
        self, feed: Feed, rows: Sequence[int], batches: list[TrainingBatch]
    ) -> list[TrainingBatch]:
        """Batches to run along without weight, so that all processes run as many (sharding.py)."""
        if not self.is_sharded:
            return []
        missing = int(self.processes.max([float(len(batches))])[0]) - len(batches)
        return [feed.collate([feed.examples[rows[0]]])] * missing

    def with_documents(self, batch: TrainingBatch) -> tuple[TrainingBatch, list[int]]:
        """The batch with documents from the cache, and the lengths of those it had to encode."""
        return (batch, []) if self.cache is None else self.cache.fill(batch)

    def evaluate(self) -> None:
        """Evaluates on the held-out rows, where there are any and the options want it."""
        if not (self.held_out.examples and self.options.evaluation_rows):
            return
        self.last_evaluation = evaluate(self, self.held_out)
        self.each("on_evaluate", self.last_evaluation)

    def checkpoint(self) -> None:
        """Writes a checkpoint to resume from. Raises StorageFull or TrainingFailed."""
        if self.cache is not None:
            self.cache.flush()
        folder = self.processes.on_main(lambda: self.states.save(self))
        if folder is not None:
            self.each("on_checkpoint", folder)

    def resume(self) -> None:
        """Goes on from the newest checkpoint, where there is one. Raises CheckpointError.

        A result in the folder counts no longer.
        """
        folder = self.states.load_into(self)
        if folder is not None:
            self.say(
                f"{self.stage}: goes on from step {self.step} of {self.total_steps} ({folder})."
            )
        elif differences := self.states.differences():
            self.say(
                f"{self.stage}: starts anew. There is an unfinished run of other options or data "
                f"({'; '.join(differences)}), which is deleted at the first checkpoint."
            )
        # Callbacks write over that result's figures from here on.
        self.processes.on_main(self.states.drop_result)

    def memory(self) -> dict[str, Any]:
        """What a checkpoint keeps beside tensors, as JSON values."""
        return {
            "step": self.step,
            "micro_batch_size": self.micro_batch_size,
            "out_of_memory_count": self.out_of_memory_count,
            "learning_rate_scale": self.learning_rate_scale,
            "frozen": sorted(self.frozen),
            "stop_reason": self.stop_reason,
            "loss_scale": self.optimization.scaler_state(),
            "callbacks": {
                _callback_name(number, callback): callback.state()
                for number, callback in enumerate(self.callbacks)
            },
        }

    def remember(self, memory: dict[str, Any]) -> None:
        """Puts back what `memory` gave."""
        self.step = memory["step"]
        self.micro_batch_size = min(memory["micro_batch_size"], self.micro_batch_size)
        self.out_of_memory_count = memory["out_of_memory_count"]
        self.learning_rate_scale = memory["learning_rate_scale"]
        self.stop_reason = memory["stop_reason"]
        self.optimization.load_scaler_state(memory["loss_scale"])
        for name in memory["frozen"]:
            self.set_frozen(name, True)
        for number, callback in enumerate(self.callbacks):
            state = memory["callbacks"].get(_callback_name(number, callback))
            if state is not None:
                callback.load_state(state)

    def _own_cache(self, output: Path | None) -> DocumentCache | None:
        kind = self.options.document_cache
        if self.stage not in ("end_to_end", "reasoning") or kind == "off" or self.is_sharded:
            return None
        if self.trains_base:
            self.say(
                f"{self.stage}: the base trains, and what documents become with it: they are "
                "encoded again at every step."
            )
            return None
        if kind == "disk" and output is None:
            raise ConfigError(
                "document_cache `disk` needs an output folder to be in: give the trainer one, or "
                "choose `memory`."
            )
        folder = output / "document_cache" if kind == "disk" and output is not None else None
        return DocumentCache(self.model, folder, rank=self.processes.rank)


def _callback_name(number: int, callback: TrainingCallback) -> str:
    return f"{number} {type(callback).__name__}"

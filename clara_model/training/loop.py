"""The training loop of every stage.

A step: collate this process's share of a global batch into micro-batches; count label tokens over
all processes; forward and backward, one micro-batch at a time; sum gradients over processes; step.
Losses are sums that are divided by what the whole global batch holds, so that neither the size of
micro-batches nor the number of processes changes what is learnt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from clara_model.batches import StepOutput, TrainingBatch
from clara_model.data.sampler import SamplerState
from clara_model.errors import ConfigError, NonFiniteLoss, OutOfMemory, TrainingInterrupted
from clara_model.training.measures import GatheredSums, StepMeter, Sums, Totals
from clara_model.training.oom import free_memory, is_out_of_memory
from clara_model.training.optimization import learning_rate_at
from clara_model.training.randomness import seed_step
from clara_model.training.session import TrainingSession
from clara_model.training.signals import AskedToStop, Interruption


class Trainer(TrainingSession):
    """Trains `model`, in the stage that `model.set_stage` chose, on `examples`.

    `collate` makes a TrainingBatch of some examples (None: clara_model.data's). `held_out` are
    examples to evaluate on. `output` is the stage's folder, for checkpoints to resume from; None
    keeps none. `cache` holds documents that the frozen encoder has encoded; None: what the options
    say. A checkpoint is resumed from where it was made with the same `identity` (JSON values).
    `say` gets lines for the user, on the main process.
    """

    _meter: StepMeter
    _interruption: Interruption

    def train(self) -> None:
        """Trains to the end of the stage, from its newest checkpoint where there is one.

        Raises NonFiniteLoss, OutOfMemory, StorageFull, CheckpointError; and TrainingInterrupted
        after SIGTERM or Ctrl-C, when a checkpoint was written.
        """
        self._meter = StepMeter(self)
        self.resume()
        self.processes.copy_from_main(self.parameters.values())
        self.model.enable_gradient_checkpointing(self.options.gradient_checkpointing)
        self.model.train()
        self.each("on_start")
        try:
            with Interruption() as self._interruption:
                if self.step == 0:
                    self.evaluate()
                while not self._is_over():
                    self._one_step()
                    self._after_step()
                self.evaluate()
                self._stop_if_asked()
        except AskedToStop:
            self.checkpoint()
            self._stop_if_asked()
        except (RuntimeError, MemoryError) as error:
            if is_out_of_memory(error):
                raise OutOfMemory(self._too_large("while it trained", str(error))) from error
            raise
        finally:
            self.model.eval()
            self.each("on_end")

    def _one_step(self) -> None:
        self.each("on_step_start")
        self._meter.start()
        rows = self.sampler.batch(SamplerState(*divmod(self.step, self.steps_per_epoch)))
        batches = self.micro_batches(self.feed, rows)
        totals = Totals.count(batches, self.processes)
        sums = self._accumulate(rows, batches, totals).gather(self.processes)
        loss = self._loss_value(sums, totals)
        self._refuse_unless_finite(loss, "loss")
        self.processes.sum_gradients(self.parameters.values())
        rate = self.learning_rate_scale * learning_rate_at(
            self.step, self.total_steps, self.options
        )
        result = self.optimization.step(rate)
        if result.hopeless:
            self._refuse_unless_finite(result.grad_norm, "gradient")
        # The loss tells only a step later, and by then such weights may be saved.
        if not self.optimization.weights_are_finite():
            raise NonFiniteLoss(
                self._diverged(f"a weight is not finite after step {self.step + 1}")
            )
        self.optimization.clear()
        self.step += 1
        self.last_step = self._meter.finish(sums, totals, loss, rate, result)
        self.each("on_step_end", self.last_step)

    def _accumulate(
        self, rows: Sequence[int], batches: list[TrainingBatch], totals: Totals
    ) -> Sums:
        """Gradients of this process's share; in smaller micro-batches where memory runs out."""
        while True:
            try:
                # Alone, a process can drop the step; several have to come to its end together.
                with self._interruption.at_once(self.processes.world_size == 1):
                    return self._forward_backward(rows, batches, totals)
            except (RuntimeError, MemoryError) as error:
                # Sharded, the other processes are in the middle of the same pass.
                if not is_out_of_memory(error) or self.is_sharded:
                    raise
                reason = str(error)
            # Out of the except block: the error holds on to the tensors of the failed pass.
            self._halve_micro_batches(batches, reason)
            batches = self.micro_batches(self.feed, rows)

    def _forward_backward(
        self, rows: Sequence[int], batches: list[TrainingBatch], totals: Totals
    ) -> Sums:
        seed_step(self.options.seed, self.step, self.processes.rank)
        self.optimization.clear()
        sums = Sums()
        idle_batches = self.idle_batches(self.feed, rows, batches)
        for batch in batches:
            filled, encoded = self.with_documents(batch)
            sums.count(*self._meter.work(filled, encoded))
            filled = filled.to(self.model.device)
            output: StepOutput = self.model(filled)
            self.optimization.scale(self._loss(output, totals)).backward()
            sums.add(output, filled, self.model.config.temperature)
        for batch in idle_batches:
            idle: StepOutput = self.model(batch.to(self.model.device))
            (0.0 * self._loss(idle, totals)).backward()
        return sums

    # Losses

    @property
    def pretrains_retrieval(self) -> bool:
        """Whether the step that comes next is on the retrieval loss."""
        first = self.options.retrieval_pretraining_steps
        return self.stage == "end_to_end" and self.step < first

    def _loss(self, output: StepOutput, totals: Totals) -> Tensor:
        """This micro-batch's part of the global batch's loss, []."""
        if self.pretrains_retrieval:
            if output.retrieval_sum is None:
                raise ConfigError(
                    "retrieval_pretraining_steps needs `pos_index` in every row: leave it out, or "
                    "train on rows that have it."
                )
            return output.retrieval_sum / max(1, totals.rows)
        loss = output.answer_loss_sum / max(1, totals.label_tokens)
        if totals.documents:
            weight = self.model.config.alignment_weight
            loss = loss + weight * output.alignment_sum / totals.documents
        return loss

    def _loss_value(self, sums: GatheredSums, totals: Totals) -> float:
        """The same of the whole global batch."""
        if self.pretrains_retrieval:
            return sums.retrieval / max(1, totals.rows)
        alignment = sums.alignment_loss(totals) or 0.0
        return sums.answer_loss(totals) + self.model.config.alignment_weight * alignment

    # What goes wrong, and what is due between steps

    def _after_step(self) -> None:
        interrupted = self._is_asked_to_stop()
        due = self.step % self.options.checkpoint_every_steps == 0
        if due or interrupted or self._is_over():
            self.checkpoint()
        if interrupted:
            self._stop_if_asked()
        every = self.options.evaluate_every_steps
        if every and self.step % every == 0 and not self._is_over():
            self.evaluate()

    def _is_over(self) -> bool:
        return self.step >= self.total_steps or self.stop_reason is not None

    def _is_asked_to_stop(self) -> bool:
        return self.processes.max([float(self._interruption.asked)])[0] > 0

    def _stop_if_asked(self) -> None:
        if self._is_asked_to_stop():
            last = self.states.last
            where = f"checkpoint {last}" if last else "without a checkpoint: no output folder"
            raise TrainingInterrupted(
                f"{self.stage}: interrupted after step {self.step} of {self.total_steps} ({where})."
                " The same command goes on from there."
            )

    def _halve_micro_batches(self, batches: list[TrainingBatch], reason: str) -> None:
        largest = max(batches, key=lambda batch: batch.rows)
        if largest.rows == 1:
            longest = max(batches, key=lambda batch: batch.input_ids.shape[1])
            where = f"with a single row, {longest.row_ids[0]},"
            raise OutOfMemory(self._too_large(where, reason))
        self.out_of_memory_count += 1
        self.micro_batch_size = largest.rows // 2
        self.optimization.clear()
        free_memory()
        process = f", process {self.processes.rank}" if self.processes.world_size > 1 else ""
        self._say(
            f"{self.stage}, step {self.step + 1}{process}: out of memory with {largest.rows} rows "
            f"at a time. Goes on with {self.micro_batch_size}; the batch stays "
            f"{self.options.batch_size} rows. --micro-batch-size {self.micro_batch_size} spares "
            "the failed step."
        )

    def _too_large(self, where: str, reason: str) -> str:
        first_line = (reason.strip().splitlines() or ["no reason given"])[0]
        return (
            f"{self.stage}, step {self.step + 1}: out of memory {where} at {self.micro_batch_size} "
            f"rows at a time ({first_line}). {self._last_good()} Turn gradient_checkpointing on, "
            "load the base as nf4, lower doc_max_length or top_k, or take a smaller base."
        )

    def _refuse_unless_finite(self, value: float, what: str) -> None:
        if not math.isfinite(value):
            raise NonFiniteLoss(
                self._diverged(
                    f"the {what} became {value} at step {self.step + 1}, and no weight was changed "
                    "by it"
                )
            )

    def _diverged(self, what: str) -> str:
        return (
            f"{self.stage}: {what}. {self._last_good()} Lower the learning rate, or look at the "
            "rows of this step; float16 also overflows where bfloat16 or float32 do not. Other "
            "options or rows make another run: the stage then starts anew, and the checkpoints of "
            "this one are deleted."
        )

    def _last_good(self) -> str:
        last = self.states.last
        return f"The last good checkpoint is {last}." if last else "There is no checkpoint yet."

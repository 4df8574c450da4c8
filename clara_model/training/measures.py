"""What a step is measured by: the sums of its micro-batches over all processes, time, memory."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clara_model.batches import StepOutput, TrainingBatch
from clara_model.flops import BatchWork, ModelShape, batch_work, peak_flops_per_s
from clara_model.tracking.records import StepMetrics
from clara_model.tracking.scores import ScoreSums, score_sums
from clara_model.training.distributed import Processes

if TYPE_CHECKING:
    from clara_model.training.loop import Trainer
    from clara_model.training.optimization import StepResult


@dataclass(frozen=True)
class Totals:
    """What a global batch holds, over all processes: what its sums are divided by."""

    rows: int
    label_tokens: int
    documents: int
    """That the alignment loss is over: those of every row, in compression and instruction."""

    @classmethod
    def count(cls, batches: list[TrainingBatch], processes: Processes) -> Totals:
        """Counts the micro-batches of every process, before they move to a device."""
        mine = [
            sum(batch.rows for batch in batches),
            sum(batch.label_tokens for batch in batches),
            sum(alignment_documents(batch) for batch in batches),
        ]
        return cls(*(int(value) for value in processes.sum(mine)))


def alignment_documents(batch: TrainingBatch) -> int:
    """What the alignment sum of a batch is over: `StepOutput.documents`, before there is one."""
    if batch.stage not in ("compression", "instruction"):
        return 0
    return int((batch.document_index >= 0).sum())


@dataclass
class Sums:
    """Losses, scores and work of micro-batches. Losses stay on the device until `gather`."""

    losses: list[Tensor] = field(default_factory=list)
    """[3] float32 each: the sums of answer, alignment and retrieval loss."""
    labelled_rows: int = 0
    """Questions (in reasoning: searches) that the retrieval loss is over."""
    scores: ScoreSums = field(default_factory=ScoreSums)
    work: BatchWork = field(default_factory=lambda: BatchWork(0, 0.0))
    encoded_documents: int = 0

    def add(self, output: StepOutput, batch: TrainingBatch, temperature: float) -> None:
        """Adds one micro-batch's output; `batch` is on the device."""
        zero = output.answer_loss_sum.new_zeros(())
        parts = (output.answer_loss_sum, output.alignment_sum, output.retrieval_sum)
        self.losses.append(torch.stack([zero if p is None else p.detach().float() for p in parts]))
        if output.retrieval_sum is not None and output.scores is not None:
            self.labelled_rows += output.scores.shape[0]
        if output.scores is not None:
            self.scores += score_sums(output.scores, batch.positives, temperature)

    def count(self, work: BatchWork, encoded_documents: int) -> None:
        """Adds the work of one micro-batch."""
        self.work += work
        self.encoded_documents += encoded_documents

    def gather(self, processes: Processes) -> GatheredSums:
        """Adds up over micro-batches and processes. Waits for the device."""
        losses = (
            torch.stack(self.losses).cpu().double().sum(0).tolist() if self.losses else [0.0] * 3
        )
        values = [
            *losses,
            self.labelled_rows,
            self.work.tokens,
            self.work.useful_flops,
            self.encoded_documents,
            *self.scores.values(),
        ]
        total = processes.sum(values)
        return GatheredSums(ScoreSums(*total[7:]), *total[:7])


@dataclass(frozen=True)
class GatheredSums:
    """The same over all processes."""

    scores: ScoreSums
    answer: float
    alignment: float
    retrieval: float
    labelled_rows: float
    tokens: float
    useful_flops: float
    encoded_documents: float

    def answer_loss(self, totals: Totals) -> float:
        return self.answer / max(1, totals.label_tokens)

    def alignment_loss(self, totals: Totals) -> float | None:
        return self.alignment / totals.documents if totals.documents else None

    def retrieval_loss(self) -> float | None:
        return self.retrieval / self.labelled_rows if self.labelled_rows else None


class StepMeter:
    """Time, memory and work of the steps of one trainer."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._shape = ModelShape.of(trainer.model)
        self._peak = peak_flops_per_s(trainer.model.device, trainer.model.base_dtype)
        self._on_cuda = trainer.model.device.type == "cuda"
        self._started = time.perf_counter()

    def start(self) -> None:
        """A step begins."""
        self._started = time.perf_counter()
        if self._on_cuda:
            torch.cuda.reset_peak_memory_stats(self._trainer.model.device)

    def work(self, batch: TrainingBatch, encoded: list[int]) -> tuple[BatchWork, int]:
        """What a micro-batch takes, and how many documents are encoded for it.

        `encoded`: lengths of the documents that a cache had to encode for it.
        """
        trainer = self._trainer
        work = batch_work(
            self._shape,
            batch,
            train_base=trainer.trains_base,
            decoder=not trainer.pretrains_retrieval,
        )
        positions = sum(encoded) + len(encoded) * self._shape.memory_tokens
        own = 0 if batch.document_ids is None else len(batch.document_ids)
        encoding = BatchWork(positions, self._shape.encoding_flops(encoded))
        return work + encoding, own + len(encoded)

    def finish(
        self, sums: GatheredSums, totals: Totals, loss: float, rate: float, result: StepResult
    ) -> StepMetrics:
        """The figures of the step that was just done; of all processes."""
        trainer = self._trainer
        peak_memory = torch.cuda.max_memory_allocated(trainer.model.device) if self._on_cuda else 0
        seconds, peak_memory_bytes, out_of_memory, smallest = trainer.processes.max(
            [
                time.perf_counter() - self._started,
                float(peak_memory),
                float(trainer.out_of_memory_count),
                -float(trainer.micro_batch_size),
            ]
        )
        flops_per_s = sums.useful_flops / seconds
        world_size = trainer.processes.world_size
        return StepMetrics(
            step=trainer.step,
            total_steps=trainer.total_steps,
            stage=trainer.stage,
            epoch=trainer.step / trainer.steps_per_epoch,
            loss=loss,
            answer_loss=sums.answer_loss(totals),
            alignment_loss=sums.alignment_loss(totals),
            retrieval_loss=sums.retrieval_loss(),
            learning_rate=rate,
            grad_norm=result.grad_norm,
            skipped=result.skipped,
            rows=totals.rows,
            label_tokens=totals.label_tokens,
            tokens=int(sums.tokens),
            documents=int(sums.encoded_documents),
            seconds=seconds,
            tokens_per_s=sums.tokens / seconds,
            useful_flops=sums.useful_flops,
            flops_per_s=flops_per_s,
            mfu=flops_per_s / (self._peak * world_size) if self._peak else None,
            peak_memory_bytes=int(peak_memory_bytes) if self._on_cuda else None,
            micro_batch_size=int(-smallest),
            out_of_memory_count=int(out_of_memory),
            world_size=world_size,
            **sums.scores.means(),
        )

"""Losses, retrieval and sample answers on held-out rows, without touching what is trained.

Modes and random generators are afterwards what they were; nothing has a gradient.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from clara_model.metrics import cover_exact_match, exact_match, f1
from clara_model.tracking.records import EvaluationMetrics, SampleAnswer
from clara_model.training.answering import answer_rows
from clara_model.training.feed import Feed
from clara_model.training.measures import Sums, Totals
from clara_model.training.randomness import undisturbed

if TYPE_CHECKING:
    from clara_model.data.examples import Example
    from clara_model.training.session import TrainingSession


def evaluate(trainer: TrainingSession, held_out: Feed) -> EvaluationMetrics:
    """Evaluates on the first `evaluation_rows` held-out rows, answers the first `sample_answers`.

    Every process takes its share of the rows; all get the same figures, and its own samples.
    """
    options, processes, model = trainer.options, trainer.processes, trainer.model
    started = time.perf_counter()
    rows = range(min(len(held_out.examples), options.evaluation_rows))
    batches = trainer.micro_batches(held_out, rows)
    idle_batches = trainer.idle_batches(held_out, rows, batches)
    totals = Totals.count(batches, processes)
    sums = Sums()
    with undisturbed(model):
        for batch in batches:
            filled, _ = trainer.with_documents(batch)
            filled = filled.to(model.device)
            sums.add(model(filled), filled, model.config.temperature)
        for batch in idle_batches:
            model(batch.to(model.device))
        samples = _answers(trainer, held_out)
    gathered = sums.gather(processes)
    answered, exact, cover, words = processes.sum(_scores(samples))
    answer_loss = gathered.answer_loss(totals)
    alignment_loss = gathered.alignment_loss(totals)
    return EvaluationMetrics(
        step=trainer.step,
        total_steps=trainer.total_steps,
        stage=trainer.stage,
        rows=totals.rows,
        label_tokens=totals.label_tokens,
        seconds=time.perf_counter() - started,
        loss=answer_loss + model.config.alignment_weight * (alignment_loss or 0.0),
        answer_loss=answer_loss,
        alignment_loss=alignment_loss,
        **gathered.scores.means(),
        answered_rows=int(answered),
        exact_match=exact / answered if answered else None,
        cover_exact_match=cover / answered if answered else None,
        f1=words / answered if answered else None,
        samples=tuple(samples),
    )


def _answers(trainer: TrainingSession, held_out: Feed) -> list[SampleAnswer]:
    """This process's share of the sample answers."""
    options, processes = trainer.options, trainer.processes
    # Sharded, all processes would have to write answers of the same length.
    number = 0 if trainer.is_sharded else min(options.sample_answers, options.evaluation_rows)
    examples = cast("Sequence[Example]", held_out.examples)
    rows = examples[processes.rank : number : processes.world_size]
    at_a_time = trainer.micro_batch_size
    return [
        SampleAnswer(row_id=row.row_id, question=row.question, gold=row.answers, answer=answer)
        for start in range(0, len(rows), at_a_time)
        for row, answer in zip(
            rows[start : start + at_a_time],
            answer_rows(
                trainer.model,
                rows[start : start + at_a_time],
                max_new_tokens=options.sample_answer_tokens,
                cache=trainer.cache,
            ),
            strict=True,
        )
    ]


def _scores(samples: list[SampleAnswer]) -> list[float]:
    """Answers, and the sums of exact match, cover exact match and F1 over them."""
    return [
        float(len(samples)),
        sum(exact_match(sample.answer, sample.gold) for sample in samples),
        sum(cover_exact_match(sample.answer, sample.gold) for sample in samples),
        sum(f1(sample.answer, sample.gold) for sample in samples),
    ]

"""A smaller run of benchmarks/learnability.py: retrieval rises from the answers' loss alone."""

from __future__ import annotations

from benchmarks.learnability import Experiment, run

SMALL = Experiment(
    candidates=8, decoded_below=0.2, instruction_steps=50, end_to_end_steps=200, held_out=128
)


def test_retrieval_is_learnt_without_relevance_labels() -> None:
    outcome = run(seed=0, experiment=SMALL)
    assert outcome.recall_before < 0.3
    assert outcome.recall > 0.6
    assert outcome.match > 0.6
    assert outcome.match_without_documents < 0.2

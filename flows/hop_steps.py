"""The step that has a model write questions over two hops, where a model serves synthesis."""

from __future__ import annotations

from dataclasses import dataclass

from flows.ingest_runner import CALLS_BATCH, StepRunner, batches
from tasks.corpus import Corpus, CorpusPlan
from tasks.jobs import TwoHopsJob
from tasks.two_hops.composer import TwoHopComposer, composer_of
from tasks.two_hops.questions import TwoHops, two_hops_of


@dataclass(frozen=True)
class ComposedHops:
    """Who composed the two-hop questions, and what came of it. Both None: templates do it."""

    composer: TwoHopComposer | None = None
    questions: TwoHops | None = None


def compose_hops(steps: StepRunner, plan: CorpusPlan) -> ComposedHops:
    """Makes the questions that are not in the cache; what is refused joins the rejects.

    Raises ClaraError, and BatchesWaiting where a batch has to answer first.
    """
    endpoint = steps.engines.synthesis.endpoint
    if endpoint is None:
        return ComposedHops()
    from tasks.two_hop_questions import compose_two_hop_questions

    composer = composer_of(endpoint, steps.options.prompts)
    hops = two_hops_of(Corpus(plan, steps.cache), composer)
    with steps.watch.step("two_hops", len(hops.items)) as step:
        missing = steps.missing("two_hops", hops.items, step)
        jobs = [
            TwoHopsJob(
                calls=endpoint,
                prompts=steps.options.prompts,
                pairs=tuple(batch),
                **steps.common(len(batch)),
            )
            for batch in batches(missing, CALLS_BATCH, 1)
        ]
        failed = steps.failures(steps.fan_out(compose_two_hop_questions, step, jobs))
    steps.rejects += hops.rejects(failed)
    return ComposedHops(composer, hops)

"""The endpoints of a run: asked once before they are needed, shared by all steps, and summed up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows.watch import Watch
from tasks.cache import StepCache
from tasks.endpoint.options import EndpointOptions
from tasks.endpoint.spending import StepSpending
from tasks.errors import ClaraError

if TYPE_CHECKING:
    from tasks.endpoint.batch import Batches


class BatchesWaiting(ClaraError):
    """Requests wait in the endpoint's batch interface; the same command collects them later."""


class Calling:
    """What the steps of one run share about the endpoints that they call."""

    def __init__(self, watch: Watch, cache: StepCache, *, fresh: bool, batch_wait_s: float) -> None:
        self._watch, self._cache = watch, cache
        self._fresh, self._batch_wait_s = fresh, batch_wait_s
        self._ready: set[str] = set()
        self._preflights: list[StepSpending] = []
        self._batches: dict[str, Batches] = {}

    def ready(self, endpoint: EndpointOptions) -> None:
        """One small call that shows that the endpoint serves, once a run.

        Raises PreflightFailed.
        """
        if endpoint.need in self._ready:
            return
        from tasks.endpoint.preflight import CapabilityMemory, describe_capabilities, preflight
        from tasks.shared_calls import run, set_capabilities, shared_client

        self._watch.say(f"calling {endpoint.host}, model {endpoint.model}")
        memory = CapabilityMemory(self._cache)
        client = shared_client(endpoint, fresh=self._fresh)
        capabilities = run(
            lambda: preflight(endpoint, memory=memory, on_spent=self._preflights.append)
        )
        run(lambda: client.budget.charge(self._preflights[-1].cost or 0.0))
        set_capabilities(endpoint, capabilities)
        self._watch.say(describe_capabilities(capabilities, endpoint))
        self._ready.add(endpoint.need)

    def collect(self, endpoint: EndpointOptions) -> None:
        """Takes in what the batches of earlier runs have answered by now."""
        from tasks.shared_calls import run, shared_client

        batches = self._batches_of(endpoint)
        collected = run(batches.collect)
        # Asked for by this command, though an earlier run of it submitted them.
        shared_client(endpoint).trust(collected.keys)
        for note in collected.notes:
            self._watch.say(note)

    def submit(self, endpoint: EndpointOptions, *, last: bool = False) -> None:
        """Submits what is pending, and waits for it as long as the run may; not for the `last`.

        Raises BatchesWaiting where answers are still missing then, CostLimitReached.
        """
        from tasks.shared_calls import run, shared_client

        client, batches = shared_client(endpoint), self._batches_of(endpoint)
        pending = dict(client.pending)
        client.pending.clear()
        submitted = run(lambda: batches.submit(pending))
        if submitted.unaffordable:
            self._watch.say(
                f"{submitted.unaffordable:,} calls were not submitted: they could cost more than "
                "is left of --max-cost. A later run of the same command submits them"
            )
        state = run(batches.state)
        if self._batch_wait_s and not last:
            self._watch.say(state.sentence())
            state = run(lambda: batches.wait(self._batch_wait_s))
        if last or state.open or not state.ended:
            raise BatchesWaiting(state.sentence())
        self.collect(endpoint)

    def spending(self) -> tuple[StepSpending, ...]:
        """What was called in this run, by step and model."""
        from tasks.shared_calls import spending

        collected = (entry for b in self._batches.values() for entry in b.spending())
        return (*self._preflights, *spending(), *collected)

    def _batches_of(self, endpoint: EndpointOptions) -> Batches:
        if endpoint.need not in self._batches:
            from tasks.endpoint.batch import Batches
            from tasks.shared_calls import shared_client

            client = shared_client(endpoint)
            self._batches[endpoint.need] = Batches(
                endpoint, client.wire, client.store, client.budget, fresh=self._fresh
            )
        return self._batches[endpoint.need]


def spending_sentence(spending: Sequence[StepSpending], currency: str | None) -> str | None:
    """What a run that stops early says of the calls it made; None where it made none."""
    calls = sum(step.calls for step in spending)
    if not calls:
        return None
    prompt = sum(step.prompt_tokens for step in spending)
    completion = sum(step.completion_tokens for step in spending)
    noun = "call was" if calls == 1 else "calls were"
    text = f"{calls:,} {noun} answered and kept ({prompt:,} tokens in, {completion:,} out"
    costs = [step.cost for step in spending if step.calls]
    if all(cost is not None for cost in costs):
        money = sum(cost for cost in costs if cost is not None)
        text += f", cost {money:,.4f} {currency or ''}".rstrip()
    return text + ")"

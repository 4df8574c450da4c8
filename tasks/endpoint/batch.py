"""Calls through an endpoint's batch interface: submitted by one run, collected by a later one.

    batches = Batches(options, wire, store, budget)
    await batches.collect()             # at the start: what earlier runs submitted and is done
    ...                                 # the engines run; what has no answer becomes pending
    await batches.submit(pending)       # at the end: in no batch twice, whatever died in between
    await batches.wait(seconds)         # until all are done, or the time is up

Answers land in the same store as those of direct calls, so the engines notice no difference.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from tasks.cache import StepCache
from tasks.endpoint.answers import AnswerStore
from tasks.endpoint.batch_collection import Collection, Harvest
from tasks.endpoint.batch_endpoint import BatchEndpoint, UnknownToEndpoint
from tasks.endpoint.batch_ledger import BatchLedger
from tasks.endpoint.batch_records import (
    FINAL_STATUSES,
    BatchEntry,
    BatchState,
    Collected,
    OpenBatch,
    Submitted,
)
from tasks.endpoint.batch_replies import RemoteBatch
from tasks.endpoint.batch_retries import persistently
from tasks.endpoint.batch_submission import BatchLimits, Submission
from tasks.endpoint.budget import Budget, worst_cost
from tasks.endpoint.chat import ChatRequest
from tasks.endpoint.clock import Clock
from tasks.endpoint.failures import EndpointRefused
from tasks.endpoint.options import Capabilities, EndpointOptions
from tasks.endpoint.preflight_memory import CapabilityMemory
from tasks.endpoint.spending import StepSpending
from tasks.endpoint.tally import Tally
from tasks.endpoint.wire import Wire
from tasks.errors import CostLimitReached
from tasks.storage import Location

# OpenAI and DashScope keep results for 30 days: an older batch has nothing left to lose.
_KEPT_S = 30 * 24 * 3600.0


class Batches:
    """The batches of one model at one endpoint. Of the event loop of its wire.

    `fresh`: answers of earlier runs give way to those of batches.
    """

    def __init__(
        self,
        options: EndpointOptions,
        wire: Wire,
        store: AnswerStore,
        budget: Budget | None = None,
        *,
        fresh: bool = False,
        limits: BatchLimits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.options = options
        self._budget = budget
        self._clock = clock or Clock()
        self._endpoint = BatchEndpoint(wire)
        self._ledger = BatchLedger(options.cache_uri, options.base_url, options.model)
        self._submission = Submission(
            self._endpoint, self._ledger, limits or BatchLimits(), self._clock
        )
        self._collection = Collection(self._endpoint, self._ledger, store, self._clock, fresh=fresh)
        self._tally = Tally(options)

    # --- collecting -----------------------------------------------------------------------

    async def collect(self) -> Collected:
        """Asks once for every open batch, and stores the answers of those that ended.

        Raises EndpointRefused where something concerns the whole run (a refused key, a file that
        was refused as a whole), after everything that was answered is stored.
        """
        harvest = Harvest(self._tally)
        async with self._ledger.held():
            await self._submission.find_lost()
            for entry in await self._open_entries():
                try:
                    batch = await self._asked(entry)
                except UnknownToEndpoint:
                    await self._lost(entry, harvest)
                    continue
                if batch.is_final:
                    await self._collection.take_in(entry, batch, harvest)
        if harvest.capabilities is not None:
            await self._remember(harvest.capabilities)
        if harvest.refusal is not None:
            raise harvest.refusal
        return Collected(
            keys=tuple(harvest.keys),
            unanswered=harvest.unanswered,
            notes=tuple(harvest.notes),
        )

    def spending(self) -> tuple[StepSpending, ...]:
        """What this object collected so far, by step: paid for by the runs that submitted it."""
        return self._tally.spending()

    async def _asked(self, entry: BatchEntry) -> RemoteBatch:
        """The batch as it is now, which is remembered. Raises UnknownToEndpoint."""
        batch_id = entry.batch_id or ""
        batch = await persistently(self.options, self._clock, lambda: self._endpoint.get(batch_id))
        if (batch.status, batch.done) != (entry.status, entry.done):
            changed = entry.model_copy(update={"status": batch.status, "done": batch.done})
            await asyncio.to_thread(self._ledger.update, changed)
        return batch

    async def _lost(self, entry: BatchEntry, harvest: Harvest) -> None:
        """A batch that the endpoint does not know: it is old, or another account's."""
        if time.time() - (entry.submitted_at or entry.intended_at) < _KEPT_S:
            harvest.refuse(self._unknown(entry))
            return
        detail = f"{self.options.host} does not know the batch {entry.batch_id} any more"
        await asyncio.to_thread(self._ledger.close, entry, "lost", detail)
        harvest.unanswered += entry.requests
        harvest.notes.append(f"{detail}: its {entry.requests:,} calls are submitted again")

    def _unknown(self, entry: BatchEntry) -> EndpointRefused:
        path = self._ledger.path_of(entry.key)
        return EndpointRefused(
            "request",
            f"{self.options.host} does not know the batch {entry.batch_id}, which holds "
            f"{entry.requests:,} calls that were submitted to it: use the key of the account that "
            f"submitted it, or delete {path} to have them submitted (and paid for) anew",
        )

    async def _remember(self, capabilities: Capabilities) -> None:
        """What the endpoint does not take is left out of the next batch, and of the next run."""
        self._endpoint.wire = self._endpoint.wire.with_capabilities(capabilities)
        memory = CapabilityMemory(StepCache(Location(self.options.cache_uri)))
        await asyncio.to_thread(memory.put, self.options, capabilities)

    # --- submitting -----------------------------------------------------------------------

    async def submit(self, pending: Mapping[str, ChatRequest]) -> Submitted:
        """Submits the requests that no open batch holds, as many of them as may be paid for.

        Raises CostLimitReached where there are some and not one of them fits --max-cost.
        """
        async with self._ledger.held():
            await self._submission.find_lost()
            waiting: set[str] = set()
            for entry in await self._open_entries():
                contents = await asyncio.to_thread(self._ledger.contents, entry.key)
                waiting |= contents.calls.keys() & pending.keys()
            wanted = {key: pending[key] for key in pending if key not in waiting}
            affordable = await self._affordable(wanted)
            batches = await self._submission.submit(affordable)
        return Submitted(
            requests=len(affordable),
            batches=batches,
            waiting=len(waiting),
            unaffordable=len(wanted) - len(affordable),
        )

    async def _affordable(self, wanted: Mapping[str, ChatRequest]) -> dict[str, ChatRequest]:
        """The first ones whose worst case fits the budget, which is charged with it: what they
        cost in truth is known only to the run that collects them."""
        if self._budget is None:
            return dict(wanted)
        affordable: dict[str, ChatRequest] = {}
        for key, request in wanted.items():
            worst = worst_cost(request, self.options)
            try:
                reservation = await self._budget.reserve(worst)
            except CostLimitReached:
                if not affordable:
                    raise
                break
            self._budget.settle(reservation, worst)
            affordable[key] = request
        return affordable

    # --- waiting --------------------------------------------------------------------------

    async def state(self) -> BatchState:
        """What waits at the endpoint, as it was when it was last asked."""
        open_batches: list[OpenBatch] = []
        ended: list[OpenBatch] = []
        for entry in await self._open_entries():
            batch = OpenBatch(
                id=entry.batch_id or "",
                requests=entry.requests,
                done=entry.done,
                status=entry.status,
                submitted_at=entry.submitted_at or entry.intended_at,
            )
            (ended if entry.status in FINAL_STATUSES else open_batches).append(batch)
        return BatchState(host=self.options.host, open=tuple(open_batches), ended=tuple(ended))

    async def wait(
        self,
        seconds: float,
        poll_s: float = 30.0,
        on_state: Callable[[BatchState], None] | None = None,
    ) -> BatchState:
        """Asks again and again until every batch has ended, or the time is up.

        The batches in `ended` are then to be collected. Raises EndpointRefused.
        """
        until = self._clock.now() + seconds
        while True:
            async with self._ledger.held():
                for entry in await self._open_entries():
                    if entry.status not in FINAL_STATUSES:
                        await self._poll(entry)
            state = await self.state()
            if on_state is not None:
                on_state(state)
            left = until - self._clock.now()
            if not state.open or left <= 0:
                return state
            await self._clock.sleep(min(poll_s, left))

    async def _poll(self, entry: BatchEntry) -> None:
        try:
            await self._asked(entry)
        except UnknownToEndpoint:
            raise self._unknown(entry) from None

    async def _open_entries(self) -> list[BatchEntry]:
        """Those that the endpoint has."""
        entries = await asyncio.to_thread(self._ledger.open_entries)
        return [entry for entry in entries if entry.batch_id is not None]

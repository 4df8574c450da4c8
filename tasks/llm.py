"""The client of one endpoint: answers from the store, or calls, made again until they succeed.

An answer is in the store before anyone sees it, so a call is never paid twice, whatever dies. A
failure that concerns every call stops the client: calls under way end and are kept, no new one is
sent.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import NoReturn, TypeVar

from tasks.endpoint import sentences
from tasks.endpoint.adapting import adapted
from tasks.endpoint.answers import AnswerStore, refused_answer, unless_refused
from tasks.endpoint.budget import Budget, worst_cost
from tasks.endpoint.chat import AnswerPending, ChatAnswer, ChatRequest
from tasks.endpoint.clock import Clock
from tasks.endpoint.failures import (
    EndpointRefused,
    ItemRefused,
    ParameterRefused,
    TransientFailure,
)
from tasks.endpoint.limiter import Limiter
from tasks.endpoint.options import Capabilities, EndpointOptions
from tasks.endpoint.patience import Patience
from tasks.endpoint.preflight_probe import probe
from tasks.endpoint.single_flight import SingleFlight
from tasks.endpoint.spending import StepSpending
from tasks.endpoint.tally import Tally
from tasks.endpoint.wire import Wire
from tasks.errors import ClaraError
from tasks.records import Usage

# Threads that read and write the store, which may stand behind a network.
_STORAGE_THREADS = 16
# A stop ends a wait within this time.
_REST_STEP_S = 1.0
# So many items of a step that all fail, with none answered in between, are no fault of the items.
_FAILED_IN_A_ROW = 8
Result = TypeVar("Result")


class LLMClient:
    """An Asker over the network. Of one event loop.

    `fresh` asks anew what earlier runs have answers for; within the run they are used again.
    """

    def __init__(
        self,
        options: EndpointOptions,
        wire: Wire,
        store: AnswerStore,
        limiter: Limiter,
        budget: Budget,
        *,
        fresh: bool = False,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        self.options = options
        self.wire = wire
        self.limiter = limiter
        self.pending: dict[str, ChatRequest] = {}
        self.store = store
        self.budget = budget
        self._fresh = fresh
        self._clock = clock or Clock()
        self._random = random or Random()
        self._tally = Tally(options)
        self._flights: SingleFlight[ChatAnswer] = SingleFlight()
        self._threads = ThreadPoolExecutor(_STORAGE_THREADS, thread_name_prefix="clara-answers")
        self._of_this_run: set[str] = set()
        self._stopped: ClaraError | None = None
        self._tried: list[Capabilities] = []
        self._failed_in_a_row: Counter[str] = Counter()

    # --- asking -------------------------------------------------------------------------------

    async def ask(self, request: ChatRequest) -> ChatAnswer:
        """The answer, from the store where it was paid for before.

        Raises ItemRefused where the endpoint refuses this item, AnswerPending in a batch, and
        EndpointRefused, CostLimitReached or StorageError for what stops the run.
        """
        self._check_stopped()
        key = request.key(self.options.model, self.options.extra_body)
        return await self._flights.do(key, lambda: self._answer(key, request))

    async def _answer(self, key: str, request: ChatRequest) -> ChatAnswer:
        try:
            return await self._stored_or_called(key, request)
        except ClaraError as error:
            self.stop(error)
            raise

    async def _stored_or_called(self, key: str, request: ChatRequest) -> ChatAnswer:
        if not self._fresh or key in self._of_this_run:
            stored = await self._in_thread(lambda: self.store.get(key))
            if stored is not None:
                if key not in self._of_this_run:
                    self._of_this_run.add(key)  # asked for again, it is not reused once more
                    self._tally.reused(request.step)
                return unless_refused(stored)
        if self.options.batch:
            self.pending[key] = request
            raise AnswerPending
        try:
            answer = await self._call(request)
        except ItemRefused as refused:
            if refused.reason == "context_too_long" and not refused.maybe_billed:
                # A server with more room, or another one behind the address, may take it.
                refused.retryable = True
            if not refused.retryable:
                await self._keep(key, refused_answer(refused, self.options.model))
            raise
        await self._keep(key, answer)
        return answer

    async def _keep(self, key: str, answer: ChatAnswer) -> None:
        # Shielded: what was paid for is written even if nobody waits for it any more.
        await asyncio.shield(self._in_thread(lambda: self.store.put(key, answer)))
        self._of_this_run.add(key)

    def _in_thread(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        return asyncio.get_running_loop().run_in_executor(self._threads, work)

    # --- calling ------------------------------------------------------------------------------

    async def _call(self, request: ChatRequest) -> ChatAnswer:
        """Attempts until one succeeds, or patience ends."""
        now = self._clock.now
        patience = Patience(self.options.attempts, self._tally.answers, now(), self._random)
        while True:
            try:
                return await self._attempt(request)
            except TransientFailure as failure:
                patience.count(failure, self._tally.answers, now())
                if patience.is_malformed():
                    raise self._malformed(failure) from failure
                if patience.is_over(failure, now()):
                    await self._give_up(request, failure, patience.failures)
                await self._rest(patience.delay_s(failure))

    async def _attempt(self, request: ChatRequest) -> ChatAnswer:
        """One call, sent again at once where only a parameter had to change."""
        worst = worst_cost(request, self.options)
        async with self.limiter.slot() as slot:
            while True:
                self._check_stopped()
                wire = self.wire
                reservation = await self.budget.reserve(worst)
                charge = 0.0
                try:
                    self._check_stopped()  # waiting for money may take a while
                    # Whatever ends this attempt in the middle, it may have been worked on.
                    charge = worst
                    answer = await self._sent(wire, request)
                    charge = self._charge(answer.usage, True, worst)
                    self._tally.answered(request.step, answer.usage)
                    self._failed_in_a_row[request.step] = 0
                    self.limiter.answered()
                    return answer
                except TransientFailure as failure:
                    charge = self._charge(failure.usage, failure.maybe_billed, worst)
                    self._tally.failed(request.step, failure.usage)
                    if failure.limited:
                        self.limiter.objected(slot, failure.retry_after_s)
                    raise
                except ItemRefused as refused:
                    charge = self._charge(refused.usage, refused.maybe_billed, worst)
                    if refused.maybe_billed:
                        self._tally.answered(request.step, refused.usage)
                    self.limiter.answered()
                    raise
                except ParameterRefused as refused:
                    charge = 0.0
                    self._adapt(wire, refused)
                except EndpointRefused:
                    charge = 0.0
                    raise
                finally:
                    self.budget.settle(reservation, charge)

    async def _sent(self, wire: Wire, request: ChatRequest) -> ChatAnswer:
        self._tally.sent(1)
        try:
            return await wire.send(request)
        finally:
            self._tally.sent(-1)

    def _charge(self, usage: Usage | None, maybe_billed: bool, worst: float) -> float:
        if usage is not None:
            return self._tally.cost(usage)
        return worst if maybe_billed else 0.0

    def _adapt(self, used: Wire, refused: ParameterRefused) -> None:
        """Changes what is sent from now on. Raises EndpointRefused where nothing is left."""
        if self.wire.capabilities != used.capabilities:
            return  # another call has found it out in the meantime
        capabilities = adapted(used.capabilities, refused)
        if capabilities is None or capabilities in self._tried:
            said = refused.detail
            raise EndpointRefused("request", sentences.request_refused(self.options, 400, said))
        self._tried.append(used.capabilities)
        self.wire = used.with_capabilities(capabilities)

    def _malformed(self, failure: TransientFailure) -> ItemRefused:
        detail = f"{self.options.model} did not answer with the JSON asked for: {failure.detail}"
        return ItemRefused("answer_malformed", detail, usage=failure.usage)

    # --- giving up ----------------------------------------------------------------------------

    async def _give_up(
        self, request: ChatRequest, failure: TransientFailure, attempts: int
    ) -> NoReturn:
        """Raises what an unsuccessful call means: the item's failure, or the endpoint's."""
        if failure.limited:
            sentence = sentences.limited_for_ever(self.options, attempts, failure.detail)
            raise EndpointRefused("unavailable", sentence) from failure
        if failure.kind == "unreachable":
            sentence = sentences.unreachable(self.options, attempts, failure.detail)
            raise EndpointRefused("unreachable", sentence) from failure
        self._failed_in_a_row[request.step] += 1
        hopeless = self._failed_in_a_row[request.step] >= _FAILED_IN_A_ROW
        if not hopeless and await self._shows_life():
            detail = (
                f"{self.options.host} failed on it {attempts} times, though it answers others: "
                f"{failure.detail}"
            )
            raise ItemRefused("call_failed", detail, retryable=True) from failure
        sentence = sentences.unavailable(self.options, attempts, failure.detail)
        raise EndpointRefused("unavailable", sentence) from failure

    async def _shows_life(self) -> bool:
        """Whether the endpoint answers a tiny call: then the fault lies in the item.

        Without this one item that crashes the server would stop every run of the same command.
        """
        tiny = probe(self.options.need, self.wire.capabilities.structured)
        try:
            await self._attempt(tiny)
        except TransientFailure as failure:
            # Words that are no JSON are a sign of life, too.
            return failure.kind in ("malformed_json", "empty")
        except ItemRefused:
            return True  # an answer that was cut off is one
        return True

    # --- stopping -----------------------------------------------------------------------------

    def stop(self, error: ClaraError) -> None:
        """From now on every `ask` raises this error; calls under way end and are kept."""
        if self._stopped is None:
            self._stopped = error
            self.limiter.resume()

    def _check_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped.with_traceback(None)

    async def _rest(self, seconds: float) -> None:
        until = self._clock.now() + seconds
        while self._stopped is None and (left := until - self._clock.now()) > 0:
            await self._clock.sleep(min(left, _REST_STEP_S))

    async def close(self) -> None:
        """Waits for what is being stored, and closes the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        await self.wire.close()

    # --- watching -----------------------------------------------------------------------------

    def trust(self, keys: Iterable[str]) -> None:
        """Counts stored answers as of this run: a batch's, collected before they are asked for."""
        self._of_this_run.update(keys)

    def spending(self) -> tuple[StepSpending, ...]:
        return self._tally.spending()

    @property
    def under_way(self) -> int:
        """Calls that were sent and are not answered."""
        return self._tally.under_way

    @property
    def retried(self) -> int:
        """Attempts that failed and were made again."""
        return self._tally.retried

    @property
    def on_change(self) -> Callable[[], None] | None:
        return self._tally.on_change

    @on_change.setter
    def on_change(self, listener: Callable[[], None] | None) -> None:
        self._tally.on_change = listener

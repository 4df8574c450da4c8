"""One small call to each configured model before the run: does it serve, and what does it take?

Normally it is exactly one call: what was found out is remembered, and the next run's call only
confirms it. Whatever stands in the way is a PreflightFailed that says what to change; it comes
before any document is opened, and holds no key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from tasks.endpoint import preflight_sentences as say
from tasks.endpoint.adapting import adapted
from tasks.endpoint.api_keys import api_key_for
from tasks.endpoint.chat import ChatAnswer
from tasks.endpoint.failures import (
    EndpointRefused,
    ItemRefused,
    ParameterRefused,
    TransientFailure,
)
from tasks.endpoint.options import Capabilities, EndpointOptions
from tasks.endpoint.preflight_memory import CapabilityMemory
from tasks.endpoint.preflight_probe import STEP, probe, says_it_sees_nothing, weaker
from tasks.endpoint.spending import StepSpending
from tasks.endpoint.wire import Wire
from tasks.errors import PreflightFailed
from tasks.records import Usage

__all__ = ["CapabilityMemory", "describe_capabilities", "preflight"]

# A model that has to be loaded first may take this long to say its first word.
_LONGEST_CALL_S = 120.0
_LONGEST_WAIT_S = 20.0
_FIRST_WAIT_S = 0.5


async def preflight(
    endpoint: EndpointOptions,
    *,
    memory: CapabilityMemory,
    attempts: int = 5,
    on_spent: Callable[[StepSpending], None] | None = None,
) -> Capabilities:
    """What the endpoint takes, found out by asking it. Raises PreflightFailed.

    `attempts` is how often a failure that may pass is tried again; `on_spent` is told what the
    calls used, whether they led anywhere or not.
    """
    key = api_key_for(endpoint)
    remembered = await asyncio.to_thread(memory.get, endpoint)
    brief = endpoint.model_copy(update={"timeout_s": min(endpoint.timeout_s, _LONGEST_CALL_S)})
    wire = Wire(brief, key, remembered or Capabilities())
    asking = _Asking(wire=wire, attempts=attempts, key=key)
    try:
        sentence = await asking.until_answered()
    finally:
        await wire.close()
        if on_spent is not None:
            on_spent(asking.spending())
    # Raised here, outside every `except`: no request with its headers hangs on the exception.
    if sentence is not None:
        raise PreflightFailed(sentence)
    if asking.certain and asking.capabilities != remembered:
        await asyncio.to_thread(memory.put, endpoint, asking.capabilities)
    return asking.capabilities


def describe_capabilities(capabilities: Capabilities, endpoint: EndpointOptions) -> str:
    """One line for a person: the model, where it is, and how it is asked."""
    how = "takes pictures"
    if endpoint.need == "text":
        how = {
            "json_schema": "answers as json_schema",
            "json_object": "answers as json_object",
            "text": "answers with JSON in its text",
        }[capabilities.structured]
    notes = [how]
    if capabilities.token_parameter != "max_tokens":
        notes.append(f"limited by {capabilities.token_parameter}")
    if not capabilities.takes_temperature:
        notes.append("at its own temperature")
    return f"{endpoint.model} at {endpoint.host}: {', '.join(notes)}"


@dataclass
class _Asking:
    """The calls of one preflight, and what they have shown so far."""

    wire: Wire
    attempts: int
    key: str | None
    capabilities: Capabilities = field(init=False)
    certain: bool = False
    _failed: int = 0
    _calls: int = 0
    _again: int = 0
    _used: list[Usage] = field(default_factory=list)
    _tried: set[Capabilities] = field(default_factory=set)
    _request_refused: EndpointRefused | None = None

    def __post_init__(self) -> None:
        self.capabilities = self.wire.capabilities

    @property
    def options(self) -> EndpointOptions:
        return self.wire.options

    async def until_answered(self) -> str | None:
        """Asks until there is an answer (None) or nothing left to try: the sentence that says why.

        Ends: each round counts a failure, or changes the capabilities to some not tried before.
        """
        while True:
            self._tried.add(self.capabilities)
            try:
                answer = await self._send()
            except TransientFailure as failure:
                self._count(failure.usage)
                wait_s = self._after(failure)
                if wait_s is None:
                    if failure.limited:
                        return None  # it is there, and the run's own client has more patience
                    return await say.given_up(self.options, failure, self._again, self.key)
                await asyncio.sleep(wait_s)
            except ParameterRefused as refused:
                if not self._change(adapted(self.capabilities, refused)):
                    return say.parameter_refused(self.options, refused.parameter, refused.detail)
            except ItemRefused as refused:
                self._count(refused.usage)
                if refused.reason in ("answer_too_long", "content_refused"):
                    return None  # reached, though what it takes is not certain
                return say.item_refused(self.options, refused)
            except EndpointRefused as refused:
                if refused.kind == "request" and self._ask_for_json_otherwise():
                    self._request_refused = self._request_refused or refused
                    continue
                if refused.kind == "request":
                    refused = self._request_refused or refused
                return await say.refused(self.options, refused, self.key)
            else:
                self._count(answer.usage, answered=True)
                if self.options.need == "vision" and says_it_sees_nothing(answer.text):
                    return say.sees_nothing(self.options)
                self.certain = True
                return None

    def spending(self) -> StepSpending:
        prompt = sum(usage.prompt_tokens for usage in self._used)
        completion = sum(usage.completion_tokens for usage in self._used)
        prices = self.options.prices
        return StepSpending(
            step=STEP,
            need=self.options.need,
            model=self.options.model,
            calls=self._calls,
            failed_attempts=self._again,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost=prices.cost(prompt, completion) if prices is not None else None,
        )

    async def _send(self) -> ChatAnswer:
        request = probe(self.options.need, self.capabilities.structured)
        return await self.wire.with_capabilities(self.capabilities).send(request)

    def _after(self, failure: TransientFailure) -> float | None:
        """Seconds to wait before the next attempt; None where there is none."""
        if failure.kind == "malformed_json" and self.capabilities.structured == "json_schema":
            # Taken and ignored: asking again would show the same.
            return 0.0 if self._ask_for_json_otherwise() else None
        self._again += 1
        # Who is not there now will hardly be there in a second, and a timeout has waited already.
        self._failed += 2 if failure.kind == "unreachable" else 1
        if failure.kind == "timeout":
            self._failed = max(self._failed, self.attempts - 1)
        answered = failure.kind in ("malformed_json", "empty")
        if self._failed < self.attempts:
            pause = 0.0 if answered else _FIRST_WAIT_S * 2 ** (self._again - 1)
            asked_for = failure.retry_after_s
            return min(pause if asked_for is None else asked_for, _LONGEST_WAIT_S)
        if answered and self._ask_for_json_otherwise():
            self._failed = 0
            return 0.0
        return None

    def _ask_for_json_otherwise(self) -> bool:
        return self.options.need == "text" and self._change(weaker(self.capabilities))

    def _change(self, capabilities: Capabilities | None) -> bool:
        """Whether there is something left that was not tried."""
        if capabilities is None or capabilities in self._tried:
            return False
        self.capabilities = capabilities
        return True

    def _count(self, usage: Usage | None, *, answered: bool = False) -> None:
        """A call that led nowhere counts where the endpoint says that it worked on it."""
        if answered or usage is not None:
            self._calls += 1
        if usage is not None:
            self._used.append(usage)

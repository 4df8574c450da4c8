"""How a batch that ended becomes stored answers.

Every answer is stored before the batch is closed in the ledger: a run that dies in between
collects it again, which costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.endpoint.adapting import adapted
from tasks.endpoint.answers import AnswerStore, refused_answer
from tasks.endpoint.batch_endpoint import BatchEndpoint, UnknownToEndpoint
from tasks.endpoint.batch_files import MAX_LINES, is_whole, read_lines, scratch_folder
from tasks.endpoint.batch_ledger import BatchLedger
from tasks.endpoint.batch_records import BatchContents, BatchEntry
from tasks.endpoint.batch_replies import RemoteBatch
from tasks.endpoint.batch_results import answer_of_line
from tasks.endpoint.batch_retries import persistently
from tasks.endpoint.chat import ChatAnswer, ChatRequest
from tasks.endpoint.clock import Clock
from tasks.endpoint.failures import (
    EndpointRefused,
    ItemRefused,
    ParameterRefused,
    TransientFailure,
)
from tasks.endpoint.options import Capabilities
from tasks.endpoint.patience import MALFORMED_ATTEMPTS
from tasks.endpoint.tally import Tally

_LINES_AT_ONCE = 128
_DOWNLOADS = 3


@dataclass
class Harvest:
    """What collecting has brought in so far."""

    tally: Tally
    keys: list[str] = field(default_factory=list)
    unanswered: int = 0
    notes: list[str] = field(default_factory=list)
    refusal: EndpointRefused | None = None
    capabilities: Capabilities | None = None

    def refuse(self, error: EndpointRefused) -> None:
        """Remembers why the run must stop, once everything is stored: the first reason."""
        if self.refusal is None:
            self.refusal = error


class Collection:
    """Takes in batches that ended, one after another, while the ledger is held.

    `fresh`: answers of earlier runs give way to those of a batch.
    """

    def __init__(
        self,
        endpoint: BatchEndpoint,
        ledger: BatchLedger,
        store: AnswerStore,
        clock: Clock,
        *,
        fresh: bool,
    ) -> None:
        self._endpoint = endpoint
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._fresh = fresh

    async def take_in(self, entry: BatchEntry, batch: RemoteBatch, harvest: Harvest) -> None:
        """Stores what a batch of any final status has brought, and closes it."""
        contents = await asyncio.to_thread(self._ledger.contents, entry.key)
        left = dict.fromkeys(contents.calls)
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id is not None:
                await self._take_file(file_id, contents, left, harvest)
        harvest.unanswered += len(left)
        if batch.status == "failed" and (batch.errors or len(left) == entry.requests):
            await self._close_failed(entry, batch, harvest)
            return
        if left:
            harvest.notes.append(
                f"{len(left):,} of {entry.requests:,} calls of {batch.id} ({batch.status}) were "
                "not answered: they are submitted again"
            )
        await asyncio.to_thread(self._ledger.close, entry, "collected", None)
        room = await asyncio.to_thread(self._ledger.line_limit)
        if room is not None and entry.requests >= room:
            # It fitted: the next one may be larger again.
            more = room * 2 if room * 2 < MAX_LINES else None
            await asyncio.to_thread(self._ledger.set_line_limit, more)

    # --- a batch that was refused as a whole ------------------------------------------------

    async def _close_failed(self, entry: BatchEntry, batch: RemoteBatch, harvest: Harvest) -> None:
        refusal = self._endpoint.refused_whole(batch, entry.requests)
        if not _has_no_room(batch):
            await asyncio.to_thread(self._ledger.close, entry, "refused", str(refusal))
            harvest.refuse(refusal)
            return
        await asyncio.to_thread(self._ledger.close, entry, "too_many", str(refusal))
        if entry.requests == 1 and not await asyncio.to_thread(self._ledger.open_entries):
            harvest.refuse(refusal)  # nothing of ours is in the way, and less cannot be sent
            return
        room = max(1, entry.requests // 2)
        await asyncio.to_thread(self._ledger.set_line_limit, room)
        harvest.notes.append(
            f"{self._endpoint.options.host} had no room for the {entry.requests:,} calls of "
            f"{batch.id}: they are submitted again in batches of at most {room:,}"
        )

    # --- a file of results --------------------------------------------------------------------

    async def _take_file(
        self, file_id: str, contents: BatchContents, left: dict[str, None], harvest: Harvest
    ) -> None:
        with scratch_folder() as folder:
            path = folder / "results.jsonl"
            try:
                await self._download(file_id, path)
            except UnknownToEndpoint:
                harvest.notes.append(
                    f"{self._endpoint.options.host} does not have the file {file_id} any more"
                )
                return
            lines = read_lines(path)
            while some := await asyncio.to_thread(_next_lines, lines):
                await self._take_lines(some, contents, left, harvest)

    async def _download(self, file_id: str, path: Path) -> None:
        """A whole file: one with a broken line is fetched again, then taken as it is."""
        for _attempt in range(_DOWNLOADS):
            await persistently(
                self._endpoint.options,
                self._clock,
                lambda: self._endpoint.download(file_id, path),
            )
            if await asyncio.to_thread(is_whole, path):
                return

    async def _take_lines(
        self,
        lines: list[dict[str, Any]],
        contents: BatchContents,
        left: dict[str, None],
        harvest: Harvest,
    ) -> None:
        found: dict[str, ChatAnswer] = {}
        missed: dict[str, TransientFailure] = {}
        for line in lines:
            key = line.get("custom_id")
            request = contents.request(key) if isinstance(key, str) else None
            if request is None or key not in left or key in found:
                continue  # not ours, or told before
            outcome = self._outcome(line, request, contents.capabilities, harvest)
            if isinstance(outcome, ChatAnswer):
                found[key] = outcome
            elif outcome is not None:
                missed[key] = outcome
        found |= await self._given_up(missed)
        kept = (asyncio.to_thread(self._keep, key, answer) for key, answer in found.items())
        await asyncio.gather(*kept)
        await asyncio.to_thread(self._ledger.forget_unusable, found)
        for key in found:
            del left[key]
            harvest.keys.append(key)

    def _outcome(
        self,
        line: dict[str, Any],
        request: ChatRequest,
        capabilities: Capabilities,
        harvest: Harvest,
    ) -> ChatAnswer | TransientFailure | None:
        """The answer to store, or why there is none; None where the whole run is concerned."""
        wire = self._endpoint.wire.with_capabilities(capabilities)
        try:
            answer = answer_of_line(line, request, wire)
        except TransientFailure as failure:
            harvest.tally.failed(request.step, failure.usage)
            return failure
        except ItemRefused as refused:
            if refused.maybe_billed:
                harvest.tally.answered(request.step, refused.usage)
            return refused_answer(refused, wire.options.model)
        except ParameterRefused as refused:
            self._adapt(capabilities, refused, harvest)
            return None
        except EndpointRefused as error:
            harvest.refuse(error)
            return None
        harvest.tally.answered(request.step, answer.usage)
        return answer

    def _adapt(self, used: Capabilities, refused: ParameterRefused, harvest: Harvest) -> None:
        """Changes what the next batch sends, where no one has found it out since."""
        if self._endpoint.wire.capabilities != used or harvest.capabilities is not None:
            return
        harvest.capabilities = adapted(used, refused)
        if harvest.capabilities is None:
            harvest.refuse(self._endpoint.refused_parameter(refused))

    async def _given_up(self, missed: dict[str, TransientFailure]) -> dict[str, ChatAnswer]:
        """Refusals for calls that ran too often without a usable answer.

        Were a line that always fails submitted for ever, there would never be a data set.
        """
        unusable = {key: f for key, f in missed.items() if f.kind != "never_ran"}
        if not unusable:
            return {}
        model = self._endpoint.options.model
        counts = await asyncio.to_thread(self._ledger.count_unusable, unusable)
        return {
            key: refused_answer(_unusable(failure, model), model)
            for key, failure in unusable.items()
            if counts[key] >= MALFORMED_ATTEMPTS
        }

    def _keep(self, key: str, answer: ChatAnswer) -> None:
        if self._fresh or self._store.get(key) is None:
            self._store.put(key, answer)


def _unusable(failure: TransientFailure, model: str) -> ItemRefused:
    detail = f"{model} gave no usable answer {MALFORMED_ATTEMPTS} times: {failure.detail}"
    malformed = failure.kind == "malformed_json"
    return ItemRefused("answer_malformed" if malformed else "call_failed", detail)


def _has_no_room(batch: RemoteBatch) -> bool:
    """Whether fewer calls at once would be taken."""
    return any(
        code == "token_limit_exceeded" or "enqueued token" in message.lower()
        for code, message in batch.errors
    )


def _next_lines(lines: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return list(islice(lines, _LINES_AT_ONCE))

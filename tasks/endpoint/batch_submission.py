"""How requests become batches, so that none is ever submitted twice.

Before each call that the endpoint may remember, the ledger is told. What an earlier run left
half done is first looked up at the endpoint, then continued where it stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import TypeVar

from pydantic import Field

from tasks.endpoint.batch_endpoint import BatchEndpoint, FileNotKnownYet
from tasks.endpoint.batch_files import (
    MAX_BYTES,
    MAX_LINES,
    InputFile,
    scratch_folder,
    write_input_files,
)
from tasks.endpoint.batch_ledger import BatchLedger
from tasks.endpoint.batch_records import BatchContents, BatchEntry
from tasks.endpoint.batch_replies import RemoteBatch
from tasks.endpoint.batch_retries import persistently, rest_or_give_up
from tasks.endpoint.chat import ChatRequest
from tasks.endpoint.clock import Clock
from tasks.endpoint.failures import EndpointRefused, TransientFailure
from tasks.endpoint.patience import Patience
from tasks.records import Record

# Uploaded files are deleted after a month or so, or by hand.
_FILE_TRUSTED_S = 24 * 3600.0

Answer = TypeVar("Answer")


class BatchLimits(Record):
    """What a file may hold, and how long an endpoint may take to list what it was given."""

    max_lines: int = Field(default=MAX_LINES, ge=1)
    max_bytes: int = Field(default=MAX_BYTES, ge=1)
    listing_lag_s: float = Field(default=30.0, ge=0)


class Submission:
    """Submits files, one after another, while the ledger is held."""

    def __init__(
        self, endpoint: BatchEndpoint, ledger: BatchLedger, limits: BatchLimits, clock: Clock
    ) -> None:
        self._endpoint = endpoint
        self._ledger = ledger
        self._limits = limits
        self._clock = clock
        self._writer = f"{time.time_ns():x}{Random().getrandbits(64):016x}"

    async def find_lost(self) -> None:
        """Finds the batches that were sent by a run that died before it heard of them."""
        for entry in await asyncio.to_thread(self._ledger.open_entries):
            if entry.batch_id is None and entry.create_sent_at is not None:
                found = await self._find(entry)
                if found is None:
                    await self._save(entry, create_sent_at=None)

    async def submit(self, requests: Mapping[str, ChatRequest]) -> int:
        """Submits all of them in as many batches as it takes; how many that are.

        What was written down and never sent is forgotten where it is not asked for any more.
        """
        room = await asyncio.to_thread(self._ledger.line_limit)
        max_lines = min(self._limits.max_lines, room or self._limits.max_lines)
        submitted: set[str] = set()
        with scratch_folder() as folder:
            files = write_input_files(
                folder,
                requests,
                self._endpoint.wire.body,
                max_lines=max_lines,
                max_bytes=self._limits.max_bytes,
            )
            while (file := await asyncio.to_thread(next, files, None)) is not None:
                contents = BatchContents.of(
                    {key: requests[key] for key in file.keys}, self._endpoint.wire.capabilities
                )
                submitted.add(await self._submit_file(file, contents))
                file.path.unlink()
        for entry in await asyncio.to_thread(self._ledger.open_entries):
            if entry.batch_id is None and entry.key not in submitted:
                await asyncio.to_thread(self._ledger.forget, entry)
        return len(submitted)

    async def _submit_file(self, file: InputFile, contents: BatchContents) -> str:
        key = await asyncio.to_thread(self._ledger.new_key, file.keys)
        known = await asyncio.to_thread(self._ledger.entry, key)
        if known and known.batch_id is not None:
            return key  # a run on another machine was faster
        entry = BatchEntry(
            key=key,
            requests=len(file.keys),
            writer=self._writer,
            intended_at=time.time(),
            file_id=await self._usable_file(known, contents) if known else None,
        )
        await asyncio.to_thread(self._ledger.intend, entry, contents)
        if entry.file_id is None:
            file_id = await self._upload(file, key, may_be_there=known is not None)
            entry = await self._save(entry, file_id=file_id)
        await self._create(entry)
        return key

    async def _usable_file(self, known: BatchEntry, contents: BatchContents) -> str | None:
        """The file that an earlier run uploaded for the same lines, unless it may be gone."""
        if time.time() - known.intended_at > _FILE_TRUSTED_S:
            return None
        uploaded = await asyncio.to_thread(self._ledger.contents, known.key)
        return known.file_id if uploaded == contents else None

    # --- the file -------------------------------------------------------------------------

    async def _upload(self, file: InputFile, key: str, *, may_be_there: bool) -> str:
        """Uploads it, unless the endpoint has it from an attempt whose answer was lost."""
        name = f"clara-{key}.jsonl"
        size = file.path.stat().st_size
        patience = Patience(self._endpoint.options.attempts, 0, self._clock.now(), Random())
        while True:
            if may_be_there and (found := await self._find_file(name, size)) is not None:
                return found
            try:
                return await self._endpoint.upload(file.path, name)
            except TransientFailure as failure:
                may_be_there = _may_have_arrived(failure)
                await rest_or_give_up(self._endpoint.options, self._clock, patience, failure)

    async def _find_file(self, name: str, size: int) -> str | None:
        try:
            return await self._persistently(lambda: self._endpoint.find_file(name, size))
        except EndpointRefused as error:
            if error.kind != "path":
                raise
            return None  # an endpoint without a list of files: a file costs nothing

    # --- the batch ------------------------------------------------------------------------

    async def _create(self, entry: BatchEntry) -> None:
        assert entry.file_id is not None
        file_id = entry.file_id
        patience = Patience(self._endpoint.options.attempts, 0, self._clock.now(), Random())
        while await self._is_still_ours(entry):
            entry = await self._save(entry, create_sent_at=time.time())
            try:
                batch = await self._endpoint.create(file_id, entry.key)
                await self._adopt(entry, batch)
                return
            except TransientFailure as failure:
                if _may_have_arrived(failure) and await self._find(entry) is not None:
                    return
                entry = await self._save(entry, create_sent_at=None)
                await rest_or_give_up(self._endpoint.options, self._clock, patience, failure)
            except EndpointRefused:
                await self._save(entry, create_sent_at=None)
                raise

    async def _is_still_ours(self, entry: BatchEntry) -> bool:
        """Whether no run on another machine has taken this entry over in the meantime."""
        now = await asyncio.to_thread(self._ledger.entry, entry.key)
        return now is not None and now.writer == entry.writer and now.batch_id is None

    async def _find(self, entry: BatchEntry) -> RemoteBatch | None:
        """The batch whose creation was sent, if it ever arrived; it is adopted.

        An endpoint may take a moment to list what it was given.
        """
        assert entry.file_id is not None and entry.create_sent_at is not None
        file_id = entry.file_id
        age = max(0.0, time.time() - entry.create_sent_at)
        until = self._clock.now() + max(0.0, self._limits.listing_lag_s - age)
        while True:
            is_last = self._clock.now() >= until
            found = await self._persistently(lambda: self._endpoint.find_batch(file_id, entry.key))
            if found is not None:
                await self._adopt(entry, found)
            if found is not None or is_last:
                return found
            await self._clock.sleep(max(0.05, min(2.0, until - self._clock.now())))

    async def _adopt(self, entry: BatchEntry, batch: RemoteBatch) -> None:
        """Writes down which batch it became, whoever holds the entry by now."""
        changes = {
            "batch_id": batch.id,
            "submitted_at": batch.created_at or time.time(),
            "status": batch.status,
            "done": batch.done,
        }
        await self._write(entry.model_copy(update=changes))

    async def _save(self, entry: BatchEntry, **changes: object) -> BatchEntry:
        """The entry as it is now; written down unless another machine has taken it over."""
        changed = entry.model_copy(update=changes)
        if await self._is_still_ours(entry):
            await self._write(changed)
        return changed

    async def _write(self, entry: BatchEntry) -> None:
        # Shielded: what the endpoint told is written down even if nobody waits for it any more.
        await asyncio.shield(asyncio.to_thread(self._ledger.save, entry))

    async def _persistently(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        return await persistently(self._endpoint.options, self._clock, call)


def _may_have_arrived(failure: TransientFailure) -> bool:
    """Whether the endpoint may have done what it was asked, though it did not say so."""
    if isinstance(failure, FileNotKnownYet):
        return False
    return failure.kind != "unreachable" and not failure.limited

"""What was submitted to an endpoint's batch interface: a file for each batch, in the cache.

The ledger is what keeps a call from being paid twice, so it is written before the endpoint is
asked, forced to the disk, and never guessed at: an entry that cannot be read stops the run.
Layout, below `batches/<endpoint and model>/`:

    open/<key>.json       the entry, until its answers are collected
    contents/<key>.json   the requests that it holds, for as long as it is open
    closed/<key>.json     the entry as it ended
    line_limit.json       how many calls the endpoint had room for, once it had not enough
    unusable.json         how often calls were answered with nothing usable
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from pydantic import Field, ValidationError

from tasks.cache import content_key
from tasks.endpoint.batch_records import BatchContents, BatchEntry, Outcome
from tasks.errors import ClaraError
from tasks.records import Record
from tasks.storage import Location

_LOCK_POLL_S = 0.5
_SUFFIX = ".json"

Stored = TypeVar("Stored", bound=Record)


class LedgerDamaged(ClaraError):
    """What was submitted cannot be read: to go on might pay for it again."""


class _LineLimit(Record):
    lines: int


class _Unusable(Record):
    counts: dict[str, int] = Field(default_factory=dict, description="by request key")


class BatchLedger:
    """The batches of one model behind one address, shared by all runs that share the cache."""

    def __init__(self, cache_uri: str, base_url: str, model: str) -> None:
        self.scope = content_key("batches", 1, base_url=base_url.rstrip("/"), model=model)[:16]
        self.location = Location(cache_uri) / "batches" / self.scope
        self._open = self.location / "open"
        self._closed = self.location / "closed"
        self._contents = self.location / "contents"

    # --- entries --------------------------------------------------------------------------

    def new_key(self, request_keys: Iterable[str]) -> str:
        """Name of a batch of these requests: the same for the same ones, until it is closed."""
        content = content_key("batch", 1, scope=self.scope, keys=sorted(request_keys))[:40]
        ended = sum(1 for name in self._closed.names() if name.startswith(content))
        return f"{content}-{ended}"

    def open_entries(self) -> list[BatchEntry]:
        """Oldest first."""
        names = [name for name in self._open.names() if name.endswith(_SUFFIX)]
        entries = (self.entry(name.removesuffix(_SUFFIX)) for name in names)
        return sorted((entry for entry in entries if entry), key=lambda e: (e.intended_at, e.key))

    def entry(self, key: str) -> BatchEntry | None:
        """An open entry; None where it was closed, by another run perhaps."""
        return self._read(self._open, key, BatchEntry)

    def contents(self, key: str) -> BatchContents:
        contents = self._read(self._contents, key, BatchContents)
        if contents is None:
            raise _damaged(self._contents.uri(key + _SUFFIX), "is missing", self.path_of(key))
        return contents

    def intend(self, entry: BatchEntry, contents: BatchContents) -> None:
        """Writes down what is about to be submitted. The contents come first: an entry is
        never without them."""
        self._write(self._contents, entry.key, contents)
        self.save(entry)

    def save(self, entry: BatchEntry) -> None:
        self._write(self._open, entry.key, entry)

    def update(self, entry: BatchEntry) -> None:
        """Saves it, unless another run has closed it in the meantime."""
        if self.entry(entry.key) is not None:
            self.save(entry)

    def close(self, entry: BatchEntry, outcome: Outcome, detail: str | None = None) -> None:
        """The same command may submit its requests anew from here on."""
        ended = entry.model_copy(update={"outcome": outcome, "detail": detail})
        self._write(self._closed, entry.key, ended)
        self.forget(entry)

    def forget(self, entry: BatchEntry) -> None:
        """Removes an entry that the endpoint knows nothing of, or that is closed."""
        self._open.remove(entry.key + _SUFFIX)
        self._contents.remove(entry.key + _SUFFIX)

    def path_of(self, key: str) -> str:
        """Where an open entry stands, for messages."""
        return self._open.uri(key + _SUFFIX)

    # --- how much fits ----------------------------------------------------------------------

    def line_limit(self) -> int | None:
        """Calls that a batch may have, where the endpoint once had no room for more."""
        limit = self._read(self.location, "line_limit", _LineLimit)
        return limit.lines if limit else None

    def set_line_limit(self, lines: int | None) -> None:
        if lines is None:
            self.location.remove("line_limit" + _SUFFIX)
        else:
            self._write(self.location, "line_limit", _LineLimit(lines=lines))

    # --- answers that were none ---------------------------------------------------------------

    def count_unusable(self, keys: Iterable[str]) -> dict[str, int]:
        """How often each of these requests was answered with nothing usable, this time included."""
        stored = self._read(self.location, "unusable", _Unusable) or _Unusable()
        counts = {key: stored.counts.get(key, 0) + 1 for key in keys}
        self._write(self.location, "unusable", _Unusable(counts={**stored.counts, **counts}))
        return counts

    def forget_unusable(self, keys: Iterable[str]) -> None:
        """Their time is over: answered, or refused for good."""
        stored = self._read(self.location, "unusable", _Unusable)
        if stored is None:
            return
        left = stored.counts.keys() - set(keys)
        if len(left) < len(stored.counts):
            counts = {key: stored.counts[key] for key in sorted(left)}
            self._write(self.location, "unusable", _Unusable(counts=counts))

    # --- one run at a time --------------------------------------------------------------------

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """One run of this machine at a time; the system frees it when a run is killed.

        Storage that other machines share has no lock: there an entry's `writer` decides.
        """
        if not self.location.is_local:
            yield
            return
        from filelock import FileLock, Timeout

        self.location.make()
        lock = FileLock(self.location.path("lock"), thread_local=False)
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                await asyncio.sleep(_LOCK_POLL_S)
        try:
            yield
        finally:
            lock.release()

    # --- files --------------------------------------------------------------------------------

    def _read(self, folder: Location, key: str, model: type[Stored]) -> Stored | None:
        name = key + _SUFFIX
        try:
            return model.model_validate_json(folder.read_bytes(name))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise _damaged(folder.uri(name), "cannot be read", folder.uri(name)) from error

    @staticmethod
    def _write(folder: Location, key: str, record: Record) -> None:
        folder.write_bytes(key + _SUFFIX, record.model_dump_json().encode("utf-8"))


def _damaged(path: str, what: str, remedy: str) -> LedgerDamaged:
    return LedgerDamaged(
        f"{path} {what}, and it says which calls were submitted as a batch: look at the batches "
        f"in the provider's console, and delete {remedy} to have those calls submitted anew"
    )

"""Hashes of remote files, remembered by what a listing says, so that nothing is read twice.

An object that has the size, the ETag and the time that it had when it was hashed is the same
object. What is remembered stands in the cache as one compressed file a place: losing it costs a
pass over the files, and nothing else.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tasks.errors import StorageRefused
from tasks.storage import Location

_READERS = 8
_SMALL_BYTES = 8 << 20
_TELLING = ("size", "ETag", "LastModified")

Measured = tuple[int, str]
"""Bytes and sha256."""


class KnownHashes:
    """What is known of the files of one remote place. `keep` writes it down."""

    def __init__(self, place: Location, cache: Location) -> None:
        self.place, self._cache = place, cache
        digest = hashlib.sha256(place.uri().encode()).hexdigest()
        self._name = f"hashes/{digest[:16]}.json.gz"
        self._known = self._load()
        self._seen: dict[str, list[str]] = {}

    def measure(
        self, infos: Mapping[str, Mapping[str, Any]]
    ) -> Iterator[tuple[str, Measured | Exception]]:
        """Each file with its size and hash, in the order given; only new ones are read.

        For a file that went away or that may not be read, the error stands in its place. Raises
        StorageError where storage failed.
        """
        with ThreadPoolExecutor(max_workers=_READERS) as threads:
            results = threads.map(lambda item: self._measure(*item), infos.items())
            yield from zip(infos, results, strict=True)

    def keep(self) -> None:
        """Remembers what was measured now, and forgets the rest. Raises StorageError."""
        if self._seen == self._known:
            return
        text = json.dumps(self._seen, ensure_ascii=False, sort_keys=True)
        data = gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=0)
        self._cache.write_bytes(self._name, data, durable=False)

    def _measure(self, name: str, info: Mapping[str, Any]) -> Measured | Exception:
        telling = [str(info.get(part)) for part in _TELLING]
        known = self._known.get(name)
        # Without an ETag nothing tells two contents of one size apart.
        if known is not None and info.get("ETag") and known[:-1] == telling:
            self._seen[name] = known
            return int(info["size"]), known[-1]
        try:
            size_bytes, sha256 = self._read(name, int(info.get("size") or 0))
        except (FileNotFoundError, StorageRefused) as error:
            return error
        if info.get("ETag") and size_bytes == info["size"]:
            self._seen[name] = [*telling, sha256]
        return size_bytes, sha256

    def _read(self, name: str, size_bytes: int) -> Measured:
        if not 0 < size_bytes <= _SMALL_BYTES:
            return self.place.size_and_sha256(name)
        data = self.place.read_bytes(name)  # one request, where pieces need another for the size
        return len(data), hashlib.sha256(data).hexdigest()

    def _load(self) -> dict[str, list[str]]:
        try:
            text = gzip.decompress(self._cache.read_bytes(self._name))
            return dict(json.loads(text.decode("utf-8", "surrogatepass")))
        except (FileNotFoundError, OSError, EOFError, zlib.error, ValueError):
            return {}

"""What was already done: results addressed by a hash of everything that they depend on.

A key covers the input's content, the options that the step reads, its engine and the step's
version. So a changed option redoes exactly the steps that read it, and a renamed file redoes
nothing. An entry that cannot be read counts as absent: it is made again.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tasks.storage import Location

_READERS = 16

Model = TypeVar("Model", bound=BaseModel)


def content_key(step: str, version: int, **parts: Any) -> str:
    """sha256 over canonical JSON of a step's inputs, 64 hex digits.

    Raises TypeError for a part that JSON cannot hold: a key must never depend on an address.
    """
    canonical = json.dumps(
        {"step": step, "version": version, **parts},
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
        default=_as_json,
    )
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


def _as_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} cannot be part of a cache key")


class StepCache:
    """JSON results below one location: `<step>/<first two digits>/<key>.json`."""

    def __init__(self, location: Location) -> None:
        self.location = location

    @property
    def images(self) -> Location:
        """Pictures by id, shared by all documents and runs."""
        return self.location / "images"

    def get(self, step: str, key: str, model: type[Model]) -> Model | None:
        try:
            raw = self.location.read_bytes(self.name_of(step, key))
            return model.model_validate_json(raw)
        except (FileNotFoundError, ValidationError):
            return None

    def stream(self, step: str, keys: Iterable[str], model: type[Model]) -> Iterator[Model | None]:
        """A result for each key, in order; None for what is not there.

        From a bucket, some are fetched ahead: one after the other, each would cost a round trip.
        """
        if self.location.is_local:
            yield from (self.get(step, key, model) for key in keys)
            return
        with ThreadPoolExecutor(max_workers=_READERS) as threads:
            ahead: deque[Future[Model | None]] = deque()
            for key in keys:
                ahead.append(threads.submit(self.get, step, key, model))
                if len(ahead) > 2 * _READERS:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()

    def has(self, step: str, key: str, model: type[BaseModel]) -> bool:
        """Whether a result is there that can be read: an empty file is no result."""
        return self.get(step, key, model) is not None

    def put(self, step: str, key: str, record: BaseModel) -> None:
        # Not forced to the disk: an entry that a power failure leaves empty is simply made again.
        self.location.write_bytes(
            self.name_of(step, key), record.model_dump_json().encode("utf-8"), durable=False
        )

    @staticmethod
    def name_of(step: str, key: str) -> str:
        """Where a result stands below the location."""
        return f"{step}/{key[:2]}/{key}.json"

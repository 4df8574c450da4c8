"""Workers that outlive a flow: each costs two seconds to start, and these tests run many flows."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tasks import in_pool
from tasks.offline import network_is_forbidden
from tasks.worker_pool import WorkerPool, default_workers


class KeptPools:
    """A pool for each way in which a run starts its workers: a worker keeps both for life."""

    def __init__(self) -> None:
        self._pools: dict[tuple[int, bool, str | None], WorkerPool] = {}

    def pool(self, size: int | None = None) -> WorkerPool:
        """Stands in for `shared_pool`, whose pool ends with the flow that made it."""
        size = size or default_workers()
        # A worker has the environment of its start, and with it the address of an S3 server.
        key = (size, network_is_forbidden(), os.environ.get("AWS_ENDPOINT_URL"))
        if key not in self._pools:
            self._pools[key] = WorkerPool(size)
        return self._pools[key]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


@pytest.fixture(scope="session")
def kept_pools() -> Iterator[KeptPools]:
    pools = KeptPools()
    yield pools
    pools.close()


@pytest.fixture
def kept_workers(kept_pools: KeptPools, monkeypatch: pytest.MonkeyPatch) -> KeptPools:
    """Flows of this process find warm workers. What ends a worker has to start its own."""
    monkeypatch.setattr(in_pool, "shared_pool", kept_pools.pool)
    return kept_pools

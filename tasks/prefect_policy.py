"""How our Prefect tasks retry and remember: declared once, used at the foot of every step.

Retries: exponential backoff with jitter, for what may pass (storage that failed, a worker that
died), never for a bad file, which would only fail again. Cache: Prefect's default key contains
the run's id and so resumes nothing; ours is the content key of the job. Results are JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect.cache_policies import CacheKeyFnPolicy
from prefect.tasks import exponential_backoff

from tasks.errors import DiskFull, StorageError, StorageRefused, WorkerDied

RETRIES = 3
_FIRST_DELAY_S = 1.0


def may_pass(task: Any, task_run: Any, state: Any) -> bool:
    """The retry condition: True where trying again can help."""
    try:
        state.result(raise_on_failure=True)
    except (DiskFull, StorageRefused):
        return False
    except (StorageError, WorkerDied, ConnectionError, TimeoutError):
        return True
    except Exception:
        return False
    return False


def _key_of_job(context: Any, parameters: Mapping[str, Any]) -> str:
    return str(parameters["job"].cache_key)


def step_policy() -> dict[str, Any]:
    """Keyword arguments for `@task`: every task takes one `job` with a `cache_key`."""
    return {
        "retries": RETRIES,
        "retry_delay_seconds": exponential_backoff(backoff_factor=_FIRST_DELAY_S),
        "retry_jitter_factor": 0.5,
        "retry_condition_fn": may_pass,
        "cache_policy": CacheKeyFnPolicy(cache_key_fn=_key_of_job),
        "persist_result": True,
        "result_serializer": "json",
    }

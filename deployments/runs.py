"""States that are set from outside, for runs whose process is gone."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID


def mark_crashed(run_ids: Sequence[str], message: str) -> list[str]:
    """Sets runs that are not at their end to Crashed; returns the names of those.

    Raises ServerUnavailable.
    """
    from prefect.exceptions import ObjectNotFound
    from prefect.states import Crashed

    from deployments.server_access import server_client

    marked = []
    with server_client() as client:
        for run_id in run_ids:
            try:
                run = client.read_flow_run(UUID(run_id))
            except ObjectNotFound:
                continue
            if run.state is not None and run.state.is_completed():
                continue
            if run.state is None or not run.state.is_final():
                client.set_flow_run_state(run.id, Crashed(message=message), force=True)
            marked.append(run.name)
    return marked

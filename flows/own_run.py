"""What the server thinks of this flow run, asked now and then while it trains.

A worker tells its runs to end. Where there is none any more, nobody does: a run that was cancelled
in the UI would train on, and one that was taken for dead would train beside its successor.
"""

from __future__ import annotations

from typing import Any

from prefect.states import Cancelled, State

_PATIENCE_LOOKS = 2
"""A worker that is alive acts within this many looks: it comes first."""


class OwnRun:
    """The run that this is called in."""

    def __init__(self) -> None:
        from prefect.context import FlowRunContext

        context = FlowRunContext.get()
        assert context is not None and context.flow_run is not None
        self._id = context.flow_run.id
        self._looks = 0
        self._over: State[Any] | None = None

    def look(self) -> None:
        """Asks the server. Raises what the client raises where it is away."""
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            state = client.read_flow_run(self._id).state
        if state is None or not (state.is_final() or state.is_cancelling()):
            self._looks = 0
            return
        self._looks += 1
        if self._looks >= _PATIENCE_LOOKS:
            self._over = state

    def is_over(self) -> bool:
        """Whether it has to stop."""
        return self._over is not None

    def last_state(self) -> State[Any] | None:
        """What a run that was stopped ends as: cancelled; None where it has ended otherwise."""
        if self._over is None or not (self._over.is_cancelling() or self._over.is_cancelled()):
            return None
        return Cancelled(message="The run was cancelled; its trainer has saved and ended.")

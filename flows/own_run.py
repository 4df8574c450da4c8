"""What the server thinks of this flow run, asked now and then while it trains.

A worker tells its runs to end. Where there is none any more, nobody does: a run that was cancelled
in the UI would train on, and one that was taken for dead would train beside its successor.
"""

from __future__ import annotations

from typing import Any

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
        self.over: str | None = None
        """Why it has to stop, in words; None while it goes on."""

    def look(self) -> None:
        """Asks the server. Raises what the client raises where it is away."""
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            state = client.read_flow_run(self._id).state
        self._looks = self._looks + 1 if _is_over(state) else 0
        if self._looks >= _PATIENCE_LOOKS:
            self.over = f"This run is {state.name} on the server"

    def is_over(self) -> bool:
        return self.over is not None


def _is_over(state: Any) -> bool:
    return state is not None and (state.is_final() or state.is_cancelling())

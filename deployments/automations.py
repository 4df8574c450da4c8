"""The automation that ends runs whose process is gone.

A worker that is killed together with its flow reports nothing: the run would stay Running and
hold its pool's slot for ever. Every run says every 30 seconds that it is alive (the pools'
templates see to that); after 90 seconds of silence the server calls it Crashed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from deployments.names import SILENT_RUNS

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

SILENCE_S = 90
_HEARTBEAT = "prefect.flow-run.heartbeat"
# A run that is over, waits on purpose, or is to start anew has nobody who could say anything.
_QUIET_STATES = ("Completed", "Failed", "Crashed", "Cancelled", "Paused", "Suspended", "Scheduled")


def silent_runs(silence_s: int = SILENCE_S) -> AutomationCore:
    """What the server is told; `silence_s` is shorter only where a test cannot wait."""
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

    return AutomationCore(
        name=SILENT_RUNS,
        description=f"A run that is silent for {silence_s} s lost its process.",
        trigger=EventTrigger(
            after={_HEARTBEAT},
            expect={_HEARTBEAT, *(f"prefect.flow-run.{state}" for state in _QUIET_STATES)},
            match={"prefect.resource.id": ["prefect.flow-run.*"]},  # type: ignore[arg-type]
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=silence_s),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                message=f"No sign of life for {silence_s} s: its process or its machine is gone.",
            )
        ],
    )


def ensure_silent_runs(client: SyncPrefectClient) -> str:
    """Makes the automation, or replaces one of ours that says something else."""
    wanted = silent_runs()
    found = client.read_automations_by_name(SILENT_RUNS)
    for surplus in found[1:]:
        client.delete_automation(surplus.id)
    if not found:
        client.create_automation(wanted)
        return f'automation "{SILENT_RUNS}": made'
    if _essence(found[0]) == _essence(wanted):
        return f'automation "{SILENT_RUNS}": there already'
    client.update_automation(found[0].id, wanted)
    return f'automation "{SILENT_RUNS}": brought up to date'


def _essence(automation: AutomationCore) -> tuple[Any, ...]:
    trigger = automation.trigger.model_dump(mode="json", exclude={"id", "type"})
    for name in ("after", "expect", "for_each"):
        trigger[name] = sorted(trigger[name])
    actions = [action.model_dump(mode="json") for action in automation.actions]
    return trigger, actions, automation.enabled

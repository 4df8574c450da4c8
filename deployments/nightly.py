"""What the nightly re-ingestion looks at: set on the server, read back by `clara status`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from deployments.names import NIGHTLY

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.client.schemas.schedules import SCHEDULE_TYPES


class Nightly(BaseModel):
    """The aim of the schedule. `active` is false where it was switched off, or has no aim."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, Any]
    active: bool
    when: str

    @property
    def source(self) -> str | None:
        return self.parameters.get("source")

    @property
    def output(self) -> str | None:
        return self.parameters.get("output")


def read_nightly(client: SyncPrefectClient) -> Nightly | None:
    """What the server has; None where nothing is deployed."""
    deployment = _deployment(client)
    if deployment is None:
        return None
    schedules = [s.schedule for s in deployment.schedules if s.active and not deployment.paused]
    return Nightly(
        parameters=dict(deployment.parameters),
        active=bool(schedules),
        when=", ".join(str(getattr(s, "cron", s)) for s in schedules),
    )


def _set(
    client: SyncPrefectClient,
    parameters: dict[str, Any],
    *,
    active: bool,
    schedule: SCHEDULE_TYPES | None,
) -> None:
    """Gives the deployment its parameters, and its schedule the time and the switch.

    An event that names no folder, and a run that is started without parameters, get the same.
    """
    from prefect.client.schemas.actions import DeploymentUpdate

    deployment = _deployment(client)
    if deployment is None:
        return
    client.update_deployment(deployment.id, DeploymentUpdate(parameters=parameters))
    for found in deployment.schedules[:1]:
        client.update_deployment_schedule(deployment.id, found.id, active=active, schedule=schedule)


@contextmanager
def keep_or_set_nightly(
    aim: dict[str, str] | None, *, switch_on: bool = False
) -> Iterator[Callable[[], Nightly | None]]:
    """Around a deployment of everything, which resets the schedule: afterwards it has `aim`.

    With no aim it has what it had before. Its time stays where somebody changed it; where somebody
    switched it off it stays off, unless `switch_on`. The yielded function reads what it is now.
    """
    from deployments.server_access import server_client

    with server_client() as client:
        before = read_nightly(client)
        deployed = _deployment(client)
        schedule = deployed.schedules[0].schedule if deployed and deployed.schedules else None
    try:
        yield _read
    finally:
        kept = before.parameters if before is not None else {}
        active = before is not None and before.active
        if aim is not None:
            switched_off = before is not None and bool(before.source) and not before.active
            active = switch_on or not switched_off
        with server_client() as client:
            _set(client, {**kept, **(aim or {})}, active=active, schedule=schedule)


def _read() -> Nightly | None:
    from deployments.server_access import server_client

    with server_client() as client:
        return read_nightly(client)


def _deployment(client: SyncPrefectClient) -> DeploymentResponse | None:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(NIGHTLY)
    except ObjectNotFound:
        return None

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


class Nightly(BaseModel):
    """The aim of the schedule. `active` is false where it was switched off, or has no aim."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parameters: dict[str, Any]
    active: bool
    cron: str

    @property
    def source(self) -> str | None:
        return self.parameters.get("source")

    @property
    def output(self) -> str | None:
        return self.parameters.get("output")


def read_nightly(client: SyncPrefectClient) -> Nightly | None:
    """What the server has; None where nothing is deployed."""
    deployment = _deployment(client)
    if deployment is None or not deployment.schedules:
        return None
    schedule = deployment.schedules[0]
    return Nightly(
        parameters=dict(deployment.parameters),
        active=schedule.active and not deployment.paused,
        cron=str(getattr(schedule.schedule, "cron", schedule.schedule)),
    )


def set_nightly(
    client: SyncPrefectClient, parameters: dict[str, Any], *, active: bool
) -> Nightly | None:
    """Gives the deployment its parameters and switches the schedule; returns what it is then.

    An event that names no folder, and a run that is started without parameters, get the same.
    """
    from prefect.client.schemas.actions import DeploymentUpdate

    deployment = _deployment(client)
    if deployment is None or not deployment.schedules:
        return None
    client.update_deployment(deployment.id, DeploymentUpdate(parameters=parameters))
    client.update_deployment_schedule(deployment.id, deployment.schedules[0].id, active=active)
    return read_nightly(client)


@contextmanager
def keep_or_set_nightly(
    aim: dict[str, str] | None, *, switch_on: bool = False
) -> Iterator[Callable[[], Nightly | None]]:
    """Around a deployment of everything, which resets the schedule: afterwards it has `aim`.

    With no aim it has what it had before. Where somebody switched it off it stays off, unless
    `switch_on`. The yielded function reads what it is now.
    """
    from deployments.server_access import server_client

    with server_client() as client:
        before = read_nightly(client)
    try:
        yield _read
    finally:
        kept = before.parameters if before is not None else {}
        switched_off = before is not None and bool(before.source) and not before.active
        with server_client() as client:
            if aim is not None:
                set_nightly(client, {**kept, **aim}, active=switch_on or not switched_off)
            elif before is not None:
                set_nightly(client, kept, active=before.active)


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

"""A stage as a run of its own on a worker: submitted, watched, submitted again where it crashed.

The wait is ours and not `run_deployment`'s, which returns normally when its time is over and leaves
the run in the queue. Whatever ends this flow ends the run that it waits for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from clara_model.errors import ConfigError, TrainingFailed
from flows.stage_trainer import StageStopped
from flows.stage_watch import Say, describe
from tasks.errors import ClaraError, ServerUnavailable
from tasks.prefect_server import unreachable

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse

_LOOK_EVERY_S = 2.0
_CANCEL_TIMEOUT_S = 60.0


class NoWorker(ClaraError):
    """Nobody took a stage's run from its work pool."""


class StageRuns:
    """Runs stages through a deployment, one at a time. Close it, or use it as a context."""

    def __init__(
        self,
        client: SyncPrefectClient,
        deployment: DeploymentResponse,
        name: str,
        *,
        start_timeout_s: float,
        attempts: int,
        say: Say,
    ) -> None:
        self._client = client
        self._deployment = deployment
        self._name = name
        self._pool = deployment.work_pool_name or ""
        self._start_timeout_s = start_timeout_s
        self._attempts = attempts
        self._say = say

    def run(self, stage: str, parameters: dict[str, Any]) -> None:
        """Has a worker train `stage`, until it is done.

        Raises NoWorker; TrainingFailed with the run's own message; StageStopped where somebody
        cancelled it; ConfigError where another run trains it with other parameters.
        """
        for attempt in range(1, self._attempts + 1):
            run = self._running(stage, parameters) or self._submit(stage, parameters)
            state = self._wait(run)
            if state.is_completed():
                return
            message = state.message or state.name
            if state.is_cancelled():
                raise StageStopped(f"{stage}: its run {run.name!r} was cancelled ({message}).")
            if not state.is_crashed():
                raise TrainingFailed(f"{stage}: {message}")
            if attempt < self._attempts:
                self._say(
                    f"{stage}: its run {run.name!r} crashed ({message}). It is submitted again and "
                    "goes on from its last checkpoint."
                )
        raise TrainingFailed(
            f"{stage}: its run crashed {self._attempts} times, the last time so: {message} The "
            "same run of `train` goes on from the last checkpoint."
        )

    def _submit(self, stage: str, parameters: dict[str, Any]) -> FlowRun:
        from prefect.deployments import run_deployment
        from prefect.exceptions import PrefectHTTPStatusError

        try:
            run = cast(
                "FlowRun",
                run_deployment(
                    self._name, parameters=parameters, timeout=0, flow_run_name=f"train {stage}"
                ),
            )
        except PrefectHTTPStatusError as error:
            raise ConfigError(
                f"{stage}: the server refused a run of {self._name} ({describe(error)}): deploy "
                "this version of the project again with `clara up`."
            ) from error
        self._say(f"{stage}: submitted to {self._pool} as the run {run.id}.")
        return run

    def _running(self, stage: str, parameters: dict[str, Any]) -> FlowRun | None:
        """A run that trains this already: one whose `train` was killed leaves it behind."""
        for run in self._active(deployment=True):
            theirs = run.parameters or {}
            if (theirs.get("output"), theirs.get("stage")) != (parameters["output"], stage):
                continue
            if run.state is not None and run.state.is_cancelling():
                self._finish_cancelling(run)
                continue
            changed = [k for k, value in parameters.items() if theirs.get(k) != value]
            if changed:
                raise ConfigError(
                    f"The run {run.name!r} trains {stage} in {parameters['output']} with another "
                    f"{', '.join(changed)}: wait for it, cancel it, or name another output."
                )
            self._say(f"{stage}: the run {run.name!r} trains it already; waiting for that one.")
            return run
        return None

    def _wait(self, run: FlowRun) -> Any:
        """The final state of a run. Whatever interrupts the wait cancels it."""
        try:
            return self._final_state(run)
        except BaseException:
            self._cancel(run)
            raise

    def _final_state(self, run: FlowRun) -> Any:
        patience = _Patience(self._start_timeout_s)
        told = away = False
        while True:
            try:
                state = self._client.read_flow_run(run.id).state
                waits = state is None or state.is_scheduled() or state.is_pending()
                in_line = waits and self._is_in_line(run.id)
            except unreachable() as error:
                if not away:
                    self._say(f"The server does not answer ({describe(error)}): waiting for it.")
                away = True
                patience.restart()
                time.sleep(_LOOK_EVERY_S)
                continue
            if away:
                self._say("The server answers again.")
                away = False
            if state is not None and state.is_final():
                return state
            if not waits or in_line:
                patience.restart()
            if in_line and not told:
                self._say(f"{run.name!r} waits in line: {self._pool} is busy with other runs.")
                told = True
            if waits and patience.is_over():
                raise self._nobody_came(run)
            time.sleep(_LOOK_EVERY_S)

    def _nobody_came(self, run: FlowRun) -> NoWorker:
        workers = "A worker is online there and did not take it (is the pool or its queue paused?)."
        if not self._has_worker():
            workers = "No worker is online there."
        return NoWorker(
            f"Nobody has started the run {run.name!r} of the work pool {self._pool!r} within "
            f"{self._start_timeout_s:.0f} s. {workers} It is cancelled. Start a worker where there "
            f"is a GPU, `prefect worker start --pool {self._pool}`, and run the same again."
        )

    def _is_in_line(self, run_id: UUID) -> bool:
        """Whether a worker is there that has other runs to end first."""
        return self._has_worker() and any(
            other.id != run_id
            and other.state is not None
            and (other.state.is_running() or other.state.is_cancelling())
            for other in self._active(deployment=False)
        )

    def _has_worker(self) -> bool:
        from prefect.client.schemas.objects import WorkerStatus

        workers = self._client.read_workers_for_work_pool(self._pool)
        return any(worker.status == WorkerStatus.ONLINE for worker in workers)

    def _active(self, *, deployment: bool) -> list[FlowRun]:
        """The unfinished runs of the deployment, or of its whole pool."""
        from prefect.client.schemas.filters import (
            DeploymentFilter,
            DeploymentFilterId,
            FlowRunFilter,
            FlowRunFilterState,
            FlowRunFilterStateType,
            WorkPoolFilter,
            WorkPoolFilterName,
        )
        from prefect.client.schemas.objects import TERMINAL_STATES, StateType

        unfinished = [kind for kind in StateType if kind not in TERMINAL_STATES]
        state = FlowRunFilterState(type=FlowRunFilterStateType(any_=unfinished))
        where: dict[str, Any] = (
            {
                "deployment_filter": DeploymentFilter(
                    id=DeploymentFilterId(any_=[self._deployment.id])
                )
            }
            if deployment
            else {"work_pool_filter": WorkPoolFilter(name=WorkPoolFilterName(any_=[self._pool]))}
        )
        return self._client.read_flow_runs(flow_run_filter=FlowRunFilter(state=state), **where)

    # What is begun here does not run on without us

    def _cancel(self, run: FlowRun) -> None:
        from prefect.states import Cancelling

        try:
            state = self._client.read_flow_run(run.id).state
            if state is not None and state.is_final():
                return
            self._client.set_flow_run_state(
                run.id, Cancelling(message="The training that waited for this run has ended.")
            )
            self._finish_cancelling(run)
        except unreachable() as error:
            self._say(
                f"The run {run.name!r} could not be cancelled ({describe(error)}): cancel it by "
                f"hand, `prefect flow-run cancel {run.id}`."
            )

    def _finish_cancelling(self, run: FlowRun) -> None:
        """Waits for the end of a run that is being cancelled."""
        deadline = time.monotonic() + _CANCEL_TIMEOUT_S
        while time.monotonic() < deadline:
            state = self._client.read_flow_run(run.id).state
            if state is not None and state.is_final():
                return
            time.sleep(_LOOK_EVERY_S / 4)
        self._say(f"The run {run.name!r} is still being cancelled after {_CANCEL_TIMEOUT_S:.0f} s.")


class _Patience:
    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self.restart()

    def restart(self) -> None:
        self._since = time.monotonic()

    def is_over(self) -> bool:
        return time.monotonic() - self._since >= self._limit_s


@contextmanager
def stage_runs(
    name: str | None, *, start_timeout_s: float, attempts: int, say: Say
) -> Iterator[StageRuns | None]:
    """The runs of the deployment `name`; None where there is none of that name on the server.

    Raises ServerUnavailable, ConfigError for a deployment without a work pool.
    """
    if name is None:
        yield None
        return
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(name)
        except ObjectNotFound:
            say(f"There is no deployment {name} on this server: the stages run in this process.")
            yield None
            return
        except unreachable() as error:
            raise ServerUnavailable(
                f"the Prefect server does not answer ({describe(error)}): `clara status` says more"
            ) from error
        if not deployment.work_pool_name:
            raise ConfigError(
                f"The deployment {name} has no work pool, so nobody would take its runs: deploy it "
                "again with `clara up`."
            )
        yield StageRuns(
            client, deployment, name, start_timeout_s=start_timeout_s, attempts=attempts, say=say
        )


def worker_is_online(name: str) -> bool:
    """Whether the server has the deployment `name` and somebody who would take its runs."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import WorkerStatus
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            pool = client.read_deployment_by_name(name).work_pool_name
        except ObjectNotFound:
            return False
        workers = client.read_workers_for_work_pool(pool) if pool else []
        return any(worker.status == WorkerStatus.ONLINE for worker in workers)

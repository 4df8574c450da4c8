"""Ingest again, and train the current model further where enough is new.

    prefect deployment run reingest/nightly
    prefect deployment run reingest/nightly -p train_after_ingest=true -p model_output=MODEL

A run that finds nothing new ends in seconds. Training is a run of `train/cpu` of its own that
this one does not wait for: it holds no slot. Where there is no such deployment, or none is named,
it runs in this process.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from typing import Any

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed

from flows.current_model import PlannedTraining, adopt_once
from flows.failures import ended
from flows.ingest import ingest
from flows.run_log import run_teller
from flows.warm_start import WarmStart, model_tag, parameters_of
from flows.work_folder import enter_work_folder
from tasks.errors import UsageError
from tasks.published import open_data_set
from tasks.storage import Location

_WITH_ROWS = ("done", "unchanged")


@flow(name="reingest", flow_run_name="reingest {source}", persist_result=False)
def reingest(
    source: str,
    output: str,
    ingest_options: dict[str, Any] | None = None,
    train_after_ingest: bool = False,
    min_new_rows: int = 500,
    model_output: str | None = None,
    replay_share: float = 1.0,
    from_zero: bool = False,
    train_parameters: dict[str, Any] | None = None,
    train_deployment: str | None = "train/cpu",
    seed: int = 0,
) -> Any:
    """Ingest SOURCE again into OUT; what has not changed is not made again.

    Args:
        source: Folder or fsspec URI of the documents.
        output: Folder or fsspec URI of the data set.
        ingest_options: Further parameters of the flow `ingest`, by name.
        train_after_ingest: Train the current model further where enough rows are new.
        min_new_rows: New rows that a training needs, in the files of its stages together.
        model_output: Folder or fsspec URI of the model: what `clara train --output` was given.
        replay_share: Rows that the model knows already, for each new one, against forgetting.
        from_zero: Train all rows from the base model, and not from the current checkpoint.
        train_parameters: Parameters of the flow `train`, by name; its data, output and start are
            decided here. Without `stages` the current model's own stage is trained.
        train_deployment: Deployment that trains; null: in this process.
        seed: Decides which known rows are repeated.

    Returns `{"ingest": the summary of ingest, "training": {"state", "sentence", ...}}`. Raises
    ClaraError and ModelError, which under a worker become the run's message.
    """

    def run() -> Any:
        enter_work_folder(source=source, output=output, model_output=model_output)
        given = _checked(dict(ingest_options or {}))
        warm = None
        if model_output:
            warm = WarmStart(
                output=output,
                model_output=_in_full(model_output),
                min_new_rows=min_new_rows,
                replay_share=replay_share,
                from_zero=from_zero,
                seed=seed,
                train_parameters=train_parameters or {},
            )
            adopt_once(warm.model, output)
        elif train_after_ingest:
            raise UsageError(
                "train_after_ingest needs model_output: the folder that clara train wrote"
            )
        summary = ingest(source=source, output=output, **given)
        summary.pop("facts", None)  # for the report, which stands in OUT
        sentence = _sentence(summary, source, output)
        training = {"state": "not_asked", "sentence": "no training was asked for"}
        if warm is not None and train_after_ingest and summary["outcome"] in _WITH_ROWS:
            training = _train(warm, train_deployment)
            sentence = f"{sentence}. {training['sentence']}"
        run_teller()(sentence)
        return Completed(message=sentence, data={"ingest": summary, "training": training})

    return ended(run)


def _sentence(summary: dict[str, Any], source: str, output: str) -> str:
    """What became of the data set, for the run's page."""
    outcome = summary["outcome"]
    if outcome == "unchanged":
        return f"nothing is new in {source}: {output} stands as it is"
    if outcome == "waiting":
        return f"{output} stands as it was: {summary['waiting']}"
    if outcome == "nothing_produced":
        return f"{output} has no row: rejects.jsonl in it says why"
    statuses = Counter(entry.status for entry in open_data_set(output).manifest.sources.values())
    changes = ", ".join(f"{statuses[name]} {name}" for name in ("new", "changed", "removed"))
    return f"{output} was brought up to date: {changes}"


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    known = set(inspect.signature(ingest.fn).parameters) - {"source", "output"}
    for name in options:
        if name not in known:
            raise UsageError(
                f"ingest_options has {name!r}; what ingest takes: {', '.join(sorted(known))}"
            )
    return options


def _train(warm: WarmStart, deployment: str | None) -> dict[str, Any]:
    """Plans a training and hands it over. Raises ClaraError."""
    deployment = deployment if deployment and _exists(deployment) else None
    if deployment is not None and (going_on := _going_on(warm.model_output)) is not None:
        sentence = f"training {going_on} is not at its end: what is new is left to the next run"
        return {"state": "going_on", "sentence": sentence}
    decision = warm.decide(run_teller())
    if decision.plan is None:
        return {"state": decision.state, "sentence": decision.sentence}
    parameters = parameters_of(decision.plan, warm.train_parameters, warm.model_output)
    if deployment is None:
        from flows.train import train

        run_teller()(decision.sentence)
        train(**parameters)
        where: Mapping[str, Any] = {"state": "trained"}
    else:
        where = {"state": "submitted", "run": _submit(deployment, decision.plan, warm, parameters)}
    facts = {"id": decision.plan.id, "rows": _rows(decision.plan)}
    return {**where, **facts, "sentence": f"training {decision.plan.id}: {decision.sentence}"}


def _submit(
    deployment: str, plan: PlannedTraining, warm: WarmStart, parameters: dict[str, Any]
) -> str:
    from prefect.deployments import run_deployment

    run: Any = run_deployment(
        deployment,
        parameters=parameters,
        timeout=0,  # a run that waited for it would hold its slot for days
        as_subflow=False,  # and would take it along when it ends
        flow_run_name=f"train {plan.id}",
        tags=[model_tag(warm.model_output)],
    )
    return str(run.id)


def _exists(deployment: str) -> bool:
    with get_client(sync_client=True) as client:
        try:
            client.read_deployment_by_name(deployment)
        except ObjectNotFound:
            run_teller()(f"there is no deployment {deployment}: training in this process")
            return False
    return True


def _going_on(model_output: str) -> str | None:
    """The name of a training into this model folder that is not at its end."""
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
        FlowRunFilterTags,
    )
    from prefect.client.schemas.objects import TERMINAL_STATES

    unfinished = FlowRunFilter(
        tags=FlowRunFilterTags(all_=[model_tag(model_output)]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(not_any_=list(TERMINAL_STATES))),
    )
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=unfinished, limit=1)
    return runs[0].name if runs else None


def _in_full(place: str) -> str:
    """An absolute path, or the URI as it is: who trains stands in another folder."""
    return Location(place).uri()


def _rows(plan: PlannedTraining) -> dict[str, dict[str, int]]:
    return {stage: counted.model_dump() for stage, counted in plan.rows.items()}

"""Documents to a model: the `pipeline` flow, `ingest` and then `train`.

    clara pipeline SOURCE --output OUT --model-output MODEL
    prefect deployment run pipeline/cpu -p source=... -p output=... -p model_output=... --watch

Both are subflows in this process; the stages of training are runs of their own where the server
has a deployment for them (flows/train.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.exceptions import CancelledRun
from prefect.states import Cancelled, State

from clara_model.errors import ConfigError
from flows.failures import ended
from flows.ingest import ingest
from flows.run_log import run_teller
from flows.train import train
from flows.work_folder import enter_work_folder
from tasks.errors import ClaraError

_READY = ("done", "unchanged")


class NothingToTrain(ClaraError):
    """Ingestion ended without a data set."""

    exit_code = 3


@flow(name="pipeline", flow_run_name="pipeline {source}", persist_result=False)
def pipeline(
    source: str,
    output: str,
    model_output: str,
    ingest_options: dict[str, Any] | None = None,
    train_options: dict[str, Any] | None = None,
) -> dict[str, Any] | State[Any]:
    """Turn a folder of documents into training data, and that into a model.

    Args:
        source: Folder or s3:// address of the documents.
        output: Folder or s3:// address of the data set.
        model_output: Folder or s3:// address of the checkpoints.
        ingest_options: Further parameters of `ingest`.
        train_options: Further parameters of `train`.

    Returns the summary of `ingest` and the records of the stages. Raises ClaraError and
    ModelError, which under a worker become the run's message.
    """

    def run() -> dict[str, Any] | State[Any]:
        enter_work_folder(source=source, output=output, model_output=model_output)
        to_ingest = _options("ingest_options", ingest_options, ingest, {"source", "output"})
        to_train = _options("train_options", train_options, train, {"data", "output"})
        data = _in_full(output)
        summary = ingest(source=_in_full(source), output=data, **to_ingest)
        if summary["outcome"] not in _READY:
            raise NothingToTrain(
                f"There is no data set to train on: {summary.get('waiting') or summary['outcome']}"
            )
        run_teller()(f"The data set is in {data}; training goes to {model_output}.")
        try:
            stages = train(data=data, output=_in_full(model_output), **to_train)
        except CancelledRun as stopped:
            return Cancelled(message=str(stopped))
        return {"ingest": summary, "train": stages}

    return ended(run)


def _options(
    name: str, values: dict[str, Any] | None, called: Any, own: set[str]
) -> dict[str, Any]:
    """Parameters to hand on. Raises ConfigError for what `called` does not take."""
    given = dict(values or {})
    taken = set(called.parameters.properties)
    if clash := sorted(own & given.keys()):
        raise ConfigError(f"{name} names {', '.join(clash)}, which the pipeline sets itself.")
    if unknown := sorted(given.keys() - taken):
        from difflib import get_close_matches

        near = get_close_matches(unknown[0], sorted(taken), n=2)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise ConfigError(f"{name}: {called.name} has no parameter {', '.join(unknown)}.{hint}")
    return given


def _in_full(place: str) -> str:
    return place if "://" in place else str(Path(place).expanduser().absolute())

"""What `clara pipeline` does around the flow: check first, connect, run, sum up."""

from __future__ import annotations

from typing import Any

from flows.cli_ingest import connected, run_quietly
from tasks.errors import EXIT_DONE, UsageError
from tasks.options import IngestOptions, checked_options
from tasks.settings import settings


def run_pipeline(
    source: str | None,
    output: str | None,
    model_output: str | None,
    *,
    base_model: str | None,
    stages: str | None,
    preset: str | None,
    max_steps: int | None,
    on_workers: bool | None,
    options: dict[str, Any],
    train_options: dict[str, Any],
) -> int:
    """Runs the flow and returns the exit code. Raises ClaraError, ModelError.

    `on_workers` None: the stages are submitted where a worker would take them.
    """
    source = source or settings().raw_data_dir
    if not source:
        raise UsageError("name the folder of documents: clara pipeline SOURCE --output OUT")
    if not output:
        raise UsageError("name the folder of the data set: --output OUT")
    if not model_output:
        raise UsageError("name the folder of the checkpoints: --model-output MODEL")
    ingest_options: IngestOptions = checked_options(options)
    to_train = {
        "base_model": base_model,
        "stages": stages,
        "preset": preset,
        "max_steps": max_steps,
        "options": train_options,
    }
    _check_training(model_output, to_train)
    console = connected(source, output, None, ingest_options)
    from flows.pipeline import pipeline
    from flows.stage_runs import worker_is_online
    from flows.train import STAGE_DEPLOYMENT

    if on_workers is None:
        on_workers = worker_is_online(STAGE_DEPLOYMENT)
    console.print(
        f"The stages train as runs of {STAGE_DEPLOYMENT}; --here trains them on this machine."
        if on_workers
        else "The stages train on this machine; --on-workers submits them.",
        highlight=False,
        soft_wrap=True,
    )
    done = run_quietly(
        pipeline,
        source=source,
        output=output,
        model_output=model_output,
        ingest_options=ingest_options.model_dump(),
        train_options={**to_train, "stage_deployment": STAGE_DEPLOYMENT if on_workers else None},
    )
    for record in done["train"]:
        print(record["uri"])
    return EXIT_DONE


def _check_training(model_output: str, asked: dict[str, Any]) -> None:
    """What is wrong with the training is said before anything is ingested. Raises ConfigError."""
    from flows.train_request import TrainRequest, parse_stages

    stages = parse_stages(asked["stages"])
    given = {k: v for k, v in asked.items() if k not in ("stages", "preset")}
    request = TrainRequest(data="", output=model_output, **given)
    # Which preset serves depends on the rows; what a preset sets can be refused by none.
    request.resolved(stages, preset=asked["preset"] or "small")


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """{"learning_rate": 0.001} of ["learning_rate=0.001"]; values as YAML reads them.

    Raises UsageError.
    """
    import yaml

    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                f"--train {pair!r} is no NAME=VALUE, as in --train learning_rate=0.001"
            )
        try:
            options[name.strip().replace("-", "_")] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"--train {pair!r}: the value cannot be read ({error})") from error
    return options

